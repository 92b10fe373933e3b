package outbox_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"yeban/sync/outbox"
)

// large makes Open treat every file as one too large to be read before service.
func large(dir string) outbox.Config {
	cfg := config(dir, newClock())
	cfg.CheckFirst = 1
	return cfg
}

// setAsideSoon waits until damage has been found behind an Open that did not see it.
func setAsideSoon(t *testing.T, o *outbox.Outbox) *outbox.SetAsideError {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if aside := o.SetAside(); aside != nil {
			return aside
		}
	}
	t.Fatal("nobody finds the damage")
	return nil
}

func TestDamageFoundAfterOpenIsSetAsideToo(t *testing.T) {
	for name, spoil := range map[string]func(*bolt.Bucket) error{
		"changed": func(log *bolt.Bucket) error {
			v := append([]byte(nil), log.Get(key(150))...)
			v[len(v)-1] ^= 1
			return log.Put(key(150), v)
		},
		"missing": func(log *bolt.Bucket) error { return log.Delete(key(150)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir, file := filled(t, 300)
			edit(t, file, func(tx *bolt.Tx) error { return spoil(tx.Bucket([]byte("log"))) })
			o := open(t, large(dir))
			epoch, _, _ := o.Position()
			// A citizen who comes before the damage is found loses nothing by it.
			appendOne(t, o, rating("meanwhile"))
			aside := setAsideSoon(t, o)
			if _, err := os.Stat(aside.Path); err != nil {
				t.Error(err)
			}
			if err := o.Ready(); err != nil {
				t.Error(err)
			}
			if now, _, _ := o.Position(); now == epoch {
				t.Error("still the same log")
			}
			appendOne(t, o, rating("after"))
			held := map[string]bool{}
			for _, e := range all(t, o) {
				held[e.ID] = true
			}
			for i := range 300 {
				if id := fmt.Sprint(i); i != 149 && !held[id] {
					t.Errorf("%s is lost", id)
				}
			}
			if !held["meanwhile"] || !held["after"] {
				t.Error("what was promised after Open is lost")
			}
		})
	}
}

func TestDamagedTailIsFoundBeforeService(t *testing.T) {
	dir, file := filled(t, 300)
	edit(t, file, func(tx *bolt.Tx) error {
		log := tx.Bucket([]byte("log"))
		v := append([]byte(nil), log.Get(key(300))...)
		v[len(v)-1] ^= 1
		return log.Put(key(300), v)
	})
	o := open(t, large(dir))
	if o.SetAside() == nil {
		t.Error("served on behind an entry that is not whole")
	}
}

// TestLargeFileServesAsASmallOne restarts with a log that is proved behind service.
func TestLargeFileServesAsASmallOne(t *testing.T) {
	dir, _ := filled(t, 300)
	for i := range 5 {
		o := open(t, large(dir))
		appendOne(t, o, rating(fmt.Sprint("r", i)))
		if n := len(all(t, o)); n != 301+i {
			t.Errorf("%d entries", n)
		}
		stats, err := o.Stats()
		if err != nil || stats.Counts[rating("").Kind()] != 301+i {
			t.Errorf("counts %v, %v", stats.Counts, err)
		}
		if err := o.Close(); err != nil { // also in the middle of the proof
			t.Error(err)
		}
		if o.SetAside() != nil {
			t.Fatal(o.SetAside())
		}
	}
}
