package outbox

import (
	"errors"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"yeban/sync/record"
)

// Prune removes entries that were acknowledged longer than the retention time ago,
// and ended logs of that age, with their attachments. The newest entry stays, for the
// chain to go on from, and so does what lists an attachment that has not arrived, unless
// the hub refuses it. Attachments that no record lists go after an hour.
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
	before := now.Add(-o.cfg.Retention).UnixMilli()
	err = o.prune(o.droppable(s, false), func(tx *bolt.Tx) (uint64, error) {
		upTo := uint64(0)
		c := tx.Bucket(bucketAcks).Cursor()
		for k, v := c.First(); k != nil; k, v = c.Next() {
			at, ok := readNumber(v)
			if !ok || int64(at) > before {
				break
			}
			upTo, _ = readNumber(k)
		}
		return upTo, pruneOld(tx, before, func(epoch record.Epoch) bool {
			_, waits := o.shelf.waits(epoch, false)
			return waits
		})
	})
	if err == nil {
		err = o.shelve(now.Add(-orphanAge))
	}
	if err != nil {
		return fmt.Errorf("prune: %w", err)
	}
	return nil
}

// prune removes the entries up to the sequence that choose names, but none behind limit;
// the caller holds write.
func (o *Outbox) prune(limit uint64, choose func(*bolt.Tx) (uint64, error)) error {
	db, s, err := o.snapshot()
	if err != nil {
		return err
	}
	gone := map[record.Kind]int{}
	indexed := s.indexed
	err = db.Update(func(tx *bolt.Tx) error {
		upTo, err := choose(tx)
		if upTo = min(upTo, limit); err != nil || upTo <= s.base.seq {
			return err
		}
		if err := o.storeRecent(tx, &s); err != nil {
			return err
		}
		return s.drop(tx, upTo, gone)
	})
	if err != nil {
		return err
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
	return nil
}

// drop removes the entries up to a sequence with all that is kept of them, and counts them
// in gone.
func (s *state) drop(tx *bolt.Tx, upTo uint64, gone map[record.Kind]int) error {
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
}

// pruneOld removes logs that were ended before a moment, with the ids that still
// point into them, but for those that keep names.
func pruneOld(tx *bolt.Tx, beforeMs int64, keep func(record.Epoch) bool) error {
	old := tx.Bucket(bucketOld)
	var gone []record.Epoch
	err := old.ForEachBucket(func(name []byte) error {
		meta := old.Bucket(name).Bucket(bucketMeta)
		if meta == nil || len(name) != len(record.Epoch{}) {
			return errors.New("an ended log has no meta")
		}
		if at, ok := readNumber(meta.Get(keyRetired)); ok && int64(at) <= beforeMs && !keep(record.Epoch(name)) {
			gone = append(gone, record.Epoch(name))
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, epoch := range gone {
		if log := old.Bucket(epoch[:]).Bucket(bucketLog); log != nil {
			err := log.ForEach(func(k, v []byte) error {
				e, err := unmarshalEntry(k, v)
				if err != nil {
					return nil // nobody can tell its ids, which are in nobody's way
				}
				return forget(tx, epoch, &e)
			})
			if err != nil {
				return err
			}
		}
		if err := old.DeleteBucket(epoch[:]); err != nil {
			return err
		}
	}
	return nil
}
