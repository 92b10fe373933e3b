package outbox

import (
	"encoding/json"

	bolt "go.etcd.io/bbolt"

	"yeban/sync/record"
)

// indexEvery is how many entries may wait for their ids to be written. The two buckets
// are four pages of their own in each commit, as many as the entry takes itself: written
// with every 64th entry, they cost next to nothing.
const indexEvery = 64

// recent tells where the ids and receipt numbers of the entries behind state.indexed are.
// The entries themselves hold them, so that Open reads anew what memory forgot. Whoever
// holds Outbox.write may use it.
type recent struct {
	ids      map[string]uint64
	receipts map[string]uint64
}

func newRecent() recent {
	return recent{ids: map[string]uint64{}, receipts: map[string]uint64{}}
}

// loadRecent reads the entries that the file's index does not have yet.
func loadRecent(tx *bolt.Tx, s *state) (recent, error) {
	r := newRecent()
	c := tx.Bucket(bucketLog).Cursor()
	for k, v := c.Seek(number(s.indexed + 1)); k != nil; k, v = c.Next() {
		e, err := unmarshalEntry(k, v)
		if err != nil {
			return r, &corruptError{err}
		}
		r.add(e.Seq, e.ID, receiptOf(&e))
	}
	return r, nil
}

// add takes note of an entry; receipt is empty but for applications.
func (r recent) add(seq uint64, id, receipt string) {
	r.ids[id] = seq
	if receipt != "" {
		r.receipts[receipt] = seq
	}
}

// store writes all of it into the file's index. The caller forgets it when the
// transaction has succeeded.
func (r recent) store(tx *bolt.Tx, epoch record.Epoch) error {
	for id, seq := range r.ids {
		if err := tx.Bucket(bucketIDs).Put([]byte(id), marshalPlace(epoch, seq)); err != nil {
			return err
		}
	}
	for receipt, seq := range r.receipts {
		if err := tx.Bucket(bucketReceipts).Put([]byte(receipt), marshalPlace(epoch, seq)); err != nil {
			return err
		}
	}
	return nil
}

// storeRecent writes what is not in the file's index yet, up to the end of the log, as a
// part of tx. indexedUpTo is for after it.
func (o *Outbox) storeRecent(tx *bolt.Tx, s *state) error {
	if err := o.recent.store(tx, s.epoch); err != nil {
		return err
	}
	s.indexed = s.tail.seq
	return tx.Bucket(bucketMeta).Put(keyIndexed, number(s.tail.seq))
}

// indexedUpTo forgets what the file's index has now.
func (o *Outbox) indexedUpTo(seq uint64) {
	o.recent = newRecent()
	o.mu.Lock()
	o.state.indexed = seq
	o.mu.Unlock()
}

// findTwin refuses a record whose id or receipt number the log already has.
func (o *Outbox) findTwin(db *bolt.DB, s *state, r record.Record) error {
	receipt := receiptNumber(r)
	return db.View(func(tx *bolt.Tx) error {
		if seq, ok := o.recent.ids[r.Key()]; ok {
			return &DuplicateError{By: "id", Position: position(tx, s.epoch, seq)}
		}
		if seq, ok := o.recent.receipts[receipt]; ok {
			return &DuplicateError{By: "receipt number", Position: position(tx, s.epoch, seq)}
		}
		if epoch, seq, ok := unmarshalPlace(tx.Bucket(bucketIDs).Get([]byte(r.Key()))); ok {
			return &DuplicateError{By: "id", Position: position(tx, epoch, seq)}
		}
		if receipt == "" {
			return nil
		}
		if epoch, seq, ok := unmarshalPlace(tx.Bucket(bucketReceipts).Get([]byte(receipt))); ok {
			return &DuplicateError{By: "receipt number", Position: position(tx, epoch, seq)}
		}
		return nil
	})
}

// receiptNumber is that of an application, empty for other kinds.
func receiptNumber(r record.Record) string {
	if r.Kind() != record.KindApplication {
		return ""
	}
	return r.Header().ReceiptNumber
}

// receiptOf is the same of an entry.
func receiptOf(e *record.Entry) string {
	if e.Kind != record.KindApplication {
		return ""
	}
	var h record.Header
	if json.Unmarshal(e.Header, &h) != nil {
		return ""
	}
	return h.ReceiptNumber
}

// position adds the hash where the entry is in the present log.
func position(tx *bolt.Tx, epoch record.Epoch, seq uint64) Position {
	p := Position{Epoch: epoch, Seq: seq}
	if string(tx.Bucket(bucketMeta).Get(keyEpoch)) == string(epoch[:]) {
		if e, err := unmarshalEntry(number(seq), tx.Bucket(bucketLog).Get(number(seq))); err == nil {
			p.Hash = e.Hash
		}
	}
	return p
}

// forget removes the ids of an entry, unless they have moved on to another log.
func forget(tx *bolt.Tx, epoch record.Epoch, e *record.Entry) error {
	place := string(marshalPlace(epoch, e.Seq))
	if ids := tx.Bucket(bucketIDs); string(ids.Get([]byte(e.ID))) == place {
		if err := ids.Delete([]byte(e.ID)); err != nil {
			return err
		}
	}
	receipt := []byte(receiptOf(e))
	if len(receipt) == 0 {
		return nil
	}
	receipts := tx.Bucket(bucketReceipts)
	if string(receipts.Get(receipt)) != place {
		return nil
	}
	return receipts.Delete(receipt)
}
