package simulator

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// host is a program that has opened one of the bench's ports.
type host struct {
	t *testing.T
	f *os.File
}

func newBench(t *testing.T, alter ...func(*Config)) *Bench {
	t.Helper()
	cfg := Config{Dir: t.TempDir(), Speed: 10}
	for _, f := range alter {
		f(&cfg)
	}
	b, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func (b *Bench) dirOf() string { return b.Reader.line.dir }

func openPort(t *testing.T, b *Bench, name string, baud uint32) *host {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(b.dirOf(), name), os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	conn, err := f.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	conn.Control(func(fd uintptr) {
		tio, e := unix.IoctlGetTermios(int(fd), unix.TCGETS2)
		if e == nil {
			tio.Cflag = tio.Cflag&^unix.CBAUD | unix.BOTHER
			tio.Ispeed, tio.Ospeed = baud, baud
			e = unix.IoctlSetTermios(int(fd), unix.TCSETS2, tio)
		}
		err = e
	})
	if err != nil {
		t.Fatal(err)
	}
	return &host{t, f}
}

func (h *host) send(b ...byte) {
	h.t.Helper()
	if _, err := h.f.Write(b); err != nil {
		h.t.Fatal(err)
	}
}

// read waits for n bytes.
func (h *host) read(n int) []byte {
	h.t.Helper()
	h.f.SetReadDeadline(time.Now().Add(20 * time.Second))
	buf := make([]byte, n)
	for at := 0; at < n; {
		m, err := h.f.Read(buf[at:])
		if err != nil {
			h.t.Fatalf("after %d of %d bytes: %v", at, n, err)
		}
		at += m
	}
	return buf
}

// quiet checks that nothing more comes.
func (h *host) quiet(d time.Duration) {
	h.t.Helper()
	h.f.SetReadDeadline(time.Now().Add(d))
	buf := make([]byte, 64)
	if n, err := h.f.Read(buf); !errors.Is(err, os.ErrDeadlineExceeded) {
		h.t.Errorf("heard % x, %v", buf[:n], err)
	}
}

func request(cmd ...byte) []byte {
	f := append([]byte{0xAA, 0xAA, 0xAA, 0x96, 0x69, 0, byte(len(cmd) + 1)}, cmd...)
	return append(f, xor(f[5:]))
}

var (
	find     = request(0x20, 0x01)
	selectIt = request(0x20, 0x02)
	readIt   = request(0x30, 0x01)

	stxRequest = []byte{0x02, 0x00, 0x03, 0xCA, 0x01, 0x00, 0xCB, 0x03}
)
