package model

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"yeban/hub/store"
	"yeban/sync/record"
)

// logName is one log at the hub.
type logName struct {
	kiosk string
	epoch record.Epoch
}

// place is an entry as the hub must have it.
type place struct {
	id   string
	hash record.Hash
}

// contradiction is a version that the hub must keep beside the one it has.
type contradiction struct {
	log  logName
	seq  uint64
	kind store.ConflictKind
	hash string // empty when only a claim contradicts
}

// truth is what a hub's database must hold. It is written from the rules alone, and
// knows nothing of SQL.
type truth struct {
	fences map[string]uint64
	logs   map[logName][]place
	kept   map[contradiction]bool
	count  int64
}

func newTruth() *truth {
	return &truth{fences: map[string]uint64{}, logs: map[logName][]place{}, kept: map[contradiction]bool{}}
}

func (t *truth) clone() *truth {
	c := &truth{maps.Clone(t.fences), make(map[logName][]place, len(t.logs)), maps.Clone(t.kept), t.count}
	for name, log := range t.logs {
		c.logs[name] = slices.Clone(log)
	}
	return c
}

func (t *truth) have(name logName) (uint64, record.Hash) {
	log := t.logs[name]
	if len(log) == 0 {
		return 0, record.Hash{}
	}
	return uint64(len(log)), log[len(log)-1].hash
}

// attach is what store.Attach must answer.
func (t *truth) attach(c store.Claim) (store.Attachment, *store.ConflictError) {
	t.fences[c.Kiosk]++
	name := logName{c.Kiosk, c.Epoch}
	have, hash := t.have(name)
	a := store.Attachment{Fence: t.fences[c.Kiosk], Have: have, HaveHash: hash}
	var conflict *store.ConflictError
	switch {
	case c.Last < have:
		conflict = &store.ConflictError{Kind: store.ConflictBehind, Seq: c.Last}
	case c.First > have+1, c.First == 0 && c.Last > have:
		conflict = &store.ConflictError{Kind: store.ConflictHole, Seq: have + 1}
	default:
		return a, nil
	}
	t.kept[contradiction{name, conflict.Seq, conflict.Kind, ""}] = true
	return a, conflict
}

// verdict is the part of a store.Outcome that must be right.
type verdict struct {
	have     uint64
	added    int
	err      string // empty when all is well
	conflict *store.ConflictError
}

func verdictOf(o store.Outcome) verdict {
	v := verdict{have: o.Have, added: o.Added}
	if conflict, ok := errors.AsType[*store.ConflictError](o.Err); ok {
		v.err, v.conflict = conflict.Error(), conflict
		return v
	}
	for _, one := range []error{store.ErrFenced, store.ErrGap, store.ErrNotFound} {
		if errors.Is(o.Err, one) {
			v.err = one.Error()
		}
	}
	if o.Err != nil && v.err == "" {
		v.err = o.Err.Error()
	}
	return v
}

func (v verdict) equal(o verdict) bool {
	return v.have == o.have && v.added == o.added && v.err == o.err
}

func (v verdict) String() string { return fmt.Sprintf("have %d, added %d, %q", v.have, v.added, v.err) }

// commit is what store.Commit must make of a batch.
func (t *truth) commit(b *store.Batch) verdict {
	name := logName{b.Kiosk, b.Epoch}
	have, last := t.have(name)
	v := verdict{have: have}
	if b.Fence < t.fences[b.Kiosk] {
		v.err = store.ErrFenced.Error()
		return v
	}
	for i := range b.Entries {
		e := &b.Entries[i]
		contradicts := func(kind store.ConflictKind) {
			t.kept[contradiction{name, e.Seq, kind, e.Hash.String()}] = true
			v.conflict = &store.ConflictError{Kind: kind, Seq: e.Seq}
			v.err = v.conflict.Error()
		}
		switch {
		case e.Hash != e.Sum(b.Epoch):
			contradicts(store.ConflictDamaged)
		case e.Seq <= have:
			if t.logs[name][e.Seq-1].hash != e.Hash {
				contradicts(store.ConflictPosition)
			}
		case e.Seq != have+1:
			v.err = store.ErrGap.Error()
		case e.Prev != last:
			contradicts(store.ConflictChain)
		default:
			t.logs[name] = append(t.logs[name], place{e.ID, e.Hash})
			have, last = e.Seq, e.Hash
			t.count++
			v.added++
		}
		if v.err != "" {
			break
		}
	}
	v.have = have
	return v
}

// ids are the records that are at the hub.
func (t *truth) ids() map[string]bool {
	all := map[string]bool{}
	for _, log := range t.logs {
		for _, p := range log {
			all[p.id] = true
		}
	}
	return all
}
