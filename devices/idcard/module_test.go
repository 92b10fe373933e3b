package idcard

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"yeban/devices/serialport"
)

// module is the other end of a real line: it answers requests in the order of asking,
// by a script, at the pace of 115200 baud where it is told to.
type module struct {
	master *os.File
	link   string
	paced  bool
	wire   time.Time // until when the wire is busy
	rate   uint32    // speaks only at this rate, as termios knows it; 0 at any

	mu     sync.Mutex
	script func(cmd Command, nth int) []piece // nth request of that command, from 1
	heard  map[Command]int
}

// piece is some bytes of an answer and how long the module waits before them.
type piece struct {
	after time.Duration
	bytes []byte
}

const byteTime = 86806 * time.Nanosecond // 10 bits at 115200

func newModule(t testing.TB, family Family, script func(Command, int) []piece) *module {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	m := &module{master: master, link: filepath.Join(t.TempDir(), "reader"), script: script, heard: map[Command]int{}}
	if err := os.Symlink(slave.Name(), m.link); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	// Blocking, a read would keep the master open when it is closed.
	if err := unix.SetNonblock(int(master.Fd()), true); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); m.serve(family) }()
	t.Cleanup(func() { master.Close(); <-done })
	return m
}

func (m *module) serve(family Family) {
	scan := Scanner{Family: family}
	buf := make([]byte, 256)
	for {
		n, err := m.master.Read(buf)
		if err != nil {
			// EIO while nobody has the line open.
			if errors.Is(err, os.ErrClosed) {
				return
			}
			time.Sleep(time.Millisecond)
			continue
		}
		scan.Feed(buf[:n])
		for {
			f, err := scan.Next()
			if errors.Is(err, ErrIncomplete) {
				break
			}
			if m.deafAtThisRate() {
				m.master.Write([]byte{0x80, 0xF8, 0x00}) // what is heard at the wrong rate
			} else if cmd, _, ok := f.Request(); ok && err == nil {
				m.pause(len(f.Encode()))
				m.answer(cmd)
			}
		}
	}
}

func (m *module) answer(cmd Command) {
	m.mu.Lock()
	m.heard[cmd]++
	pieces := m.script(cmd, m.heard[cmd])
	m.mu.Unlock()
	for _, p := range pieces {
		time.Sleep(p.after)
		for b := p.bytes; len(b) > 0; {
			n := len(b)
			if m.paced {
				n = min(n, 62)
			}
			m.pause(n)
			m.master.Write(b[:n])
			b = b[n:]
		}
	}
}

// pause lets the time of n bytes pass. It keeps a schedule, so that a late timer does
// not make the wire slower.
func (m *module) pause(n int) {
	if !m.paced {
		return
	}
	now := time.Now()
	if m.wire.Before(now.Add(-5 * time.Millisecond)) {
		m.wire = now // the wire was idle
	}
	m.wire = m.wire.Add(time.Duration(n) * byteTime)
	time.Sleep(m.wire.Sub(now))
}

func (m *module) deafAtThisRate() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rate != 0 && m.set() != m.rate
}

// set is the rate that the driver set on the line.
func (m *module) set() (rate uint32) {
	raw, err := m.master.SyscallConn()
	if err != nil {
		return 0
	}
	raw.Control(func(fd uintptr) {
		if t, err := unix.IoctlGetTermios(int(fd), unix.TCGETS); err == nil {
			rate = t.Cflag & unix.CBAUD
		}
	})
	return rate
}

func (m *module) count(cmd Command) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.heard[cmd]
}

func (m *module) open(t testing.TB, options ...Option) *Reader {
	t.Helper()
	port, err := serialport.Open(context.Background(), serialport.Config{Path: m.link})
	if err != nil {
		t.Fatal(err)
	}
	r := New(port, options...)
	t.Cleanup(func() { r.Close() })
	return r
}

var testSAM = MakeSAMID(5, 1, 20200101, 1, 2)

// sam is a plain answer with a status code.
func sam(code Code, data ...byte) []piece {
	return []piece{{0, EncodeReply(SAMV, SW{0, 0, byte(code)}, data)}}
}

// laid answers as a healthy module with a card on it does.
func laid(r Record) func(Command, int) []piece {
	return func(cmd Command, _ int) []piece {
		switch cmd {
		case CmdFind:
			return sam(Found, 1, 2, 3, 4) // an IIN that is not zero
		case CmdSelect:
			return sam(OK, 1, 2, 3, 4, 5, 6, 7, 8)
		case CmdReadCard, CmdReadFingerprint:
			data, err := EncodeCard(r, cmd == CmdReadFingerprint)
			if err != nil {
				panic(err)
			}
			return sam(OK, data...)
		case CmdReadAddress:
			if r.NewAddress == "" {
				return sam(None)
			}
			data, err := EncodeAddress(r.NewAddress)
			if err != nil {
				panic(err)
			}
			return sam(OK, data...)
		case CmdSAMID:
			return sam(OK, testSAM[:]...)
		}
		return sam(OK)
	}
}

// but changes a script for one command.
func but(script func(Command, int) []piece, cmd Command, f func(nth int, usual []piece) []piece) func(Command, int) []piece {
	return func(c Command, nth int) []piece {
		usual := script(c, nth)
		if c == cmd {
			return f(nth, usual)
		}
		return usual
	}
}
