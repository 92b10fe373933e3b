package outbox

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"yeban/sync/record"
)

// brokenOutbox has two ratings, and a third whose commit failed. Where written is true
// the failing flush was the last one, so that the entry can be read all the same.
func brokenOutbox(t *testing.T, written bool) (o *Outbox, third record.Rating, now *time.Time) {
	t.Helper()
	key, err := record.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	clock := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	o, err = Open(Config{Dir: t.TempDir(), Platform: key.Public(), LockTimeout: time.Second, Now: func() time.Time { return clock }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.Close() })
	for _, id := range []string{"r1", "r2"} {
		if _, err := o.Append(context.Background(), record.Rating{ID: id}); err != nil {
			t.Fatal(err)
		}
	}
	third = record.Rating{ID: "r3"}
	before := o.state
	if _, err := o.Append(context.Background(), third); err != nil {
		t.Fatal(err)
	}
	after := o.state.tail
	if !written {
		err := o.db.Update(func(tx *bolt.Tx) error {
			return errors.Join(tx.Bucket(bucketLog).Delete(number(3)),
				tx.Bucket(bucketMeta).Put(keyTail, before.tail.marshal()))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	o.state.tail = before.tail
	if written {
		_, err = o.afterFailedWrite("r3", Position{Epoch: before.epoch, Seq: after.seq, Hash: after.hash}, errors.New("flush failed"))
	} else {
		o.broken, o.unsure = errors.Join(ErrDisk, errors.New("flush failed")), "r3"
		err = o.broken
	}
	if !errors.Is(err, ErrDisk) || written && !errors.Is(err, ErrUnsure) {
		t.Fatal(err)
	}
	return o, third, &clock
}

func TestFailedFlushHealsWithoutARestart(t *testing.T) {
	for name, written := range map[string]bool{"the record is there": true, "the record is not there": false} {
		t.Run(name, func(t *testing.T) {
			o, third, _ := brokenOutbox(t, written)
			before, err := os.Stat(o.path)
			if err != nil {
				t.Fatal(err)
			}
			_, err = o.Append(t.Context(), third)
			var twin *DuplicateError
			if written != errors.As(err, &twin) || (err != nil) != written || written && twin.Position.Seq != 3 {
				t.Fatalf("the same record again: %v", err)
			}
			if after, err := os.Stat(o.path); err != nil || os.SameFile(before, after) {
				t.Errorf("the file was not written anew: %v", err)
			}
			if _, err := o.Append(t.Context(), record.Rating{ID: "r4"}); err != nil {
				t.Fatal(err)
			}
			if err := o.Close(); err != nil {
				t.Fatal(err)
			}
			r, err := OpenReadOnly(filepath.Dir(o.path))
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if report, err := r.Verify(t.Context(), time.Now()); err != nil || report.Last != 4 {
				t.Errorf("%+v, %v", report.Stats, err)
			}
		})
	}
}

func TestOutboxThatDoesNotHealSaysSo(t *testing.T) {
	o, third, now := brokenOutbox(t, true)
	away := o.path + ".away"
	if err := os.Rename(o.path, away); err != nil {
		t.Fatal(err)
	}
	if err := o.Ready(); !errors.Is(err, ErrDisk) {
		t.Fatalf("ready: %v", err)
	}
	if _, err := o.Read(0, 10, 1<<20); !errors.Is(err, ErrDisk) {
		t.Errorf("read: %v", err)
	}
	if _, err := o.Append(t.Context(), third); !errors.Is(err, ErrUnsure) || !errors.Is(err, ErrDisk) {
		t.Errorf("the record that may be there: %v", err)
	}
	if _, err := o.Append(t.Context(), record.Rating{ID: "r4"}); errors.Is(err, ErrUnsure) || !errors.Is(err, ErrDisk) {
		t.Errorf("a record that cannot be there: %v", err)
	}
	if err := os.Rename(away, o.path); err != nil {
		t.Fatal(err)
	}
	if err := o.Ready(); !errors.Is(err, ErrDisk) {
		t.Errorf("tried again at once: %v", err)
	}
	*now = now.Add(healEvery)
	if err := o.Ready(); err != nil {
		t.Errorf("after a while: %v", err)
	}
	if _, _, last := o.Position(); last != 3 {
		t.Errorf("log ends at %d", last)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	if err := o.Ready(); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}
