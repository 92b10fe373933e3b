package main

import (
	"context"
	"fmt"
	"time"

	"yeban/hub/store"
	"yeban/sync/protocol"
)

// lineTrials are faults 5 to 7: what a line can do.
func lineTrials() []trial {
	return []trial{
		{fault: 5, name: "acknowledgement lost after the commit", run: loseAcknowledgements},
		{fault: 6, name: "half-open line, no RST (cable out of a network namespace)", missing: noNamespace, run: pullCable},
		{fault: 6, name: "half-open line, no RST (proxy that forwards nothing)", run: goSilent},
		{fault: 7, name: "slow, jerky line, cut in mid-frame", run: cutFrames},
	}
}

// behindProxy is a hub, a proxy before it and one terminal.
func (s *scene) behindProxy(ctx context.Context, set hubSettings) (*hub, *proxy, *kiosk, error) {
	s.addKiosks(1, s.dir)
	h, err := s.startHub(ctx, "hub", set)
	if err != nil {
		return nil, nil, nil, err
	}
	p, err := s.startProxy(h.address)
	if err != nil {
		return nil, nil, nil, err
	}
	order := s.order("ws://"+p.address()+protocol.Path, "k", s.kiosks[0])
	order.Pause = 5 * time.Millisecond
	k, err := s.startKiosk(ctx, order)
	return h, p, k, err
}

// loseAcknowledgements lets the hub hear and commit, and keeps its answer from arriving.
func loseAcknowledgements(ctx context.Context, s *scene) error {
	h, p, k, err := s.behindProxy(ctx, hubSettings{})
	if err != nil {
		return err
	}
	for s.row.runs < s.times(10, 200) {
		if err := k.more(ctx, 5); err != nil {
			return err
		}
		if _, err := k.caught(ctx); err != nil { // so that it is connected
			return err
		}
		p.set(func(p *proxy) { p.how = swallowDown })
		heard, err := h.commitsMore(ctx, 1+s.random.IntN(8))
		if err != nil {
			return err
		}
		p.cut()
		p.set(func(p *proxy) { p.how = through })
		begun := time.Now()
		at, err := k.caught(ctx)
		if err != nil {
			return err
		}
		if heard { // otherwise the line was down by itself just then
			s.recovered(begun, at)
			s.row.runs++
		}
	}
	if err := k.finish(ctx); err != nil {
		return err
	}
	return s.judge(ctx, h.dsn)
}

// goSilent holds a line open over which nothing goes.
func goSilent(ctx context.Context, s *scene) error {
	for range s.times(1, 5) {
		if err := s.silence(ctx, hubSettings{}); err != nil {
			return err
		}
	}
	if s.rig.size == long {
		return s.silence(ctx, hubSettings{ping: 30 * time.Second, dead: 90 * time.Second})
	}
	return nil
}

func (s *scene) silence(ctx context.Context, set hubSettings) error {
	one, err := s.part(fmt.Sprint("silent-", s.row.runs))
	if err != nil {
		return err
	}
	defer one.close()
	h, p, k, err := one.behindProxy(ctx, set)
	if err != nil {
		return err
	}
	if err := one.halfOpen(ctx, h, k, set.dead,
		func() error { p.set(func(p *proxy) { p.how = silent }); return nil },
		func() error { p.set(func(p *proxy) { p.how = through }); p.cut(); return nil }); err != nil {
		return err
	}
	if err := k.finish(ctx); err != nil {
		return err
	}
	return one.judge(ctx, h.dsn)
}

// halfOpen breaks a line without a word, measures when each side notices, and mends it.
func (s *scene) halfOpen(ctx context.Context, h *hub, k *kiosk, dead time.Duration, breakIt, mend func() error) error {
	if dead == 0 {
		dead = 2 * time.Second
	}
	if err := k.more(ctx, 10); err != nil {
		return err
	}
	if _, err := k.caught(ctx); err != nil {
		return err
	}
	downs := k.last("down").times
	st, err := store.Open(ctx, h.dsn, nil)
	if err != nil {
		return err
	}
	defer st.Close()
	begun := time.Now()
	if err := breakIt(); err != nil {
		return err
	}
	patient, cancel := context.WithTimeout(ctx, dead+patience)
	defer cancel()
	var noticed time.Duration // by the hub
	for noticed == 0 {
		who, err := st.Kiosk(patient, s.kiosks[0].ID)
		switch {
		case err != nil:
			return err
		case who.Link == store.LinkDown:
			noticed = time.Since(begun)
		case !wait(patient, 5*time.Millisecond):
			return fmt.Errorf("hub does not notice: %w", patient.Err())
		}
	}
	for k.last("down").times == downs {
		if !wait(patient, 5*time.Millisecond) {
			return fmt.Errorf("terminal does not notice: %w", patient.Err())
		}
	}
	terminal := k.last("down").at.Sub(begun)
	if err := mend(); err != nil {
		return err
	}
	mended := time.Now()
	at, err := k.caught(ctx)
	if err != nil {
		return err
	}
	s.recovered(mended, at)
	s.row.runs++
	worst := max(terminal, noticed)
	if worst > dead+5*time.Second {
		return fmt.Errorf("half-open line noticed only after %s", worst)
	}
	if s.row.noticed == nil {
		s.row.noticed = map[time.Duration]time.Duration{}
	}
	s.row.noticed[dead] = max(s.row.noticed[dead], worst)
	return nil
}

// cutFrames ends connections after a random number of bytes, while the line is slow.
func cutFrames(ctx context.Context, s *scene) error {
	h, p, k, err := s.behindProxy(ctx, hubSettings{})
	if err != nil {
		return err
	}
	r := seeded(s.random.Uint64())
	p.set(func(p *proxy) { p.random = r })
	for range s.times(12, 300) {
		before := 0
		p.set(func(p *proxy) {
			before = p.cuts
			p.rate, p.cutAt = 64<<10+s.random.IntN(1<<20), 1+s.random.IntN(40_000)
		})
		if err := p.wasCut(ctx, before); err != nil {
			return err
		}
		s.row.runs++
	}
	p.set(func(p *proxy) { p.rate, p.random = 0, nil })
	k.tell("quiet")
	begun := time.Now()
	at, err := k.caught(ctx)
	if err != nil {
		return err
	}
	s.recovered(begun, at)
	if err := k.finish(ctx); err != nil {
		return err
	}
	return s.judge(ctx, h.dsn)
}
