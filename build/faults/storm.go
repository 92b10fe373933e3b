package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"
)

// stormTrials is fault 11.
func stormTrials() []trial {
	return []trial{{fault: 11, name: "reconnect storm: the hub of a whole city restarts", run: storm}}
}

// storm kills the hub under many terminals and lets them all come back at once. Back-off
// ends at 1 s here, where a real terminal's ends at 60 s: the storm is worse than life.
func storm(ctx context.Context, s *scene) error {
	const programs = 2
	n := s.times(200, 1000)
	s.addKiosks(n, filepath.Join(s.dir, "kiosks"))
	h, err := s.startHub(ctx, "hub", hubSettings{ping: 10 * time.Second, dead: 30 * time.Second, settle: true})
	if err != nil {
		return err
	}
	var all []*kiosk
	for i := range programs {
		order := s.order(h.url(), fmt.Sprint("part", i), s.kiosks[i*n/programs:(i+1)*n/programs]...)
		order.Pause, order.Largest = time.Duration(n)*10*time.Millisecond, 1000
		k, err := s.startKiosk(ctx, order)
		if err != nil {
			return err
		}
		all = append(all, k)
	}
	for run := range s.times(1, 5) {
		for _, k := range all {
			if _, err := k.await(ctx, "up", func(s said) bool { return number(s.rest) >= (run+1)*n/programs }); err != nil {
				return err
			}
			if err := k.more(ctx, 20); err != nil {
				return err
			}
		}
		h.kill()
		wait(ctx, time.Second) // every terminal has noticed and tries
		begun := time.Now()
		if err := h.run(ctx); err != nil {
			return err
		}
		var last time.Time
		for _, k := range all {
			at, err := k.caught(ctx)
			if err != nil {
				return err
			}
			if at.After(last) {
				last = at
			}
		}
		s.recovered(begun, last)
		s.row.runs++
	}
	for _, k := range all {
		if err := k.finish(ctx); err != nil {
			return err
		}
	}
	s.row.note("%d terminals", n)
	return s.judge(ctx, h.dsn)
}
