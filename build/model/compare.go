package model

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"

	"yeban/hub/projector"
	"yeban/hub/store"
	"yeban/sync/protocol"
	"yeban/sync/record"
)

// compare reads the database from end to end.
func (l *life) compare(owed map[string]bool, papers map[paper][]record.BlobRef) error {
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
	return errors.Join(l.compareChains(ctx), l.compareConflicts(ctx), l.compareApplications(ctx, bodies),
		l.compareAttachments(ctx, papers), l.compareOrders(ctx))
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
	p := projector.Projector{Store: l.hub.store, Bus: &l.hub.hints, Key: l.ground.key, Log: slog.New(slog.DiscardHandler)}
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

// gap says which attachment of a record is not whole at the hub, or is empty.
func (l *life) gap(p paper, refs []record.BlobRef) (string, error) {
	all, err := l.hub.store.AttachedBlobs(context.Background(), p.kiosk, p.id)
	if err != nil {
		return "", err
	}
	for _, ref := range refs {
		i := slices.IndexFunc(all, func(a store.AttachedBlob) bool { return a.BlobRef == ref })
		if i < 0 || all[i].Complete.IsZero() {
			return fmt.Sprintf("an attachment of %s is not whole at the hub", p.id), nil
		}
	}
	return "", nil
}

// compareAttachments reads every attachment that must be there.
func (l *life) compareAttachments(ctx context.Context, papers map[paper][]record.BlobRef) error {
	for p, refs := range papers {
		switch gap, err := l.gap(p, refs); {
		case err != nil:
			return err
		case gap != "":
			return &Broken{gap}
		}
		for _, ref := range refs {
			r, _, err := l.hub.store.Blob(ctx, p.kiosk, ref.Hash)
			if err != nil {
				return err
			}
			content, err := io.ReadAll(r)
			if err != nil {
				return err
			}
			if record.HashBlob(content) != ref.Hash {
				return brokenf("an attachment of %s is not what its record names", p.id)
			}
		}
	}
	return nil
}

// compareOrders holds what staff read of their orders against what was done.
func (l *life) compareOrders(ctx context.Context) error {
	for _, kiosk := range kiosks {
		given, err := l.hub.store.Commands(ctx, kiosk, 1<<20)
		if err != nil {
			return err
		}
		for _, c := range given {
			if done := l.done[kiosk+" "+c.Args["n"]]; c.State == protocol.CommandDone && !done || !c.State.Ended() {
				return brokenf("order %s is said to be %s, and it was done: %v", c.Args["n"], c.State, done)
			}
		}
	}
	return nil
}
