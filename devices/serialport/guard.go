package serialport

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// presence is how often somebody who waits looks whether the line is still there.
// It bounds how late an unplugged adapter is noticed.
const presence = 300 * time.Millisecond

// guard is our own descriptor of a line, beside the library's. Nothing is read from
// it or written to it: it waits, through the runtime's poller, until the library's
// calls would not; it flushes; and it tells whether the line is still the one that
// was opened.
type guard struct {
	path string // as configured
	node string // what path led to
	id   os.FileInfo
	file *os.File
	raw  syscall.RawConn
	pty  bool
}

// openGuard opens the line without waiting for a carrier. An exclusive guard locks
// out other exclusive guards, of this and of other processes; the kernel drops the
// lock with the process, unlike TIOCEXCL on some drivers.
func openGuard(path, node string, exclusive bool) (*guard, error) {
	f, err := os.OpenFile(node, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	g := &guard{path: path, node: node, file: f}
	if err := g.examine(exclusive); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return g, nil
}

func (g *guard) examine(exclusive bool) (err error) {
	if g.id, err = g.file.Stat(); err != nil {
		return err
	}
	if g.raw, err = g.file.SyscallConn(); err != nil {
		return err
	}
	if st, ok := g.id.Sys().(*syscall.Stat_t); ok {
		major := unix.Major(st.Rdev)
		g.pty = major >= 136 && major <= 143 // UNIX98 slaves
	}
	return g.control(func(fd int) error {
		if _, err := unix.IoctlGetTermios(fd, unix.TCGETS); err != nil {
			return fmt.Errorf("%w (%v)", ErrNotSerial, err)
		}
		if exclusive {
			if err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); err != nil {
				return fmt.Errorf("%w (%v)", ErrBusy, err)
			}
		}
		return nil
	})
}

// roomFor is how many bytes the kernel surely takes without waiting, once it says
// that it has room. A hardware line says so with kilobytes to spare; a
// pseudo-terminal may have a single byte left.
func (g *guard) roomFor() int {
	if g.pty {
		return 1
	}
	return 64
}

// direction is one way of the line.
type direction struct {
	events   int16
	wait     func(syscall.RawConn, func(uintptr) bool) error
	deadline func(*os.File, time.Time) error
}

var (
	inward  = direction{unix.POLLIN, syscall.RawConn.Read, (*os.File).SetReadDeadline}
	outward = direction{unix.POLLOUT, syscall.RawConn.Write, (*os.File).SetWriteDeadline}
)

// await returns nil when the line is ready in a direction, ErrGone when it is no
// longer there, and ctx's error when that comes first. One caller a direction.
func (g *guard) await(ctx context.Context, d direction) error {
	if ready, err := g.poll(d.events); ready || err != nil {
		return err
	}
	// From here the wait is broken by moving its deadline into the past.
	stop := context.AfterFunc(ctx, func() { d.deadline(g.file, time.Unix(1, 0)) })
	defer stop()
	for {
		if err := d.deadline(g.file, time.Now().Add(presence)); err != nil {
			return ErrClosed
		}
		// Looked at after the deadline is set: whoever ends ctx later breaks it.
		if err := ctx.Err(); err != nil {
			return err
		}
		var failed error
		err := d.wait(g.raw, func(fd uintptr) bool {
			var ready bool
			ready, failed = pollFD(int(fd), d.events)
			return ready || failed != nil
		})
		switch {
		case err == nil:
			return failed
		case errors.Is(err, os.ErrDeadlineExceeded):
			if err := g.present(); err != nil {
				return err
			}
		default:
			return ErrClosed
		}
	}
}

// poll looks at the line without waiting.
func (g *guard) poll(events int16) (ready bool, err error) {
	cerr := g.control(func(fd int) error {
		ready, err = pollFD(fd, events)
		return nil
	})
	if cerr != nil {
		return false, ErrClosed
	}
	return ready, err
}

func pollFD(fd int, events int16) (bool, error) {
	p := []unix.PollFd{{Fd: int32(fd), Events: events}}
	for {
		n, err := unix.Poll(p, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return false, err
		}
		if p[0].Revents&(unix.POLLHUP|unix.POLLERR|unix.POLLNVAL) == 0 {
			return n > 0, nil
		}
		// What came before the hang-up may still be read.
		if events&unix.POLLIN != 0 {
			if waiting, err := unix.IoctlGetInt(fd, unix.TIOCINQ); err == nil && waiting > 0 {
				return true, nil
			}
		}
		return false, ErrGone
	}
}

// present says ErrGone unless the configured path still leads to the line that was
// opened. The number of a node is reused: the same name may be another device.
func (g *guard) present() error {
	node, err := filepath.EvalSymlinks(g.path)
	if err != nil || node != g.node {
		return ErrGone
	}
	now, err := os.Stat(node)
	if err != nil || !os.SameFile(now, g.id) {
		return ErrGone
	}
	return nil
}

func (g *guard) flushInput() error  { return g.flush(unix.TCIFLUSH) }
func (g *guard) flushOutput() error { return g.flush(unix.TCOFLUSH) }

func (g *guard) flush(queue int) error {
	return g.control(func(fd int) error { return unix.IoctlSetInt(fd, unix.TCFLSH, queue) })
}

// drain waits for the queued output to leave, for as long as it moves. What does not
// move for a grace is thrown away: the kernel's own close could wait half a minute.
func (g *guard) drain() {
	for least, since := -1, time.Now(); ; time.Sleep(5 * time.Millisecond) {
		queued := 0
		err := g.control(func(fd int) (err error) {
			queued, err = unix.IoctlGetInt(fd, unix.TIOCOUTQ)
			return err
		})
		if err != nil || queued == 0 {
			return
		}
		if least < 0 || queued < least {
			least, since = queued, time.Now()
		}
		if time.Since(since) > grace {
			g.flushOutput()
			return
		}
	}
}

// highestDescriptor is the greatest number that the next n files to be opened may
// get, barring files closed in between.
func (g *guard) highestDescriptor(n int) (highest int, err error) {
	err = g.control(func(fd int) error {
		for range n {
			d, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
			if err != nil {
				return err
			}
			defer unix.Close(d)
			highest = max(highest, d)
		}
		return nil
	})
	return highest, err
}

func (g *guard) control(f func(fd int) error) error {
	var failed error
	if err := g.raw.Control(func(fd uintptr) { failed = f(int(fd)) }); err != nil {
		return err
	}
	return failed
}

func (g *guard) close() error { return g.file.Close() }
