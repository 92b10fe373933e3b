package serialport

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// device is the other end of a line: the master of a pseudo-terminal, reached through
// a link as a terminal's ports are.
type device struct {
	*os.File
	link string
	node string
}

func newDevice(t *testing.T) *device {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	d := &device{File: master, node: slave.Name(), link: filepath.Join(t.TempDir(), "port")}
	t.Cleanup(func() { master.Close() })
	slave.Close()
	if err := os.Symlink(d.node, d.link); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *device) open(t *testing.T, driver Driver) Port {
	t.Helper()
	p, err := Open(context.Background(), Config{Path: d.link, Driver: driver})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// eachDriver runs a test over both libraries.
func eachDriver(t *testing.T, test func(t *testing.T, driver Driver)) {
	for _, driver := range []Driver{Bugst, Tarm} {
		t.Run(string(driver), func(t *testing.T) { t.Parallel(); test(t, driver) })
	}
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// fill writes until the device's side takes no more, and says how much went.
func fill(t *testing.T, p Port) (total int) {
	t.Helper()
	for {
		n, err := p.Write(within(t, 200*time.Millisecond), make([]byte, 1<<20))
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("write to a deaf device: %d, %v", n, err)
		}
		total += n
		if n == 0 {
			return total
		}
	}
}

func TestEveryByteGoesThroughUnchanged(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver Driver) {
		d := newDevice(t)
		p := d.open(t, driver)
		all := make([]byte, 256)
		for i := range all {
			all[i] = byte(i)
		}
		if n, err := p.Write(within(t, 5*time.Second), all); n != 256 || err != nil {
			t.Fatal(n, err)
		}
		got := make([]byte, 256)
		if _, err := io.ReadFull(d, got); err != nil || !bytes.Equal(got, all) {
			t.Fatalf("%v % x", err, got)
		}
		if _, err := d.Write(all); err != nil {
			t.Fatal(err)
		}
		var back []byte
		for buf := make([]byte, 100); len(back) < 256; {
			n, err := p.Read(within(t, 5*time.Second), buf)
			if err != nil || n == 0 {
				t.Fatal(n, err)
			}
			back = append(back, buf[:n]...)
		}
		if !bytes.Equal(back, all) {
			t.Fatalf("% x", back)
		}
		if p.Name() != d.link {
			t.Fatal(p.Name())
		}
	})
}

func TestReadTimeOutIsNotGone(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver Driver) {
		d := newDevice(t)
		p := d.open(t, driver)
		buf := make([]byte, 10)
		for range 3 {
			n, err := p.Read(within(t, 20*time.Millisecond), buf)
			if n != 0 || !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrGone) {
				t.Fatal(n, err)
			}
		}
		d.Write([]byte("late"))
		if n, err := p.Read(within(t, 5*time.Second), buf); string(buf[:n]) != "late" {
			t.Fatal(n, err)
		}
	})
}

func TestCancelInterruptsRead(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver Driver) {
		p := newDevice(t).open(t, driver)
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(20*time.Millisecond, cancel)
		start := time.Now()
		_, err := p.Read(ctx, make([]byte, 1))
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if d := time.Since(start); d > presence {
			t.Fatalf("took %v", d)
		}
	})
}

func TestWriteToDeafDeviceIsBoundedAndThePortLivesOn(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver Driver) {
		d := newDevice(t)
		p := d.open(t, driver)
		sent := fill(t, p)
		if sent == 0 {
			t.Fatal("nothing went")
		}
		// The device listens again: exactly what was counted is there, then more.
		if _, err := io.CopyN(io.Discard, d, int64(sent)); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Write(within(t, 5*time.Second), []byte("next")); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 4)
		if _, err := io.ReadFull(d, got); string(got) != "next" {
			t.Fatalf("%q %v", got, err)
		}
	})
}

func TestBlockedWriteGoesOnWhenTheDeviceListens(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver Driver) {
		d := newDevice(t)
		p := d.open(t, driver)
		const size = 100_000
		got := make(chan int64)
		go func() {
			n, _ := io.CopyN(io.Discard, d, size)
			got <- n
		}()
		if n, err := p.Write(within(t, 20*time.Second), make([]byte, size)); n != size || err != nil {
			t.Fatal(n, err)
		}
		if n := <-got; n != size {
			t.Fatal(n)
		}
	})
}

func TestCloseFreesBothDirections(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver Driver) {
		p := newDevice(t).open(t, driver)
		fill(t, p)
		errs := make(chan error, 2)
		go func() {
			_, err := p.Read(context.Background(), make([]byte, 1))
			errs <- err
		}()
		go func() {
			_, err := p.Write(context.Background(), make([]byte, 100))
			errs <- err
		}()
		time.Sleep(20 * time.Millisecond) // let them get stuck; either order must work
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			select {
			case err := <-errs:
				if !errors.Is(err, ErrClosed) {
					t.Fatal(err)
				}
			case <-time.After(5 * time.Second):
				t.Fatal("still stuck after Close")
			}
		}
		if err := p.Close(); err != nil {
			t.Fatal("second close:", err)
		}
		if _, err := p.Read(context.Background(), make([]byte, 1)); !errors.Is(err, ErrClosed) {
			t.Fatal(err)
		}
		if err := p.Reset(context.Background()); !errors.Is(err, ErrClosed) {
			t.Fatal(err)
		}
	})
}

func TestHangUpIsGone(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver Driver) {
		d := newDevice(t)
		p := d.open(t, driver)
		errs := make(chan error, 1)
		go func() {
			_, err := p.Read(within(t, 10*time.Second), make([]byte, 1))
			errs <- err
		}()
		time.Sleep(10 * time.Millisecond)
		d.Close()
		if err := <-errs; !errors.Is(err, ErrGone) {
			t.Fatal(err)
		}
		if _, err := p.Write(within(t, time.Second), []byte("x")); !errors.Is(err, ErrGone) {
			t.Fatal(err)
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestVanishedOrRedirectedLinkIsGone(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver Driver) {
		d, other := newDevice(t), newDevice(t)
		p := d.open(t, driver)
		errs := make(chan error, 1)
		go func() {
			_, err := p.Read(within(t, 10*time.Second), make([]byte, 1))
			errs <- err
		}()
		time.Sleep(10 * time.Millisecond)
		start := time.Now()
		if err := os.Remove(d.link); err != nil {
			t.Fatal(err)
		}
		if err := <-errs; !errors.Is(err, ErrGone) {
			t.Fatal(err)
		}
		if took := time.Since(start); took > time.Second {
			t.Fatalf("noticed after %v", took)
		}
		if err := os.Symlink(other.node, d.link); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Write(within(t, time.Second), []byte("for d only")); !errors.Is(err, ErrGone) {
			t.Fatal(err)
		}
	})
}

func TestResetDiscardsUnread(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver Driver) {
		d := newDevice(t)
		p := d.open(t, driver)
		for range 20 {
			d.Write(bytes.Repeat([]byte("old"), 500))
			if err := p.Reset(within(t, 5*time.Second)); err != nil {
				t.Fatal(err)
			}
		}
		waitQuiet(t, p)
		d.Write([]byte("new"))
		buf := make([]byte, 10)
		if n, err := p.Read(within(t, 5*time.Second), buf); string(buf[:n]) != "new" {
			t.Fatalf("%q %v", buf[:n], err)
		}
	})
}

// waitQuiet reads until nothing comes: a pseudo-terminal delivers behind our back.
func waitQuiet(t *testing.T, p Port) {
	for {
		if _, err := p.Read(within(t, 50*time.Millisecond), make([]byte, 4096)); err != nil {
			return
		}
	}
}

func TestResetEndsBesideABabbler(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver Driver) {
		d := newDevice(t)
		p := d.open(t, driver)
		go func() {
			for {
				if _, err := d.Write(make([]byte, 1024)); err != nil {
					return
				}
			}
		}()
		if err := p.Reset(within(t, 10*time.Second)); err != nil {
			t.Fatal(err)
		}
		p.Close()
		d.Close()
	})
}

func TestOpenErrorsAreTyped(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver Driver) {
		dir := t.TempDir()
		file := filepath.Join(dir, "file")
		os.WriteFile(file, nil, 0o600)
		loop := filepath.Join(dir, "loop")
		os.Symlink(loop, loop)
		dangling := filepath.Join(dir, "dangling")
		os.Symlink(filepath.Join(dir, "unplugged"), dangling)
		for _, c := range []struct {
			name string
			path string
			want error
		}{
			{"missing", filepath.Join(dir, "none"), ErrNotFound},
			{"dangling link", dangling, ErrNotFound},
			{"file", file, ErrNotSerial},
			{"folder", dir, ErrNotSerial},
			{"null device", "/dev/null", ErrNotSerial},
		} {
			p, err := Open(context.Background(), Config{Path: c.path, Driver: driver})
			if !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", c.name, err, c.want)
			}
			if p != nil {
				t.Errorf("%s: a port and an error", c.name)
			}
		}
		d := newDevice(t)
		if _, err := Open(context.Background(), Config{Path: d.link, Driver: "other"}); !errors.Is(err, ErrConfig) {
			t.Error(err)
		}
		if _, err := Open(context.Background(), Config{Path: d.link, Driver: driver, Baud: -7}); !errors.Is(err, ErrConfig) {
			t.Error(err)
		}
	})
}

func TestBugstIsExclusiveAndTarmShares(t *testing.T) {
	d := newDevice(t)
	p := d.open(t, Bugst)
	if _, err := Open(context.Background(), Config{Path: d.node}); !errors.Is(err, ErrBusy) {
		t.Fatal(err)
	}
	p.Close()
	again := d.open(t, Bugst) // free at once
	again.Close()
	d.open(t, Tarm)
	d.open(t, Tarm)
}

func TestBaudReachesTheLine(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver Driver) {
		d := newDevice(t)
		p, err := Open(context.Background(), Config{Path: d.link, Driver: driver, Baud: 9600})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		tio, err := unix.IoctlGetTermios(int(d.Fd()), unix.TCGETS)
		if err != nil {
			t.Fatal(err)
		}
		if tio.Cflag&unix.CBAUD != unix.B9600 {
			t.Fatalf("%o", tio.Cflag&unix.CBAUD)
		}
	})
}
