package outbox

import (
	"fmt"
	"maps"
	"time"

	bolt "go.etcd.io/bbolt"

	"yeban/sync/record"
)

// Position tells the present epoch, the oldest sequence still held and the newest;
// both are 0 when nothing was ever appended.
func (o *Outbox) Position() (epoch record.Epoch, first, last uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.state.epoch, o.state.first(), o.state.tail.seq
}

// Acknowledged is the newest sequence known to be at the hub.
func (o *Outbox) Acknowledged() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.state.acked
}

// Read gives entries behind the sequence after, in order: at most maxRecords, and at
// most maxBytes by WireSize, but always one when there is one. It is ErrNoEntry when
// the next one is no longer held.
func (o *Outbox) Read(after uint64, maxRecords, maxBytes int) ([]record.Entry, error) {
	db, s, err := o.snapshot()
	if err != nil {
		return nil, fmt.Errorf("read outbox: %w", err)
	}
	if after >= s.tail.seq {
		return nil, nil
	}
	if after < s.base.seq {
		return nil, fmt.Errorf("read outbox after %d: the oldest held is %d: %w", after, s.first(), ErrNoEntry)
	}
	var found []record.Entry
	bytes := 0
	err = o.view(db, func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketLog).Cursor()
		for k, v := c.Seek(number(after + 1)); k != nil && len(found) < maxRecords; k, v = c.Next() {
			e, err := unmarshalEntry(k, v)
			if err == nil && e.Seq != after+1+uint64(len(found)) {
				err = ErrNoEntry // pruned or ended between the two looks
			}
			if err == nil && o.unproven.Load() && e.Sum(s.epoch) != e.Hash {
				err = &ChainError{Seq: e.Seq, Cause: record.ErrChain}
			}
			if err != nil {
				return err
			}
			if bytes += e.WireSize(); bytes > maxBytes && len(found) > 0 {
				return nil
			}
			found = append(found, e)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read outbox after %d: %w", after, err)
	}
	return found, nil
}

// view reads, on guard while nobody has read the whole file yet.
func (o *Outbox) view(db *bolt.DB, look func(*bolt.Tx) error) error {
	if !o.unproven.Load() {
		return db.View(look)
	}
	return guarded(func() error { return db.View(look) })
}

// Entry gives one entry of the present log, or ErrNoEntry.
func (o *Outbox) Entry(seq uint64) (record.Entry, error) {
	db, _, err := o.snapshot()
	if err != nil {
		return record.Entry{}, fmt.Errorf("read outbox: %w", err)
	}
	var e record.Entry
	err = o.view(db, func(tx *bolt.Tx) error {
		v := tx.Bucket(bucketLog).Get(number(seq))
		if v == nil {
			return ErrNoEntry
		}
		e, err = unmarshalEntry(number(seq), v)
		return err
	})
	if err != nil {
		return record.Entry{}, fmt.Errorf("read outbox at %d: %w", seq, err)
	}
	return e, nil
}

// Hash gives the hash at a sequence: of an entry held, or of the one just before the
// oldest held. Sequence 0 has all zeros. Otherwise ErrNoEntry.
func (o *Outbox) Hash(seq uint64) (record.Hash, error) {
	_, s, err := o.snapshot()
	switch {
	case err != nil:
		return record.Hash{}, err
	case seq == 0:
		return record.Hash{}, nil
	case seq == s.base.seq:
		return s.base.hash, nil
	}
	e, err := o.Entry(seq)
	return e.Hash, err
}

// Stats is what staff see of an outbox.
type Stats struct {
	Epoch        record.Epoch        `json:"epoch"`
	First        uint64              `json:"first"` // 0 when empty
	Last         uint64              `json:"last"`
	Acked        uint64              `json:"acked"`
	Queued       uint64              `json:"queued"`                // not acknowledged
	OldestUnsent time.Time           `json:"oldestUnsent,omitzero"` // when it was appended
	OldestAge    time.Duration       `json:"oldestAgeNs"`           // 0 when none; never negative
	Counts       map[record.Kind]int `json:"counts"`                // of entries held
	FileBytes    int64               `json:"fileBytes"`
	LiveBytes    int64               `json:"liveBytes"` // FileBytes without free pages
}

// Stats reads one entry at most; call it as often as you like.
func (o *Outbox) Stats() (Stats, error) {
	db, s, err := o.snapshot()
	if err != nil {
		return Stats{}, err
	}
	o.mu.Lock()
	s.counts = maps.Clone(o.state.counts) // a writer changes the map itself
	o.mu.Unlock()
	var out Stats
	err = db.View(func(tx *bolt.Tx) error {
		out = statsOf(tx, s, o.cfg.Now())
		return nil
	})
	out.LiveBytes = liveBytes(db, o.pageSize)
	return out, err
}

func statsOf(tx *bolt.Tx, s state, now time.Time) Stats {
	out := Stats{
		Epoch:     s.epoch,
		First:     s.first(),
		Last:      s.tail.seq,
		Acked:     s.acked,
		Queued:    s.tail.seq - s.acked,
		Counts:    s.counts,
		FileBytes: tx.Size(),
	}
	if out.Queued == 0 {
		return out
	}
	// After a rewind beyond what is held, the oldest held stands for it.
	next := max(s.acked, s.base.seq) + 1
	if e, err := unmarshalEntry(number(next), tx.Bucket(bucketLog).Get(number(next))); err == nil {
		out.OldestUnsent = time.UnixMilli(e.AtMs)
		out.OldestAge = max(0, now.Sub(out.OldestUnsent))
	}
	return out
}
