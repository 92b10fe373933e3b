package main

import (
	"context"
	"fmt"

	"yeban/hub/projector"
	"yeban/hub/store"
	"yeban/sync/record"
)

// verdict counts what became of the promises.
type verdict struct {
	handed   int // promised
	lost     int // not at the hub, or with another body
	doubled  int // at the hub as two records
	disorder int // not in the order of the promises, or a gap or break in a log
	extra    int // at the hub and not promised: committed in the moment of a crash
	carried  int // found a second time in a later log, recognisable as the same record
	first    string
}

func (v *verdict) add(o verdict) {
	v.handed += o.handed
	v.lost += o.lost
	v.doubled += o.doubled
	v.disorder += o.disorder
	v.extra += o.extra
	v.carried += o.carried
	if v.first == "" {
		v.first = o.first
	}
}

// clean says that nothing went wrong.
func (v *verdict) clean() bool { return v.lost+v.doubled+v.disorder == 0 }

func (v *verdict) trouble(count *int, format string, args ...any) {
	*count++
	if v.first == "" {
		v.first = fmt.Sprintf(format, args...)
	}
}

// held is one record at the hub, where it was found first.
type held struct {
	pos    int64
	origin record.Origin
	sealed string // SM3
	kind   record.Kind
	body   string // SM3 of the plaintext, empty when it does not open
	reason projector.Reason
}

// judge compares everything the hub holds, by the id of each record, with the promises.
func judge(ctx context.Context, st *store.Store, key *record.PrivateKey, promises []promise) (verdict, map[string]*held, error) {
	v := verdict{handed: len(promises)}
	records, err := v.collect(ctx, st, key)
	if err != nil {
		return v, nil, err
	}
	known := map[string]bool{}
	newest := map[string]int64{} // by writer and terminal
	for _, p := range promises {
		known[p.id] = true
		h := records[p.id]
		switch {
		case h == nil:
			v.trouble(&v.lost, "%s of %s is not at the hub", p.id, p.kiosk)
			continue
		case p.sealed && h.reason != projector.ReasonSealed, !p.sealed && h.body != p.body:
			v.trouble(&v.lost, "%s of %s has another body (%s)", p.id, p.kiosk, h.reason)
		}
		who := p.writer + " " + p.kiosk
		if h.pos < newest[who] {
			v.trouble(&v.disorder, "%s of %s stands before one that was promised earlier", p.id, p.kiosk)
		}
		newest[who] = max(newest[who], h.pos)
	}
	for id := range records {
		if !known[id] {
			v.extra++
		}
	}
	return v, records, nil
}

// compareView looks whether staff see each application once. The hub must be running: its
// projector may have to catch up.
func (v *verdict) compareView(ctx context.Context, st *store.Store, records map[string]*held) error {
	if err := projected(ctx, st); err != nil {
		return err
	}
	all, err := st.Applications(ctx, store.Filter{Limit: 10_000_000})
	if err != nil {
		return err
	}
	shown := map[string]int{}
	for _, a := range all {
		if shown[a.ID]++; shown[a.ID] > 1 {
			v.trouble(&v.doubled, "staff see %s twice", a.ID)
		}
	}
	for id, h := range records {
		if h.kind == record.KindApplication && h.body != "" && shown[id] == 0 {
			v.trouble(&v.lost, "staff do not see %s", id)
		}
	}
	return nil
}

// collect reads the whole store, proves each log's chain and finds what is there twice.
func (v *verdict) collect(ctx context.Context, st *store.Store, key *record.PrivateKey) (map[string]*held, error) {
	type log struct {
		kiosk string
		epoch record.Epoch
	}
	tails := map[log]record.Entry{}
	records := map[string]*held{}
	for pos := int64(0); ; {
		some, err := st.After(ctx, pos, 500)
		if err != nil {
			return nil, err
		}
		if len(some) == 0 {
			return records, nil
		}
		for i := range some {
			c := &some[i]
			if pos++; c.Pos != pos {
				return nil, fmt.Errorf("hub's own order has %d where %d should be", c.Pos, pos)
			}
			at := log{c.Kiosk, c.Epoch}
			tail := tails[at]
			if err := c.Entry.Follows(c.Epoch, tail.Seq, tail.Hash); err != nil {
				v.trouble(&v.disorder, "log of %s at %d: %v", c.Kiosk, c.Entry.Seq, err)
			}
			tails[at] = c.Entry
			origin, err := c.Entry.Origin(c.Epoch)
			if err != nil {
				return nil, err
			}
			sealed := bodyHash(c.Entry.Sealed)
			switch before := records[c.Entry.ID]; {
			case before == nil:
				h := &held{pos: c.Pos, origin: origin, sealed: sealed, kind: c.Entry.Kind}
				h.body, h.reason = open(key, c)
				records[c.Entry.ID] = h
			case before.origin == origin && before.sealed == sealed:
				v.carried++
			default:
				v.trouble(&v.doubled, "%s of %s is there as two records", c.Entry.ID, c.Kiosk)
			}
		}
	}
}

// open gives the hash of a body, or why the hub cannot read it.
func open(key *record.PrivateKey, c *store.Committed) (body string, why projector.Reason) {
	r, unreadable := projector.Read(key, c)
	if unreadable != nil {
		return "", unreadable.Reason
	}
	plaintext, err := record.Encode(r)
	if err != nil {
		return "", projector.ReasonMalformed
	}
	return bodyHash(plaintext), ""
}
