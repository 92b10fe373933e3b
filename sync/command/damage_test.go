package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"yeban/sync/protocol"
)

// noted is a closed notebook in which a and b were done and told.
func noted(t *testing.T) (dir string, text []byte) {
	t.Helper()
	var e effects
	dir = t.TempDir()
	n := open(t, dir, &clock{now: start}, &e)
	n.Take(orderA)
	n.Take(orderB)
	work(n)
	told(t, n)
	n.Close()
	text, err := os.ReadFile(filepath.Join(dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	return dir, text
}

var orderA, orderB = order(start, "count", "a"), order(start, "count", "b")

func TestDamageIsSetAsideAndNothingIsDoneTwice(t *testing.T) {
	for name, spoil := range map[string]func([]byte) []byte{
		"a letter":      func(b []byte) []byte { b[bytes.Index(b, []byte("begun"))]++; return b },
		"the head":      func(b []byte) []byte { b[3]++; return b },
		"a checksum":    func(b []byte) []byte { b[bytes.IndexByte(b, '\n')+2] = 'x'; return b },
		"all of it":     func(b []byte) []byte { return bytes.Repeat([]byte("noise\n"), 100) },
		"zeros":         func(b []byte) []byte { return make([]byte, 4096) },
		"nothing there": func([]byte) []byte { return nil },
		"other file":    func([]byte) []byte { return []byte("hello\n") },
	} {
		t.Run(name, func(t *testing.T) {
			dir, text := noted(t)
			if err := os.WriteFile(filepath.Join(dir, fileName), spoil(text), 0o600); err != nil {
				t.Fatal(err)
			}
			var e effects
			clock := &clock{now: start.Add(time.Minute)}
			n := open(t, dir, clock, &e)
			if _, err := os.Stat(n.SetAside()); err != nil {
				t.Fatal("nobody is told:", err)
			}
			n.Take(orderA)
			work(n)
			n.Close()
			n = open(t, dir, clock, &e)
			n.Take(orderB)
			work(n)
			clock.Add(time.Minute)
			n.Take(order(clock.Now(), "count", "new"))
			work(n)
			if e.done["a"]+e.done["b"] != 0 || e.done["new"] != 1 || n.SetAside() != "" {
				t.Errorf("done %v, aside %q", e.done, n.SetAside())
			}
			for {
				r, ok := n.Next()
				if !ok {
					break
				}
				n.Answered(r)
			}
		})
	}
}

// TestNotebookThatIsGoneIsNoNewOne: somebody removed it, or the program ended while a
// damaged one was being set aside.
func TestNotebookThatIsGoneIsNoNewOne(t *testing.T) {
	dir, _ := noted(t)
	if err := os.Remove(filepath.Join(dir, fileName)); err != nil {
		t.Fatal(err)
	}
	var e effects
	clock := &clock{now: start.Add(time.Minute)}
	for _, again := range []protocol.Command{orderA, orderB} {
		n := open(t, dir, clock, &e)
		n.Take(again)
		work(n)
		if r, ok := n.Next(); !ok || r.Command != again.ID || r.State != protocol.CommandInterrupted {
			t.Errorf("told %+v", r)
		}
		told(t, n)
		n.Close()
	}
	clock.Add(time.Minute)
	n := open(t, dir, clock, &e)
	n.Take(order(clock.Now(), "count", "new"))
	if work(n); e.done["a"]+e.done["b"] != 0 || e.done["new"] != 1 {
		t.Errorf("done %v", e.done)
	}
}

// TestNotebookOfAnOlderVersionIsMarked: its folder has no commands.begun.
func TestNotebookOfAnOlderVersionIsMarked(t *testing.T) {
	dir, _ := noted(t)
	mark := filepath.Join(dir, begunName)
	if err := os.Remove(mark); err != nil {
		t.Fatal(err)
	}
	var e effects
	n := open(t, dir, &clock{now: start.Add(time.Minute)}, &e)
	n.Take(order(start.Add(time.Minute), "count", "new"))
	work(n)
	if _, err := os.Stat(mark); err != nil || e.done["new"] != 1 {
		t.Errorf("%v, done %v", err, e.done)
	}
}

func TestLineCutByAPowerFailureIsNoDamage(t *testing.T) {
	dir, text := noted(t)
	last := bytes.LastIndexByte(text[:len(text)-1], '\n') + 1
	for cut := last; cut < len(text); cut++ {
		if err := os.WriteFile(filepath.Join(dir, fileName), text[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		var e effects
		n := open(t, dir, &clock{now: start}, &e)
		n.Take(orderA)
		n.Take(orderB)
		work(n)
		if n.SetAside() != "" || len(e.done) > 0 {
			t.Fatalf("cut at %d: aside %q, done %v", cut, n.SetAside(), e.done)
		}
		n.Close()
	}
}

// careless is a file that is not flushed, for tests that would wait for the disk only.
type careless struct{ file }

func (careless) Sync() error { return nil }

// TestNoByteCanBeChangedUnseen: whatever byte of a notebook is damaged, no command that it
// notes is run again.
func TestNoByteCanBeChangedUnseen(t *testing.T) {
	dir, text := noted(t)
	for at := range text {
		spoilt := bytes.Clone(text)
		spoilt[at] ^= 1
		if err := os.WriteFile(filepath.Join(dir, fileName), spoilt, 0o600); err != nil {
			t.Fatal(err)
		}
		var e effects
		n, err := Open(Config{Dir: dir, Now: func() time.Time { return start.Add(time.Minute) }, Actions: actions(&e),
			create: func(path string) (file, error) { f, err := create(path); return careless{f}, err }})
		var newer *VersionError
		if errors.As(err, &newer) {
			continue
		}
		if err != nil {
			t.Fatalf("byte %d: %v", at, err)
		}
		n.Take(orderA)
		n.Take(orderB)
		work(n)
		n.Close()
		if len(e.done) > 0 {
			t.Fatalf("byte %d of %q changed: done again %v", at, text, e.done)
		}
		if aside := n.SetAside(); aside != "" {
			os.Remove(aside)
		}
	}
}

func FuzzRead(f *testing.F) {
	text, err := encode(head{Is: magic, Format: 1}, line{ID: "a", State: "begun"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	path := filepath.Join(f.TempDir(), fileName)
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, lines, _, err := read(path); err != nil && len(lines) > 0 {
			t.Error("lines of a file that cannot be read")
		}
	})
}

func TestNewerFileIsNotTouched(t *testing.T) {
	dir := t.TempDir()
	text, err := encode(head{Is: magic, Format: 2})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, fileName)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	var newer *VersionError
	if _, err := Open(Config{Dir: dir}); !errors.As(err, &newer) || newer.Found != 2 {
		t.Error(err)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, text) {
		t.Errorf("touched: %s, %v", after, err)
	}
}

// brittle is a disk of which every write after a number of them fails.
type brittle struct {
	file
	left *int
}

var errBroken = errors.New("input/output error")

func (b brittle) Sync() error {
	if *b.left--; *b.left < 0 {
		return errBroken
	}
	return b.file.Sync()
}

// TestWhatCannotBeNotedIsTriedAgain without the hub, whose next word may be weeks away.
func TestWhatCannotBeNotedIsTriedAgain(t *testing.T) {
	left := 4 // for Open, which notes that it began
	did := make(chan struct{})
	n, err := Open(Config{Dir: t.TempDir(), Now: func() time.Time { return start }, Retry: time.Millisecond,
		Actions: map[protocol.CommandName]Action{"count": {Do: func(context.Context, map[string]string) error { close(did); return nil }}},
		create: func(path string) (file, error) {
			f, err := create(path)
			if left--; left < -20 { // somebody has made room
				return f, err
			}
			return brittle{f, &left}, err
		}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- n.Run(ctx) }()
	n.Take(orderA)
	select {
	case <-did:
	case <-time.After(time.Minute):
		t.Error("never run")
	}
	cancel()
	<-ended
	n.Close()
}

func TestWhatCannotBeNotedIsNotRun(t *testing.T) {
	left := 2 // for Open, which notes that it began
	var e effects
	dir := t.TempDir()
	n, err := Open(Config{Dir: dir, Now: func() time.Time { return start }, Actions: actions(&e),
		create: func(path string) (file, error) {
			f, err := create(path)
			return brittle{f, &left}, err
		}})
	if err != nil {
		t.Fatal(err)
	}
	n.Take(orderA)
	work(n)
	if len(e.done) > 0 || n.known[orderA.ID] != nil {
		t.Errorf("done %v", e.done)
	}
	left = 2 // written anew, begun; the end is not noted
	n.Take(orderA)
	work(n)
	if e.done["a"] != 1 {
		t.Errorf("done %v", e.done)
	}
	if r, _ := n.Next(); r.Command != orderA.ID {
		t.Error("not told")
	}
	left = 100
	n.Take(orderA)
	n.Take(orderB)
	work(n)
	if got := fmt.Sprint(told(t, n)); got != "[begun done begun done]" || e.done["a"] != 1 || e.done["b"] != 1 {
		t.Errorf("told %s, done %v", got, e.done)
	}
	n.Close()
	n = open(t, dir, &clock{now: start}, &e)
	n.Take(orderA)
	n.Take(orderB)
	work(n)
	if e.done["a"] != 1 || e.done["b"] != 1 {
		t.Errorf("done %v", e.done)
	}
}
