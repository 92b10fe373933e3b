package outbox

import (
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"yeban/sync/record"
)

// ackEvery bounds how often acknowledgements alone cause a write. What is not yet
// written at a crash is told again by the hub at the next Hello.
const ackEvery = time.Second

// Acked records that the hub holds everything of the log named by epoch up to have.
// A lower number than before rewinds: the hub was restored from a backup and wants
// the rest again. Word of another epoch is late and changes nothing; a position that
// the log has not reached is an error.
func (o *Outbox) Acked(epoch record.Epoch, have uint64) error {
	o.write.Lock()
	defer o.write.Unlock()
	if err := o.usable(); err != nil {
		return fmt.Errorf("acknowledge: %w", err)
	}
	db, s, err := o.snapshot()
	if err != nil {
		return fmt.Errorf("acknowledge: %w", err)
	}
	if epoch != s.epoch || have == s.acked {
		return nil
	}
	if have > s.tail.seq {
		return fmt.Errorf("acknowledge %d: the log ends at %d: %w", have, s.tail.seq, ErrNoEntry)
	}
	now := o.cfg.Now()
	rewound := have < s.acked
	if rewound {
		// An attachment may have arrived long after its record, so that no sequence tells
		// which of them the hub's backup has. The word is taken back before the position
		// moves: a rewind that did not succeed comes again.
		if err := o.shelf.doubt(epoch, 0); err != nil {
			return fmt.Errorf("acknowledge %d: %w", have, err)
		}
	}
	o.mu.Lock()
	o.state.acked = have
	stored, since := o.ackStored, now.Sub(o.ackedAt)
	o.mu.Unlock()
	if rewound {
		o.ring()
	}
	// A clock that went back must not hold the write up for ever.
	if !rewound && have != s.tail.seq && since >= 0 && since < ackEvery {
		return nil
	}
	if err := db.Update(func(tx *bolt.Tx) error { return o.storeAck(tx, have, stored) }); err != nil {
		return fmt.Errorf("acknowledge %d: %w", have, err)
	}
	o.mu.Lock()
	o.ackStored, o.ackedAt = have, now
	o.mu.Unlock()
	return nil
}

// storeAck writes the acknowledged position and when it was reached.
func (o *Outbox) storeAck(tx *bolt.Tx, have, stored uint64) error {
	if have == stored {
		return nil
	}
	if err := tx.Bucket(bucketMeta).Put(keyAcked, number(have)); err != nil {
		return err
	}
	acks := tx.Bucket(bucketAcks)
	c := acks.Cursor()
	for k, _ := c.Seek(number(have + 1)); k != nil; k, _ = c.Seek(number(have + 1)) {
		if err := acks.Delete(k); err != nil {
			return err
		}
	}
	if have < stored || have == 0 {
		return nil // what lies below keeps its own times
	}
	return acks.Put(number(have), number(uint64(o.cfg.Now().UnixMilli())))
}

// Prune removes entries that were acknowledged longer than the retention time ago,
// and ended logs of that age, with their attachments. The newest entry stays, for the
// chain to go on from, and so does what lists an attachment that has not arrived.
// Attachments that no record lists go after an hour.
// Call it now and then, an hour apart or so.
func (o *Outbox) Prune(now time.Time) error {
	o.write.Lock()
	defer o.write.Unlock()
	if err := o.usable(); err != nil {
		return fmt.Errorf("prune: %w", err)
	}
	_, s, err := o.snapshot()
	if err != nil {
		return fmt.Errorf("prune: %w", err)
	}
	o.shelf.sweep(now.Add(-orphanAge), "")
	before := now.Add(-o.cfg.Retention).UnixMilli()
	return o.prune(func(tx *bolt.Tx) (uint64, error) {
		upTo := uint64(0)
		c := tx.Bucket(bucketAcks).Cursor()
		for k, v := c.First(); k != nil; k, v = c.Next() {
			at, ok := readNumber(v)
			if !ok || int64(at) > before {
				break
			}
			upTo, _ = readNumber(k)
		}
		return min(upTo, s.acked), pruneOld(tx, before, func(epoch record.Epoch) bool {
			_, waits := o.shelf.waits(epoch)
			return waits
		})
	})
}

// prune removes the entries up to the sequence that choose names; the caller holds
// write.
func (o *Outbox) prune(choose func(*bolt.Tx) (uint64, error)) error {
	db, s, err := o.snapshot()
	if err != nil {
		return fmt.Errorf("prune: %w", err)
	}
	gone := map[record.Kind]int{}
	indexed := s.indexed
	err = db.Update(func(tx *bolt.Tx) error {
		upTo, err := choose(tx)
		if err != nil {
			return err
		}
		if s.tail.seq == 0 || min(upTo, o.droppable(s)) <= s.base.seq {
			return nil
		}
		upTo = min(upTo, o.droppable(s))
		if err := o.storeRecent(tx, &s); err != nil {
			return err
		}
		log := tx.Bucket(bucketLog)
		for seq := s.base.seq + 1; seq <= upTo; seq++ {
			e, err := unmarshalEntry(number(seq), log.Get(number(seq)))
			if err != nil {
				return err
			}
			if err := forget(tx, s.epoch, &e); err != nil {
				return err
			}
			if err := log.Delete(number(seq)); err != nil {
				return err
			}
			gone[e.Kind]++
			s.base = link{seq, e.Hash}
		}
		acks := tx.Bucket(bucketAcks)
		c := acks.Cursor()
		for k, _ := c.First(); k != nil; k, _ = c.First() {
			if seq, ok := readNumber(k); ok && seq > upTo {
				break
			}
			if err := acks.Delete(k); err != nil {
				return err
			}
		}
		return tx.Bucket(bucketMeta).Put(keyBase, s.base.marshal())
	})
	if err != nil {
		return fmt.Errorf("prune: %w", err)
	}
	if s.indexed != indexed {
		o.indexedUpTo(s.indexed)
	}
	o.mu.Lock()
	o.state.base = s.base
	for kind, n := range gone {
		if o.state.counts[kind] -= n; o.state.counts[kind] == 0 {
			delete(o.state.counts, kind)
		}
	}
	o.mu.Unlock()
	if err := o.listBlobs(""); err != nil {
		return fmt.Errorf("prune attachments: %w", err)
	}
	return nil
}
