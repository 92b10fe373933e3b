package outbox

import (
	"encoding/json"
	"fmt"
	"time"

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
	if err := o.shelf.doubt(func(p place) bool { return p.epoch == old.epoch && p.seq > after }); err != nil {
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
	return o.shelve(time.Time{})
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
