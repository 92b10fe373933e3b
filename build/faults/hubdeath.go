package main

import (
	"context"
	"path/filepath"
	"time"
)

// hubDeathTrials is fault 8.
func hubDeathTrials() []trial {
	return []trial{
		{fault: 8, name: "hub killed in mid-batch (SQLite)", run: killHub},
		{fault: 8, name: "hub without power in mid-batch (SQLite)", missing: noDisk, run: cutHub},
	}
}

const (
	hubKiosks = 4
	busy      = 20 * time.Millisecond // mean time between two visits
)

// busyHub is a hub with several terminals that never rest.
func (s *scene) busyHub(ctx context.Context, set hubSettings) (*hub, *kiosk, error) {
	s.addKiosks(hubKiosks, s.dir)
	h, err := s.startHub(ctx, "hub", set)
	if err != nil {
		return nil, nil, err
	}
	order := s.order(h.url(), "k", s.kiosks...)
	order.Pause = busy
	k, err := s.startKiosk(ctx, order)
	return h, k, err
}

// killHub kills the hub again and again in the middle of commits.
func killHub(ctx context.Context, s *scene) error {
	h, k, err := s.busyHub(ctx, hubSettings{})
	if err != nil {
		return err
	}
	for range s.times(10, 200) {
		if err := s.midBatch(ctx, h); err != nil {
			return err
		}
		h.kill()
		if err := s.comeBack(ctx, h, k); err != nil {
			return err
		}
	}
	return s.settle(ctx, h, k)
}

// cutHub pulls the plug of the hub's disk.
func cutHub(ctx context.Context, s *scene) error {
	d, err := s.startDisk(ctx, "disk", 2*diskBytes)
	if err != nil {
		return err
	}
	h, k, err := s.busyHub(ctx, hubSettings{data: filepath.Join(d.path, "hub")})
	if err != nil {
		return err
	}
	var all losses
	for range s.times(5, 60) {
		if err := s.midBatch(ctx, h); err != nil {
			return err
		}
		l, err := d.cut(ctx)
		if err != nil {
			return err
		}
		h.kill()
		if err := d.again(ctx); err != nil {
			return err
		}
		all.kept, all.dropped, all.torn = all.kept+l.kept, all.dropped+l.dropped, all.torn+l.torn
		if err := s.comeBack(ctx, h, k); err != nil {
			return err
		}
	}
	s.row.note("unflushed writes: %d dropped, %d torn, %d kept", all.dropped, all.torn, all.kept)
	return s.settle(ctx, h, k)
}

// midBatch waits until this life of the hub has committed something, and a little more.
func (s *scene) midBatch(ctx context.Context, h *hub) error {
	for n := 0; n == 0; {
		var err error
		if n, err = h.committed(ctx); err != nil {
			return err
		}
		if n == 0 && !wait(ctx, time.Millisecond) {
			return ctx.Err()
		}
	}
	wait(ctx, s.between(0, 60*time.Millisecond))
	return nil
}

// comeBack starts the hub again and waits until it has caught up.
func (s *scene) comeBack(ctx context.Context, h *hub, k *kiosk) error {
	begun := time.Now()
	if err := h.run(ctx); err != nil {
		return err
	}
	at, err := k.caught(ctx)
	if err != nil {
		return err
	}
	s.recovered(begun, at)
	s.row.runs++
	return nil
}

// settle ends the terminals and judges. A hub that took back what it had acknowledged was
// not as durable as it said, even where the terminals have made it good.
func (s *scene) settle(ctx context.Context, h *hub, k *kiosk) error {
	if err := k.finish(ctx); err != nil {
		return err
	}
	if back := k.last("rewound"); back.times > 0 {
		s.row.trouble(&s.row.lost, "hub took back acknowledgements %d times, last %s", back.times, back.rest)
	}
	return s.judge(ctx, h.dsn)
}
