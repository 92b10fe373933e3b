package main

import (
	"context"
	"time"
)

// killTrials is fault 1: kill -9 of a terminal at random points.
func killTrials() []trial {
	return []trial{{fault: 1, name: "terminal killed at any moment", run: killTerminals}}
}

func killTerminals(ctx context.Context, s *scene) error {
	s.addKiosks(s.times(2, 8), s.dir)
	lives := s.times(6, 125)
	h, err := s.startHub(ctx, "hub", hubSettings{})
	if err != nil {
		return err
	}
	for i := range s.kiosks {
		if err := s.killOften(ctx, h, s.kiosks[i], lives); err != nil {
			return err
		}
	}
	return s.judge(ctx, h.dsn)
}

// killOften kills one terminal again and again: while it opens its log, between two
// records, inside an append, while it sends. Every second life is offline, so that the
// disk alone answers for what was promised.
func (s *scene) killOften(ctx context.Context, h *hub, who identity, lives int) error {
	for life := range lives {
		order := s.order(h.url(), who.ID, who)
		order.Offline = life%2 == 1
		begun := time.Now()
		k, err := startKiosk(s.dir, order)
		if err != nil {
			return err
		}
		if s.random.IntN(8) > 0 { // otherwise it may die before it is ready
			if err := k.promised(ctx, 1+s.random.IntN(20)); err != nil {
				return err
			}
		}
		if life%16 == 14 {
			at, err := k.caught(ctx)
			if err != nil {
				return err
			}
			s.recovered(begun, at)
		}
		wait(ctx, s.between(0, 20*time.Millisecond))
		k.kill()
		s.row.runs++
	}
	begun := time.Now()
	k, err := s.startKiosk(ctx, s.order(h.url(), who.ID, who))
	if err != nil {
		return err
	}
	at, err := k.caught(ctx)
	if err != nil {
		return err
	}
	s.recovered(begun, at)
	return k.finish(ctx)
}
