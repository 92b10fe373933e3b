package model

import (
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// ends gives both ends of a connection over a good line.
func ends(t *testing.T) (l *line, kiosk, hub net.Conn) {
	t.Helper()
	d := newDoor()
	l = newLine(1, func(int) *door { return d })
	hubs := make(chan net.Conn, 1)
	go func() {
		c, err := d.Accept()
		if err != nil {
			t.Error(err)
		}
		hubs <- c
	}()
	kiosk, err := l.dial(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	return l, kiosk, <-hubs
}

// arrives reads until nothing more comes for a minute.
func arrives(t *testing.T, c net.Conn) (n int, err error) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	for buf := make([]byte, 100); ; {
		some, err := c.Read(buf)
		if n += some; err != nil {
			return n, err
		}
	}
}

func TestALineBreaksInTheMiddle(t *testing.T) {
	for name, mute := range map[string]bool{"told": false, "mute": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, kiosk, hub := ends(t)
				l.change(func(l *line) { l.cut, l.mute = 300, mute })
				_, wrote := kiosk.Write(make([]byte, 1000))
				n, err := arrives(t, hub)
				if n != 300 {
					t.Errorf("%d bytes arrive", n)
				}
				if mute && (wrote != nil || !errors.Is(err, os.ErrDeadlineExceeded)) {
					t.Errorf("a mute line tells: %v, %v", wrote, err)
				}
				if !mute && (!errors.Is(wrote, syscall.EPIPE) || !errors.Is(err, syscall.ECONNRESET)) {
					t.Errorf("a broken line tells %v, %v", wrote, err)
				}
			})
		})
	}
}

// TestWhatIsOnItsWayArrives: a terminal that loses its power has sent what it has sent.
func TestWhatIsOnItsWayArrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, kiosk, hub := ends(t)
		l.delayAll(10 * time.Second)
		if _, err := kiosk.Write(make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		l.hangUp(func(t *talk) *end { return t.kiosk }, true)
		if _, err := kiosk.Write([]byte{1}); !errors.Is(err, net.ErrClosed) {
			t.Errorf("a machine without power writes: %v", err)
		}
		begun := time.Now()
		if _, err := hub.Read(make([]byte, 1)); err != nil || time.Since(begun) != 10*time.Second {
			t.Errorf("arrives after %s: %v", time.Since(begun), err)
		}
		if n, err := arrives(t, hub); n != 999 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%d bytes, %v", n, err)
		}
	})
}

// TestAFullLineHoldsItsWriterUp until its deadline.
func TestAFullLineHoldsItsWriterUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, kiosk, hub := ends(t)
		l.change(func(l *line) { l.held = true })
		if err := kiosk.SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if n, err := kiosk.Write(make([]byte, 2*flight)); n != flight || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%d bytes, %v", n, err)
		}
		l.heal()
		if n, err := arrives(t, hub); n != flight || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%d bytes, %v", n, err)
		}
	})
}
