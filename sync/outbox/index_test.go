package outbox_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"yeban/sync/outbox"
	"yeban/sync/record"
)

// refused fails the test unless the log has every one of the records, by id and by number.
func refused(t *testing.T, o *outbox.Outbox, records []record.Application) {
	t.Helper()
	for i, a := range records {
		p := outbox.Position{}
		for _, by := range []string{"id", "receipt number"} {
			var twin *outbox.DuplicateError
			if _, err := o.Append(context.Background(), a); !errors.As(err, &twin) || twin.By != by {
				t.Fatalf("record %d, another of its %s: %v", i, by, err)
			}
			if twin.Position.Seq != uint64(i+1) || twin.Position.Hash == (record.Hash{}) {
				t.Errorf("record %d is said to be at %+v", i, twin.Position)
			}
			p, a.ID = twin.Position, fmt.Sprint("another", i)
		}
		if p.Epoch == (record.Epoch{}) {
			t.Errorf("record %d has no epoch", i)
		}
	}
}

// TestTwinsAreKnownAtEveryMoment: whether the ids are in the file's index, in memory, or
// were read from the log after a restart.
func TestTwinsAreKnownAtEveryMoment(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	o := open(t, config(dir, c))
	var records []record.Application
	start := c.Now()
	for i := range 150 {
		a := application(t, start.Add(time.Duration(i)*time.Second))
		appendOne(t, o, a)
		records = append(records, a)
		if i%37 == 0 {
			if err := o.Close(); err != nil {
				t.Fatal(err)
			}
			o = open(t, config(dir, c))
		}
	}
	refused(t, o, records)
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	indexed := uint64(0)
	edit(t, dir+"/outbox.db", func(tx *bolt.Tx) error {
		indexed = binary.BigEndian.Uint64(tx.Bucket([]byte("meta")).Get([]byte("indexed")))
		if n := tx.Bucket([]byte("ids")).Stats().KeyN; uint64(n) != indexed {
			t.Errorf("%d ids in the index up to %d", n, indexed)
		}
		return nil
	})
	if indexed < 150-64 || indexed == 150 {
		t.Errorf("indexed up to %d of 150: nothing was left to memory, or too much", indexed)
	}
	refused(t, open(t, config(dir, c)), records)
}

// TestPrunedIdsAreFree: what was never written to the index leaves no trace in it either.
func TestPrunedIdsAreFree(t *testing.T) {
	c := newClock()
	o := open(t, config(t.TempDir(), c))
	a := application(t, c.Now())
	appendOne(t, o, a)
	appendOne(t, o, rating("newest"))
	epoch, _, last := o.Position()
	if err := o.Acked(epoch, last); err != nil {
		t.Fatal(err)
	}
	c.Add(365 * 24 * time.Hour)
	if err := o.Prune(c.Now()); err != nil {
		t.Fatal(err)
	}
	appendOne(t, o, a)
	var twin *outbox.DuplicateError
	if _, err := o.Append(context.Background(), rating("newest")); !errors.As(err, &twin) {
		t.Errorf("the newest entry stays, but its id was forgotten: %v", err)
	}
}

// TestFileOfFormat1: there every id is in the index, and nothing says so.
func TestFileOfFormat1(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	o := open(t, config(dir, c))
	var records []record.Application
	for i := range 5 {
		a := application(t, c.Now().Add(time.Duration(i)*time.Second))
		appendOne(t, o, a)
		records = append(records, a)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	edit(t, dir+"/outbox.db", func(tx *bolt.Tx) error {
		meta := tx.Bucket([]byte("meta"))
		epoch := meta.Get([]byte("epoch"))
		for i, a := range records {
			place := binary.BigEndian.AppendUint64(append([]byte(nil), epoch...), uint64(i+1))
			err := errors.Join(
				tx.Bucket([]byte("ids")).Put([]byte(a.ID), place),
				tx.Bucket([]byte("receipts")).Put([]byte(a.ReceiptNumber), place))
			if err != nil {
				return err
			}
		}
		return errors.Join(
			meta.Delete([]byte("indexed")),
			meta.Put([]byte("format"), binary.BigEndian.AppendUint32(nil, 1)))
	})
	o = open(t, config(dir, c))
	refused(t, o, records)
	for i := range 3 {
		a := application(t, c.Now().Add(time.Hour+time.Duration(i)*time.Second))
		appendOne(t, o, a)
		records = append(records, a)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	edit(t, dir+"/outbox.db", func(tx *bolt.Tx) error {
		if found := tx.Bucket([]byte("meta")).Get([]byte("format")); binary.BigEndian.Uint32(found) != 2 {
			t.Errorf("the format is still %x", found)
		}
		return nil
	})
	refused(t, open(t, config(dir, c)), records)
}
