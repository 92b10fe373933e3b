package outbox

import (
	"encoding/json"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"yeban/sync/record"
)

// maxReason bounds the note that is kept with an ended log.
const maxReason = 1024

// NewEpoch ends the present log for the given reason and begins another, to which the
// entries behind the sequence after are carried over: ids, times and seals unchanged,
// in their order. after is the newest position that the hub is certain to hold of this
// log; 0 carries everything that is still held, which is right when the hub
// contradicts the chain itself. All of it is one durable step: it happens whole or
// not at all.
func (o *Outbox) NewEpoch(reason string, after uint64) error {
	o.write.Lock()
	defer o.write.Unlock()
	if err := o.newEpoch(reason, after); err != nil {
		return fmt.Errorf("new epoch: %w", err)
	}
	o.ring()
	return nil
}

func (o *Outbox) newEpoch(reason string, after uint64) error {
	if err := o.usable(); err != nil {
		return err
	}
	db, old, err := o.snapshot()
	if err != nil {
		return err
	}
	epoch, err := record.NewEpoch(o.cfg.Rand)
	if err != nil {
		return err
	}
	if err := o.shelf.doubt(old.epoch, after); err != nil {
		return err
	}
	next := state{epoch: epoch, counts: map[record.Kind]int{}}
	err = db.Update(func(tx *bolt.Tx) error {
		if err := o.storeRecent(tx, &old); err != nil {
			return err
		}
		ended, err := endLog(tx, &old, reason, o.cfg.Now().UnixMilli())
		if err != nil {
			return err
		}
		if err := createBuckets(tx, &next); err != nil {
			return err
		}
		c := ended.Cursor()
		for k, v := c.Seek(number(after + 1)); k != nil; k, v = c.Next() {
			e, err := unmarshalEntry(k, v)
			if err != nil {
				return err
			}
			if err := next.carry(tx, carried{old.epoch, e}); err != nil {
				return err
			}
		}
		return next.writeMeta(tx.Bucket(bucketMeta))
	})
	if err != nil {
		return err
	}
	o.mu.Lock()
	o.state, o.ackStored = next, 0
	o.mu.Unlock()
	o.recent = newRecent()
	return o.listBlobs("")
}

// endLog moves the log with its meta under old and empties acks.
func endLog(tx *bolt.Tx, s *state, reason string, nowMs int64) (*bolt.Bucket, error) {
	ended, err := tx.Bucket(bucketOld).CreateBucket(s.epoch[:])
	if err != nil {
		return nil, err
	}
	meta, err := ended.CreateBucket(bucketMeta)
	if err != nil {
		return nil, err
	}
	if err := s.writeMeta(meta); err != nil {
		return nil, err
	}
	if err := meta.Put(keyRetired, number(uint64(nowMs))); err != nil {
		return nil, err
	}
	if err := meta.Put(keyReason, []byte(reason[:min(len(reason), maxReason)])); err != nil {
		return nil, err
	}
	if err := tx.MoveBucket(bucketLog, nil, ended); err != nil {
		return nil, err
	}
	if err := tx.DeleteBucket(bucketAcks); err != nil {
		return nil, err
	}
	return ended.Bucket(bucketLog), nil
}

// carry appends an entry of another log. Its body cannot be sealed again here, so its
// header keeps naming the place to which the seal is bound.
func (s *state) carry(tx *bolt.Tx, from carried) error {
	e := from.entry
	var h record.Header
	if err := json.Unmarshal(e.Header, &h); err != nil {
		return fmt.Errorf("header of %d: %w", e.Seq, err)
	}
	if h.Origin == nil {
		h.Origin = &record.Origin{Epoch: from.epoch, Seq: e.Seq}
	}
	header, err := json.Marshal(h)
	if err != nil {
		return err
	}
	e.Header, e.Seq, e.Prev = header, s.tail.seq+1, s.tail.hash
	e.Hash = e.Sum(s.epoch)
	if err := putEntry(tx, &e); err != nil {
		return err
	}
	r := newRecent()
	r.add(e.Seq, e.ID, receiptOf(&e))
	if err := r.store(tx, s.epoch); err != nil {
		return err
	}
	s.tail, s.indexed = link{e.Seq, e.Hash}, e.Seq
	s.counts[e.Kind]++
	return nil
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
					return err
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
