package model

import (
	"context"
	"errors"
	"log/slog"
	"slices"

	"yeban/hub/projector"
	"yeban/hub/store"
)

// judge heals everything and looks.
func (l *life) judge() (t Tally, err error) {
	owed := l.hub.truth.ids()
	for _, m := range l.machines {
		for _, id := range m.held() {
			owed[id] = true
		}
	}
	if err := l.heal(); err != nil {
		return t, err
	}
	if err := l.compare(owed); err != nil {
		return t, err
	}
	for id := range l.promised {
		if t.Promised++; !owed[id] {
			t.Destroyed++ // on every disk, by putting an older one in its place
		}
	}
	t.AtHub, t.Conflicts, t.Logs = len(l.hub.truth.ids()), len(l.hub.truth.kept), len(l.hub.truth.logs)
	for _, m := range l.machines {
		t.Pruned += m.pruned
	}
	return t, nil
}

// heal has each machine deliver in peace, one after the other: two of one name would
// fence each other off for ever.
func (l *life) heal() error {
	for _, m := range l.machines {
		for round := 0; ; round++ {
			if round > 100 {
				return brokenf("%s does not deliver in peace", m.kiosk)
			}
			if m.wire == nil {
				if err := m.connect(l.hub, false); err != nil {
					return err
				}
				continue
			}
			if err := m.send(1000, false); err != nil {
				return err
			}
			if err := l.hub.commit(func(n int) int { return n - 1 }, false); err != nil {
				return err
			}
			if err := m.hear(l.hub.truth); err != nil {
				return err
			}
			_, _, last := m.box.Position()
			if m.wire != nil && m.box.Acknowledged() == last && len(m.wire.up)+len(m.wire.down) == 0 {
				break
			}
		}
	}
	for _, m := range l.machines {
		if err := m.check(); err != nil {
			return err
		}
	}
	return nil
}

// compare reads the database from end to end.
func (l *life) compare(owed map[string]bool) error {
	ctx, st, truth := context.Background(), l.hub.store, l.hub.truth
	entries, err := st.After(ctx, 0, 1<<20)
	if err != nil {
		return err
	}
	logs := map[logName][]place{}
	bodies := map[string][]byte{}
	for i := range entries {
		c := &entries[i]
		if c.Pos != int64(i+1) {
			return brokenf("position %d at the place of %d", c.Pos, i+1)
		}
		if body, ok := bodies[c.Entry.ID]; ok && string(body) != string(c.Entry.Sealed) {
			return brokenf("%s is there with two bodies", c.Entry.ID)
		}
		bodies[c.Entry.ID] = c.Entry.Sealed
		name := logName{c.Kiosk, c.Epoch}
		logs[name] = append(logs[name], place{c.Entry.ID, c.Entry.Hash})
	}
	for name, want := range truth.logs {
		if !slices.Equal(logs[name], want) {
			return brokenf("the log of %s has %d entries, or others than the %d that it must have", name.kiosk, len(logs[name]), len(want))
		}
		seen := map[string]bool{}
		for _, p := range want {
			if seen[p.id] {
				return brokenf("%s stands twice in one log", p.id)
			}
			seen[p.id] = true
		}
	}
	for id := range owed {
		if bodies[id] == nil {
			return brokenf("%s is lost", id)
		}
	}
	if int64(len(entries)) != truth.count {
		return brokenf("%d entries, there must be %d", len(entries), truth.count)
	}
	return errors.Join(l.compareChains(ctx), l.compareConflicts(ctx), l.compareApplications(ctx, bodies))
}

func (l *life) compareChains(ctx context.Context) error {
	return l.hub.store.Prove(ctx, "", func(p store.Proof) error {
		if p.Broken != nil {
			return brokenf("the chain of %s breaks at %d: %s", p.Kiosk, p.Broken.Seq, p.Broken.Cause)
		}
		return nil
	})
}

func (l *life) compareConflicts(ctx context.Context) error {
	kept, err := l.hub.store.Conflicts(ctx, 1<<20)
	if err != nil {
		return err
	}
	there := map[contradiction]bool{}
	for _, c := range kept {
		var name logName
		if err := name.epoch.UnmarshalText([]byte(c.Epoch)); err != nil {
			return err
		}
		name.kiosk = c.Kiosk
		there[contradiction{name, c.Seq, c.Kind, c.Hash}] = true
	}
	for want := range l.hub.truth.kept {
		if !there[want] {
			return brokenf("the version that contradicts at %d (%s) was not kept", want.seq, want.kind)
		}
	}
	return nil
}

// compareApplications has the projector show to staff what is committed.
func (l *life) compareApplications(ctx context.Context, bodies map[string][]byte) error {
	p := projector.Projector{Store: l.hub.store, Bus: silence{}, Key: l.ground.key, Log: slog.New(slog.DiscardHandler)}
	for n := 1; n > 0; {
		var err error
		if n, err = p.Step(ctx); err != nil {
			return err
		}
	}
	shown, err := l.hub.store.Applications(ctx, store.Filter{Limit: 1 << 20})
	if err != nil {
		return err
	}
	for _, a := range shown {
		if bodies[a.ID] == nil {
			return brokenf("%s is shown and not there", a.ID)
		}
	}
	parked, err := l.hub.store.ParkedRecords(ctx, 10)
	if err != nil {
		return err
	}
	if len(shown) != len(bodies) || len(parked) > 0 {
		return brokenf("%d applications are shown, %d are there, %d parked", len(shown), len(bodies), len(parked))
	}
	return nil
}

// silence is a bus that nobody listens to.
type silence struct{}

func (silence) Hint(string) {}

func (silence) Watch(string) (<-chan string, func(), error) { return nil, func() {}, nil }
