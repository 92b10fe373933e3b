package outbox

import (
	"context"
	"errors"
	"time"

	bolt "go.etcd.io/bbolt"

	"yeban/sync/record"
)

// provedAtOnce is how many entries are read in one transaction. A longer one would hold up
// an Append for which bbolt has to map more of the file.
const provedAtOnce = 64

// restFactor is how many times as long as it works the proof rests: after a restart
// citizens and the link need the processor more than it does.
const restFactor = 4

// prove reads, little by little, a log that Open has only looked over, from its oldest entry to the newest of
// that moment; what is appended meanwhile needs no proof. Damage has the consequence that
// it has at Open: the file is set aside, and what can be saved begins a new log.
//
// Until it is done Read proves each entry that it gives, and nothing but an entry can be
// damaged, so that the hub is sent nothing false.
func (o *Outbox) prove(ctx context.Context) {
	if !o.unproven.Load() {
		return
	}
	err := o.proveLog(ctx)
	var damage *corruptError
	switch {
	case err == nil:
		o.unproven.Store(false)
	case errors.As(err, &damage):
		o.condemn(damage)
	}
	// Any other error is of an outbox that was closed, or broke and is being mended:
	// mending reads everything.
}

func (o *Outbox) proveLog(ctx context.Context) error {
	_, s, err := o.snapshot()
	if err != nil {
		return err
	}
	epoch, at, end := s.epoch, s.base, s.tail.seq
	rest := time.NewTimer(0)
	defer rest.Stop()
	for at.seq < end {
		select {
		case <-rest.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		begun := time.Now()
		db, now, err := o.snapshot()
		if err != nil {
			return err
		}
		if now.epoch != epoch { // ended, and carried over by reading every entry
			epoch, at, end = now.epoch, now.base, now.tail.seq
		}
		if now.base.seq > at.seq { // pruned
			at = now.base
		}
		if at, err = proveSome(db, epoch, at); err != nil {
			return err
		}
		rest.Reset(restFactor * time.Since(begun))
	}
	return nil
}

// proveSome reads on behind a proved position. A log that changed between two looks proves
// nothing, and is looked at again.
func proveSome(db *bolt.DB, epoch record.Epoch, at link) (link, error) {
	next := at
	err := guarded(func() error {
		return db.View(func(tx *bolt.Tx) error {
			s, err := readMeta(tx.Bucket(bucketMeta))
			if err != nil || s.epoch != epoch || s.base.seq > at.seq {
				return err
			}
			c := tx.Bucket(bucketLog).Cursor()
			k, v := c.Seek(number(at.seq + 1))
			for n := 0; n < provedAtOnce && next.seq < s.tail.seq; n++ {
				e, err := unmarshalEntry(k, v)
				if err == nil {
					err = e.Follows(epoch, next.seq, next.hash)
				}
				if err != nil {
					return &corruptError{&ChainError{Seq: next.seq + 1, Cause: err}}
				}
				next = link{e.Seq, e.Hash}
				k, v = c.Next()
			}
			return nil
		})
	})
	return next, err
}

// condemn sets the file aside that holds the damage, if a second reading finds it too.
func (o *Outbox) condemn(damage *corruptError) {
	o.write.Lock()
	defer o.write.Unlock()
	o.mu.Lock()
	if o.broken == nil {
		o.broken = damage
	}
	o.mu.Unlock()
	_ = o.usable() // when it does not succeed, the next Append or Ready tries again and tells
}
