package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"yeban/hub/projector"
	"yeban/hub/store"
)

// oddTrials is fault 12: nothing breaks, and yet something is wrong.
func oddTrials() []trial {
	return []trial{
		{fault: 12, name: "terminal's clock jumps", run: jumpClock},
		{fault: 12, name: "bodies that the hub cannot open: parked, and the cursor moves on", run: poison},
		{fault: 12, name: "answers to a catalogue that the hub no longer has", run: retiredCatalog},
		{fault: 12, name: "hostile update (old, expired, tampered, cut in mid-apply)",
			missing: func() string { return "updates are not built yet" }},
	}
}

// jumpClock sets a terminal's clock ahead, back to 1970 and right again.
func jumpClock(ctx context.Context, s *scene) error {
	h, p, k, err := s.behindProxy(ctx, hubSettings{})
	if err != nil {
		return err
	}
	st, err := store.Open(ctx, h.dsn, nil)
	if err != nil {
		return err
	}
	defer st.Close()
	to1970 := -time.Since(time.Unix(0, 0))
	for _, jump := range []time.Duration{26 * time.Hour, to1970, -90 * time.Second, 0} {
		if err := k.more(ctx, 10); err != nil {
			return err
		}
		k.tell("shift " + jump.String())
		if _, err := k.await(ctx, "shifted", func(s said) bool { return s.rest == jump.String() }); err != nil {
			return err
		}
		ups, begun := k.last("up").times, time.Now()
		p.cut() // the clocks are compared in HELLO
		if _, err := k.await(ctx, "up", func(s said) bool { return s.times > ups }); err != nil {
			return err
		}
		if err := k.more(ctx, 10); err != nil {
			return err
		}
		at, err := k.caught(ctx)
		if err != nil {
			return err
		}
		s.recovered(begun, at)
		who, err := st.Kiosk(ctx, s.kiosks[0].ID)
		if err != nil {
			return err
		}
		if off := who.ClockOffset - jump; off.Abs() > 30*time.Second {
			return fmt.Errorf("clock jumped by %s, the hub measured %s", jump, who.ClockOffset)
		}
		s.row.runs++
	}
	s.row.note("each offset was measured by the hub")
	if err := k.finish(ctx); err != nil {
		return err
	}
	return s.judge(ctx, h.dsn)
}

// poison has a terminal seal some records to a key that the hub has not got.
func poison(ctx context.Context, s *scene) error {
	s.addKiosks(1, s.dir)
	h, err := s.startHub(ctx, "hub", hubSettings{})
	if err != nil {
		return err
	}
	for life := range s.times(4, 20) {
		order := s.order(h.url(), "k", s.kiosks[0])
		order.StrangeKey = life%2 == 0
		begun := time.Now()
		k, err := s.startKiosk(ctx, order)
		if err != nil {
			return err
		}
		if err := k.promised(ctx, 10); err != nil {
			return err
		}
		at, err := k.caught(ctx)
		if err != nil {
			return err
		}
		s.recovered(begun, at)
		if err := k.finish(ctx); err != nil {
			return err
		}
		s.row.runs++
	}
	st, err := store.Open(ctx, h.dsn, nil)
	if err != nil {
		return err
	}
	defer st.Close()
	if err := projected(ctx, st); err != nil {
		return err
	}
	promises, err := readOracle(s.oracles...)
	if err != nil {
		return err
	}
	want, found := 0, 0
	for _, p := range promises {
		if p.sealed {
			want++
		}
	}
	parked, err := st.ParkedRecords(ctx, 1_000_000)
	if err != nil {
		return err
	}
	for _, p := range parked {
		if p.Reason == string(projector.ReasonSealed) {
			found++
		}
	}
	if want == 0 || want != found || found != len(parked) {
		return fmt.Errorf("%d were handed in sealed to a strange key, %d are parked for that, %d in all", want, found, len(parked))
	}
	s.row.note("%d parked for a person", found)
	return s.judge(ctx, h.dsn)
}

// retiredCatalog sends what was answered under a version that is gone.
func retiredCatalog(ctx context.Context, s *scene) error {
	s.addKiosks(1, s.dir)
	h, err := s.startHub(ctx, "hub", hubSettings{catalog: filepath.Join(s.rig.root, "assets", "catalog")})
	if err != nil {
		return err
	}
	order := s.order(h.url(), "k", s.kiosks[0])
	order.Catalog = "1999.1"
	begun := time.Now()
	k, err := s.startKiosk(ctx, order)
	if err != nil {
		return err
	}
	if err := k.promised(ctx, s.times(20, 500)); err != nil {
		return err
	}
	at, err := k.caught(ctx)
	if err != nil {
		return err
	}
	s.recovered(begun, at)
	s.row.runs++
	if err := k.finish(ctx); err != nil {
		return err
	}
	st, err := store.Open(ctx, h.dsn, nil)
	if err != nil {
		return err
	}
	defer st.Close()
	if err := projected(ctx, st); err != nil {
		return err
	}
	shown, err := st.Applications(ctx, store.Filter{Limit: 1_000_000})
	if err != nil {
		return err
	}
	parked, err := st.ParkedRecords(ctx, 1)
	if err != nil {
		return err
	}
	if len(shown) == 0 || len(parked) > 0 {
		return fmt.Errorf("%d applications are shown, %d parked", len(shown), len(parked))
	}
	s.row.note("%d applications shown to staff, none judged by a wrong version", len(shown))
	return s.judge(ctx, h.dsn)
}

// projected waits until staff can see everything that is committed.
func projected(ctx context.Context, st *store.Store) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		newest, err := st.Newest(ctx)
		if err != nil {
			return err
		}
		at, err := st.Position(ctx, "projector")
		switch {
		case err != nil:
			return err
		case at == newest:
			return nil
		case !wait(ctx, 20*time.Millisecond):
			return fmt.Errorf("projector is at %d of %d: %w", at, newest, ctx.Err())
		}
	}
}
