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
		if err := o.shelf.doubt(func(p place) bool { return p.epoch == epoch }); err != nil {
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
