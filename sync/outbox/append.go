package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"yeban/sync/record"
)

const (
	maxID     = 64
	maxHeader = 16 << 10
	// visitBytes is what one more visit may need: an application of the largest size, its
	// rating and its trace, bbolt's copies of the pages around them, and visitBlobBytes.
	visitBytes = 4 << 20
)

// Append puts a record at the end of the log. When the error is nil the record is on
// stable storage. ErrFull, ErrDisk, ErrInvalid and ErrDuplicate leave the log as it
// was; after ErrUnsure the same Append again tells, by ErrDuplicate or success, once
// the disk takes writes again.
//
// ctx is looked at before the write begins; once begun, it is finished.
func (o *Outbox) Append(ctx context.Context, r record.Record) (Position, error) {
	p, err := o.append(ctx, r)
	if err != nil {
		return Position{}, fmt.Errorf("append %s: %w", r.Kind(), err)
	}
	o.ring()
	return p, nil
}

func (o *Outbox) append(ctx context.Context, r record.Record) (Position, error) {
	header, plaintext, err := prepare(r)
	if err != nil {
		return Position{}, err
	}
	o.write.Lock()
	defer o.write.Unlock()
	if err := ctx.Err(); err != nil {
		return Position{}, err
	}
	if err := o.usable(); err != nil {
		if o.unsureOf(r.Key()) {
			err = fmt.Errorf("%w: %w", ErrUnsure, err)
		}
		return Position{}, err
	}
	db, s, err := o.snapshot()
	if err != nil {
		return Position{}, err
	}
	if err := o.findTwin(db, &s, r); err != nil {
		return Position{}, err
	}
	if err := o.claimBlobs(r.Header().Blobs); err != nil {
		return Position{}, err
	}
	need := int64(len(plaintext))*2 + 64<<10
	if err := o.room(need); err != nil {
		return Position{}, err
	}
	e, err := o.seal(&s, r, header, plaintext)
	if err != nil {
		return Position{}, err
	}
	if o.spare -= need; o.spare < 0 {
		o.spare = growAhead(db, need)
	}
	p := Position{Epoch: s.epoch, Seq: e.Seq, Hash: e.Hash}
	if err := o.put(db, s, &e, receiptNumber(r)); err != nil {
		return o.afterFailedWrite(e.ID, p, err)
	}
	o.shelf.own(place{s.epoch, e.Seq}, r.Header().Blobs)
	return p, nil
}

// seal makes the entry that follows the newest.
func (o *Outbox) seal(s *state, r record.Record, header, plaintext []byte) (record.Entry, error) {
	e := record.Entry{
		Seq:    s.tail.seq + 1,
		Prev:   s.tail.hash,
		AtMs:   o.cfg.Now().UnixMilli(),
		Kind:   r.Kind(),
		ID:     r.Key(),
		Header: header,
	}
	aad := record.SealData(record.Origin{Epoch: s.epoch, Seq: e.Seq}, e.Kind, e.ID)
	bodyKey, err := o.keys.take()
	if err != nil {
		return e, err
	}
	if e.Key, e.Sealed, err = bodyKey.Seal(plaintext, aad); err != nil {
		return e, err
	}
	e.Hash = e.Sum(s.epoch)
	return e, nil
}

// put commits an entry, and with it what else waits to be written.
func (o *Outbox) put(db *bolt.DB, s state, e *record.Entry, receipt string) error {
	o.mu.Lock()
	stored := o.ackStored
	o.mu.Unlock()
	index := e.Seq-s.indexed > indexEvery // the entries before this one
	err := db.Update(func(tx *bolt.Tx) error {
		if index {
			if err := o.storeRecent(tx, &s); err != nil {
				return err
			}
		}
		s.tail = link{e.Seq, e.Hash}
		if err := putEntry(tx, e); err != nil {
			return err
		}
		if err := tx.Bucket(bucketMeta).Put(keyTail, s.tail.marshal()); err != nil {
			return err
		}
		return o.storeAck(tx, s.acked, stored)
	})
	if err != nil {
		return err
	}
	if index {
		o.indexedUpTo(e.Seq - 1)
	}
	o.recent.add(e.Seq, e.ID, receipt)
	o.mu.Lock()
	o.state.tail = s.tail
	o.state.counts[e.Kind]++
	o.ackStored = s.acked
	o.mu.Unlock()
	return nil
}

// prepare makes the two byte forms of a record and checks what can be checked
// without the log.
func prepare(r record.Record) (header, plaintext []byte, err error) {
	if n := len(r.Key()); n == 0 || n > maxID {
		return nil, nil, fmt.Errorf("id of %d bytes: %w", n, ErrInvalid)
	}
	h := r.Header()
	if r.Kind() == record.KindApplication {
		if err := record.CheckReceiptNumber(h.ReceiptNumber); err != nil {
			return nil, nil, fmt.Errorf("%w: %w", err, ErrInvalid)
		}
	}
	if header, err = json.Marshal(h); err != nil || len(header) > maxHeader {
		return nil, nil, fmt.Errorf("header of %d bytes: %w", len(header), ErrInvalid)
	}
	if plaintext, err = record.Encode(r); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", err, ErrInvalid)
	}
	return header, plaintext, nil
}

func putEntry(tx *bolt.Tx, e *record.Entry) error {
	log := tx.Bucket(bucketLog)
	log.FillPercent = 0.95 // keys only grow
	return log.Put(number(e.Seq), marshalEntry(e))
}

// afterFailedWrite finds out what a failed commit left. bbolt goes back to the last
// whole state, but when the very last page was written and only its flush failed,
// that state holds the entry.
func (o *Outbox) afterFailedWrite(id string, p Position, cause error) (Position, error) {
	o.mu.Lock()
	db := o.db
	o.mu.Unlock()
	var s state
	err := db.View(func(tx *bolt.Tx) (err error) { s, err = loadState(tx); return err })
	if err == nil && s.tail.seq < p.Seq {
		return Position{}, fmt.Errorf("%w: %w", ErrDisk, cause)
	}
	o.mu.Lock()
	o.broken = fmt.Errorf("%w: the last write failed, outcome unknown: %w", ErrDisk, errors.Join(cause, err)) // see usable
	o.unsure = id
	broken := o.broken
	o.mu.Unlock()
	return Position{}, fmt.Errorf("%w: %w", ErrUnsure, broken)
}

// unsureOf says whether a write of this record is the one of unknown outcome.
func (o *Outbox) unsureOf(id string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.broken != nil && o.unsure == id
}
