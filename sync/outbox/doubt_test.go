package outbox_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"yeban/sync/outbox"
	"yeban/sync/record"
)

// deliveredOnes hands in records with an attachment each, all of it at the hub.
func deliveredOnes(t *testing.T, o *outbox.Outbox, from, to int) (refs []record.BlobRef) {
	t.Helper()
	for i := from; i < to; i++ {
		ref := put(t, o, fmt.Sprint("content ", i))
		handIn(t, o, i, ref)
		if err := o.BlobDelivered(ref.Hash); err != nil {
			t.Fatal(err)
		}
		refs = append(refs, ref)
	}
	epoch, _, last := o.Position()
	if err := o.Acked(epoch, last); err != nil {
		t.Fatal(err)
	}
	return refs
}

func TestDeliveredAttachmentsComeRound(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	o := open(t, config(dir, c))
	if got := o.DeliveredBlobs(3); len(got) != 0 {
		t.Errorf("of none %v", got)
	}
	refs := deliveredOnes(t, o, 0, 6)
	handIn(t, o, 7, put(t, o, "not delivered"))
	for round, want := range [][]int{{5, 0, 1}, {5, 2, 3}, {5, 4, 0}, {5, 1, 2}} {
		var at []int
		for _, ref := range o.DeliveredBlobs(3) {
			at = append(at, slices.Index(refs, ref))
		}
		if !slices.Equal(at, want) {
			t.Errorf("round %d: %v, want %v", round, at, want)
		}
	}
	if got := o.DeliveredBlobs(100); len(got) != 6 {
		t.Errorf("%d of 6", len(got))
	}
}

func TestDoubtedAttachmentsAreOfferedAgain(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	o := open(t, config(dir, c))
	refs := deliveredOnes(t, o, 0, 3)
	if err := o.NewEpoch("test", 3); err != nil { // those of an ended log, too
		t.Fatal(err)
	}
	refs = append(refs, deliveredOnes(t, o, 3, 5)...)
	if err := o.DoubtBlobs(); err != nil {
		t.Fatal(err)
	}
	o.Close()
	o = open(t, config(dir, c))
	if got := pending(o); len(got) != 5 || !slices.Equal(got, refs) {
		t.Errorf("pending %v", got)
	}
	for _, ref := range refs {
		if err := o.BlobDelivered(ref.Hash); err != nil {
			t.Fatal(err)
		}
	}
	c.Add(8 * 24 * time.Hour)
	if err := o.Prune(c.Now()); err != nil {
		t.Fatal(err)
	}
	if got := o.Blobs(); got.Listed > 1 || got.Pending != 0 {
		t.Errorf("%+v", got)
	}
}

// TestRefusedAttachmentIsKeptForTheRetentionTime, in the present log and in an ended one,
// and no longer.
func TestRefusedAttachmentIsKeptForTheRetentionTime(t *testing.T) {
	for name, ended := range map[string]bool{"present log": false, "ended log": true} {
		t.Run(name, func(t *testing.T) {
			c := newClock()
			o := open(t, config(t.TempDir(), c))
			ref := put(t, o, "content")
			handIn(t, o, 1, ref)
			appendOne(t, o, rating("newer"))
			epoch, _, _ := o.Position()
			if err := o.Acked(epoch, 2); err != nil {
				t.Fatal(err)
			}
			if ended {
				if err := o.NewEpoch("test", 2); err != nil {
					t.Fatal(err)
				}
			}
			o.BlobRefused(ref.Hash)
			c.Add(6 * 24 * time.Hour)
			if err := o.Prune(c.Now()); err != nil {
				t.Fatal(err)
			}
			if got := o.Blobs(); got.Pending != 1 || got.Lost != 1 || opened(t, o, ref) != "content" {
				t.Errorf("before the retention time is over: %+v", got)
			}
			c.Add(2 * 24 * time.Hour)
			if err := o.Prune(c.Now()); err != nil {
				t.Fatal(err)
			}
			if got := o.Blobs(); got != (outbox.BlobStats{}) {
				t.Errorf("after it: %+v", got)
			}
			if _, err := o.Entry(1); !errors.Is(err, outbox.ErrNoEntry) {
				t.Errorf("its record: %v", err)
			}
		})
	}
}

// TestAttachmentOfAnEntryToBeSavedIsKept: the entry that lists it is damaged, which is found
// behind Open only, and saved from the backup then.
func TestAttachmentOfAnEntryToBeSavedIsKept(t *testing.T) {
	for name, spoil := range map[string]func(*bolt.Bucket) error{
		"missing": func(log *bolt.Bucket) error { return log.Delete(key(1)) },
		"header":  func(log *bolt.Bucket) error { return log.Put(key(1), spoilHeader(log.Get(key(1)))) },
	} {
		t.Run(name, func(t *testing.T) {
			dir, c := t.TempDir(), newClock()
			o := open(t, config(dir, c))
			ref := put(t, o, "content")
			handIn(t, o, 1, ref)
			for i := range 200 {
				appendOne(t, o, rating(fmt.Sprint("r", i)))
			}
			o.Close()
			soon := config(dir, c)
			soon.BackupEvery = 50 * time.Millisecond
			o = open(t, soon)
			awaitBackup(t, o, func(b outbox.Backup) bool { return !b.At.IsZero() })
			o.Close()
			edit(t, dir+"/outbox.db", func(tx *bolt.Tx) error { return spoil(tx.Bucket([]byte("log"))) })
			if err := os.Chtimes(sealedFile(dir, ref), c.Now(), c.Now().Add(-48*time.Hour)); err != nil {
				t.Fatal(err)
			}
			o = open(t, large(dir))
			setAsideSoon(t, o)
			if err := o.Ready(); err != nil { // waits until the log is mended
				t.Fatal(err)
			}
			if got := pending(o); !slices.Equal(got, []record.BlobRef{ref}) || opened(t, o, ref) != "content" {
				t.Errorf("pending %v of %+v", got, o.Blobs())
			}
		})
	}
}

// TestAttachmentOfAnUnreadableEndedLogIsKept as long as the log is, since it may be listed
// there; that is the retention time.
func TestAttachmentOfAnUnreadableEndedLogIsKept(t *testing.T) {
	for name, spoil := range map[string]func([]byte) []byte{
		"header": spoilHeader,
		"cut":    func(entry []byte) []byte { return entry[:100] },
	} {
		t.Run(name, func(t *testing.T) { unreadableEndedLog(t, spoil) })
	}
}

func unreadableEndedLog(t *testing.T, spoil func(entry []byte) []byte) {
	dir, c := t.TempDir(), newClock()
	o := open(t, config(dir, c))
	ref := put(t, o, "content")
	handIn(t, o, 1, ref)
	epoch, _, _ := o.Position()
	if err := errors.Join(o.Acked(epoch, 1), o.NewEpoch("test", 1)); err != nil {
		t.Fatal(err)
	}
	o.Close()
	edit(t, dir+"/outbox.db", func(tx *bolt.Tx) error {
		log := tx.Bucket([]byte("old")).Bucket(epoch[:]).Bucket([]byte("log"))
		return log.Put(key(1), spoil(log.Get(key(1))))
	})
	if err := os.Chtimes(sealedFile(dir, ref), c.Now(), c.Now().Add(-48*time.Hour)); err != nil {
		t.Fatal(err)
	}
	o = open(t, config(dir, c))
	if err := o.Prune(c.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(sealedFile(dir, ref)); err != nil {
		t.Error(err)
	}
	c.Add(8 * 24 * time.Hour)
	if err := o.Prune(c.Now()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(sealedFile(dir, ref)); !errors.Is(err, os.ErrNotExist) {
		t.Error("the log is gone, and its attachment is there:", err)
	}
}

// spoilHeader makes the header of an entry no JSON.
func spoilHeader(entry []byte) []byte {
	entry = slices.Clone(entry)
	entry[bytes.Index(entry, []byte(`{"application`))] = '['
	return entry
}
