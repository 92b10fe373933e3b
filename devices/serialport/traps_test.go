package serialport

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Not parallel: it uses up descriptors.
func TestHighDescriptorsAreRefusedNotPanickedOn(t *testing.T) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Cur < 1200 {
		t.Skip("needs 1200 descriptors")
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	low := newDevice(t)
	open := low.open(t, Bugst) // below the limit, must go on working
	var held []int
	defer func() {
		for _, fd := range held {
			unix.Close(fd)
		}
	}()
	for {
		fd, err := unix.FcntlInt(null.Fd(), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, fd)
		if fd > 1100 {
			break
		}
	}
	d := newDevice(t)
	if _, err := Open(context.Background(), Config{Path: d.link}); !errors.Is(err, ErrDescriptors) {
		t.Fatal(err)
	}
	for _, p := range []Port{open, d.open(t, Tarm)} {
		if _, err := p.Read(within(t, 20*time.Millisecond), make([]byte, 1)); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
	}
}

func TestNothingIsLeftOpen(t *testing.T) {
	for _, driver := range []Driver{Bugst, Tarm} {
		d := newDevice(t)
		before := descriptors(t)
		for range 50 {
			p, err := Open(context.Background(), Config{Path: d.link, Driver: driver})
			if err != nil {
				t.Fatal(err)
			}
			p.Write(within(t, time.Second), []byte("hello"))
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(context.Background(), Config{Path: d.link, Driver: driver, Baud: -7}); err == nil {
				t.Fatal("opened")
			}
		}
		if after := descriptors(t); after > before {
			t.Fatalf("%s: %d descriptors before, %d after", driver, before, after)
		}
	}
}

func descriptors(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// stuckLibrary waits inside a write although the guard saw room.
type stuckLibrary struct {
	library
	entered chan struct{}
	release chan struct{}
}

func (l stuckLibrary) Write([]byte) (int, error) {
	close(l.entered)
	<-l.release
	return 0, nil
}

func TestWriteStuckInTheLibraryFreesItsCaller(t *testing.T) {
	d := newDevice(t)
	p := d.open(t, Tarm).(*line)
	lib := stuckLibrary{p.lib, make(chan struct{}), make(chan struct{})}
	p.lib = lib
	defer close(lib.release)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-lib.entered; cancel() }()
	if _, err := p.Write(ctx, []byte("x")); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if _, err := p.Write(context.Background(), []byte("x")); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { p.Close(); close(done) }()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Fatal("Close stuck")
	}
}
