package outbox_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"yeban/sync/outbox"
	"yeban/sync/record"
)

// filled makes a closed outbox of n ratings "0", "1", … with the first half
// acknowledged.
func filled(t *testing.T, n int) (dir, file string) {
	t.Helper()
	dir = t.TempDir()
	o := open(t, config(dir, newClock()))
	for i := range n {
		appendOne(t, o, rating(fmt.Sprint(i)))
	}
	epoch, _, _ := o.Position()
	if err := o.Acked(epoch, uint64(n/2)); err != nil {
		t.Fatal(err)
	}
	o.Close()
	return dir, filepath.Join(dir, "outbox.db")
}

// edit changes a closed file as bbolt itself would.
func edit(t *testing.T, file string, change func(*bolt.Tx) error) {
	t.Helper()
	db, err := bolt.Open(file, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Update(change); err != nil {
		t.Fatal(err)
	}
}

// serviceGoesOn opens a damaged folder and proves that it serves, that the bad file
// is still there, and that staff are told.
func serviceGoesOn(t *testing.T, dir string) *outbox.Outbox {
	t.Helper()
	o := open(t, config(dir, newClock()))
	aside := o.SetAside()
	if aside == nil {
		t.Fatal("nobody is told")
	}
	if _, err := os.Stat(aside.Path); err != nil {
		t.Error(err)
	}
	if err := o.Ready(); err != nil {
		t.Error(err)
	}
	appendOne(t, o, rating("after"))
	all(t, o)
	return o
}

func TestForeignFilesAreSetAside(t *testing.T) {
	for name, make := range map[string]func(t *testing.T, file string){
		"text": func(t *testing.T, file string) {
			if err := os.WriteFile(file, []byte("hello, this is not a database\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"noise": func(t *testing.T, file string) {
			noise := make([]byte, 100_000)
			r := rand.NewChaCha8([32]byte{1})
			r.Read(noise)
			if err := os.WriteFile(file, noise, 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"another program's bbolt": func(t *testing.T, file string) {
			edit(t, file, func(tx *bolt.Tx) error { _, err := tx.CreateBucket([]byte("theirs")); return err })
		},
		"another program's meta": func(t *testing.T, file string) {
			edit(t, file, func(tx *bolt.Tx) error {
				b, err := tx.CreateBucket([]byte("meta"))
				if err != nil {
					return err
				}
				return b.Put([]byte("is"), []byte("theirs"))
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			make(t, filepath.Join(dir, "outbox.db"))
			if o := serviceGoesOn(t, dir); o.SetAside().Recovered != 0 {
				t.Errorf("recovered %d", o.SetAside().Recovered)
			}
		})
	}
}

func TestEmptyFileIsAFreshStart(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "outbox.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	o := open(t, config(dir, newClock()))
	if o.SetAside() != nil {
		t.Error(o.SetAside())
	}
	appendOne(t, o, rating("r"))
}

func TestNewerFileIsNotTouched(t *testing.T) {
	dir, file := filled(t, 2)
	edit(t, file, func(tx *bolt.Tx) error {
		return tx.Bucket([]byte("meta")).Put([]byte("format"), binary.BigEndian.AppendUint32(nil, 3))
	})
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var newer *outbox.VersionError
	if _, err := outbox.Open(config(dir, newClock())); !errors.As(err, &newer) || newer.Found != 3 {
		t.Fatalf("%v", err)
	}
	after, err := os.ReadFile(file)
	if err != nil || string(after) != string(before) {
		t.Errorf("file was touched, %v", err)
	}
}

func TestDamagedEntryIsNamedAndTheRestSaved(t *testing.T) {
	for name, spoil := range map[string]func(*bolt.Bucket) error{
		"changed": func(log *bolt.Bucket) error {
			v := append([]byte(nil), log.Get(key(8))...)
			v[len(v)-1] ^= 1
			return log.Put(key(8), v)
		},
		"missing": func(log *bolt.Bucket) error { return log.Delete(key(8)) },
		"cut":     func(log *bolt.Bucket) error { return log.Put(key(8), log.Get(key(8))[:50]) },
	} {
		t.Run(name, func(t *testing.T) {
			dir, file := filled(t, 10)
			edit(t, file, func(tx *bolt.Tx) error { return spoil(tx.Bucket([]byte("log"))) })

			r, err := outbox.OpenReadOnly(dir)
			if err != nil {
				t.Fatal(err)
			}
			var broken *outbox.ChainError
			if _, err := r.Verify(t.Context(), time.Now()); !errors.As(err, &broken) || broken.Seq != 8 {
				t.Errorf("verify: %v", err)
			}
			r.Close()

			o := serviceGoesOn(t, dir)
			// The copy of 8 that an earlier transaction left in the file may be found.
			got := fmt.Sprint(ids(all(t, o)))
			if got != "[0 1 2 3 4 5 6 8 9 after]" && got != "[0 1 2 3 4 5 6 7 8 9 after]" {
				t.Errorf("saved %s", got)
			}
			epoch, _, _ := o.Position()
			for _, e := range all(t, o) {
				if _, err := record.Open(platform(), &e, epoch); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func key(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func TestSpoiledPagesNeverStopService(t *testing.T) {
	dir, file := filled(t, 60)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	rounds := 60
	if testing.Short() {
		rounds = 15
	}
	random := rand.New(rand.NewPCG(1, 2))
	recovered := 0
	for round := range rounds {
		spoiled := append([]byte(nil), whole...)
		what := ""
		switch round % 3 {
		case 0:
			at := random.IntN(len(spoiled)/4096) * 4096
			what = fmt.Sprintf("page %d of noise", at/4096)
			for i := at; i < at+4096; i++ {
				spoiled[i] = byte(random.Uint32())
			}
		case 1:
			n := random.IntN(len(spoiled))
			what = fmt.Sprintf("cut to %d", n)
			spoiled = spoiled[:n]
		case 2:
			at := random.IntN(len(spoiled)/4096)*4096 + random.IntN(24)
			what = fmt.Sprintf("page header byte %d", at)
			spoiled[at] ^= 1 << random.IntN(8)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, spoiled, 0o600); err != nil {
			t.Fatal(err)
		}
		o, err := outbox.Open(config(dir, newClock()))
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if _, err := o.Append(t.Context(), rating("after")); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		entries := all(t, o)
		aside := o.SetAside()
		switch {
		case aside == nil && len(entries) != 61 && len(spoiled) > 0:
			t.Errorf("%s: %d entries and nobody told", what, len(entries))
		case aside != nil && aside.Recovered < 40 && !strings.HasPrefix(what, "cut"):
			// One page holds a handful of these small entries.
			t.Errorf("%s: only %d recovered", what, aside.Recovered)
		case aside != nil:
			recovered += aside.Recovered
		}
		o.Close()
	}
	t.Logf("%d entries recovered in all", recovered)
}

func TestFullDiskIsSaidBeforeACitizenBegins(t *testing.T) {
	free := int64(1 << 40)
	cfg := config(t.TempDir(), newClock())
	cfg.FreeBytes = func(string) (int64, error) { return free, nil }
	o := open(t, cfg)
	if err := o.Ready(); err != nil {
		t.Fatal(err)
	}
	free = 64<<20 + 1<<20 // a small record fits, a visit might not
	if err := o.Ready(); !errors.Is(err, outbox.ErrDisk) {
		t.Errorf("ready: %v", err)
	}
	appendOne(t, o, rating("visit in progress"))
	free = 1 << 20
	if _, err := o.Append(t.Context(), rating("r")); !errors.Is(err, outbox.ErrDisk) {
		t.Errorf("append: %v", err)
	}
	free = 1 << 40
	appendOne(t, o, rating("r"))
	if n := len(all(t, o)); n != 2 {
		t.Errorf("%d entries", n)
	}
}

func TestFullOutboxKeepsWhatIsUnsentAndGivesUpWhatIsNot(t *testing.T) {
	c := newClock()
	cfg := config(t.TempDir(), c)
	cfg.MaxBytes = 5 << 20
	o := open(t, cfg)
	big := func(i int) record.Application {
		a := application(t, c.Now().Add(time.Duration(i)*time.Second))
		a.Answers = map[string]string{"x": strings.Repeat("x", 200<<10)}
		return a
	}
	n := 0
	for ; ; n++ {
		if _, err := o.Append(t.Context(), big(n)); errors.Is(err, outbox.ErrFull) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if n > 100 {
			t.Fatal("never full")
		}
	}
	if err := o.Ready(); !errors.Is(err, outbox.ErrFull) {
		t.Errorf("ready: %v", err)
	}
	if len(all(t, o)) != n {
		t.Fatalf("%d of %d left", len(all(t, o)), n)
	}
	epoch, _, last := o.Position()
	if err := o.Acked(epoch, last); err != nil {
		t.Fatal(err)
	}
	for i := range 3 * n {
		if _, err := o.Append(t.Context(), big(n+i)); err != nil {
			t.Fatal(err)
		}
		_, _, last := o.Position()
		if err := o.Acked(epoch, last); err != nil {
			t.Fatal(err)
		}
	}
	all(t, o)
}

// TestRealDiskFull fills a real file system of 4 MiB.
func TestRealDiskFull(t *testing.T) {
	if os.Getuid() != 0 || runtime.GOOS != "linux" {
		t.Skip("mounting needs root")
	}
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=4m", "yeban-test", dir).CombinedOutput(); err != nil {
		t.Skipf("no tmpfs here: %s", out)
	}
	defer exec.Command("umount", "-l", dir).Run()
	cfg := config(dir, newClock())
	cfg.MinFreeBytes = 1
	cfg.FreeBytes = func(string) (int64, error) { return 1 << 40, nil } // a disk that lies until it is full
	o := open(t, cfg)
	c := newClock()
	var kept []string
	for i := range 200 {
		a := application(t, c.Now().Add(time.Duration(i)*time.Second))
		a.Answers = map[string]string{"x": strings.Repeat("x", 100<<10)}
		_, err := o.Append(context.Background(), a)
		if err != nil {
			if !errors.Is(err, outbox.ErrDisk) {
				t.Fatal(err)
			}
			break
		}
		kept = append(kept, a.ID)
	}
	if len(kept) < 5 || len(kept) > 60 {
		t.Fatalf("%d records in 4 MiB", len(kept))
	}
	if fmt.Sprint(ids(all(t, o))) != fmt.Sprint(kept) {
		t.Error("log differs from what was promised")
	}
	o.Close()
	o = open(t, cfg)
	if o.SetAside() != nil {
		t.Fatal(o.SetAside())
	}
	if fmt.Sprint(ids(all(t, o))) != fmt.Sprint(kept) {
		t.Error("after a restart the log differs from what was promised")
	}
	o.Close()
}
