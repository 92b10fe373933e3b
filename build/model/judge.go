package model

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing/synctest"
	"time"

	"yeban/sync/record"
)

// judge heals everything and looks.
func (l *life) judge() (t Tally, err error) {
	if err := l.calm(); err != nil {
		return t, err
	}
	owed, papers, err := l.owed()
	if err != nil {
		return t, err
	}
	if err := l.heal(papers); err != nil {
		return t, err
	}
	if err := l.compare(owed, papers); err != nil {
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
		t.Cuts += m.line.broken
	}
	for id := range l.hub.truth.ids() {
		t.BlobsGone += len(l.blobs[id])
	}
	for _, p := range papers {
		t.Blobs += len(p)
		t.BlobsGone -= len(p)
	}
	t.Orders, t.Obeyed = l.given, len(l.done)
	for _, fence := range l.hub.truth.fences {
		t.Talks += int(fence)
	}
	t.Falls = l.hub.falls
	return t, nil
}

// calm ends every terminal, and makes hub and lines good. Two of one name would fence each
// other off for ever.
func (l *life) calm() error {
	for _, m := range l.machines {
		m.line.lose(false)
		m.line.heal()
		m.mu.Lock()
		m.forge, m.stutter = false, false
		m.mu.Unlock()
		if err := m.stop(); err != nil {
			return err
		}
	}
	l.hub.arm(0, false)
	return l.pass(time.Minute, rand.New(rand.NewPCG(0, 0)))
}

// owed is what must be at the hub in the end: the records that are there or on a disk, and
// of their attachments those that are.
func (l *life) owed() (records map[string]bool, papers map[paper][]record.BlobRef, err error) {
	records, papers = l.hub.truth.ids(), map[paper][]record.BlobRef{}
	for name, log := range l.hub.truth.logs {
		for _, p := range log {
			all, err := l.hub.store.AttachedBlobs(context.Background(), name.kiosk, p.id)
			if err != nil {
				return nil, nil, err
			}
			papers[paper{name.kiosk, p.id}] = nil
			for _, a := range all {
				if !a.Complete.IsZero() {
					papers[paper{name.kiosk, p.id}] = append(papers[paper{name.kiosk, p.id}], a.BlobRef)
				}
			}
		}
	}
	for _, m := range l.machines {
		for _, id := range m.held() {
			records[id], papers[paper{m.kiosk, id}] = true, l.blobs[id]
		}
	}
	return records, papers, nil
}

// paper is a record of a terminal that may have attachments.
type paper struct{ kiosk, id string }

// heal has each machine deliver in peace, one after the other.
func (l *life) heal(papers map[paper][]record.BlobRef) error {
	for _, m := range l.machines {
		if err := m.open(); err != nil {
			return err
		}
		for round := 0; ; round++ {
			time.Sleep(4 * time.Second)
			synctest.Wait()
			if err := l.failed(); err != nil {
				return err
			}
			lacks, err := l.lacks(m, papers)
			if err != nil {
				return err
			}
			if lacks == "" {
				break
			}
			if round > 1000 {
				return brokenf("%s does not deliver in peace: %s", m.kiosk, lacks)
			}
		}
		if err := errors.Join(m.check(), m.stop()); err != nil {
			return err
		}
	}
	return nil
}

// lacks says what of a machine's is not at the hub, or is empty.
func (l *life) lacks(m *machine, papers map[paper][]record.BlobRef) (string, error) {
	_, _, last := m.box.Position()
	if at := m.box.Acknowledged(); at != last {
		return fmt.Sprintf("%d of %d records are acknowledged", at, last), nil
	}
	if b := m.box.Blobs(); b.Pending > 0 {
		return fmt.Sprintf("%d attachments are pending", b.Pending), nil
	}
	if r, ok := m.orders.Next(); ok {
		return fmt.Sprintf("report %s on an order", r.State), nil
	}
	book := m.book()
	for p, refs := range papers {
		if p.kiosk != m.kiosk || len(refs) == 0 || !slices.Contains(book.held(), p.id) {
			continue
		}
		if gap, err := l.gap(p, refs); gap != "" || err != nil {
			return gap, err
		}
	}
	given, err := l.hub.store.Commands(context.Background(), m.kiosk, 1<<20)
	for _, c := range given {
		if !c.State.Ended() {
			return fmt.Sprintf("order %s is %s", c.Args["n"], c.State), err
		}
	}
	return "", err
}
