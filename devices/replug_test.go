package devices_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/creack/pty"

	"yeban/devices"
	"yeban/devices/idcard"
	"yeban/devices/serialport"
)

// adapter is a USB adapter with a card reader's module behind it: a pseudo-terminal
// that the by-path link leads to while it is plugged in.
type adapter struct {
	link   string
	master *os.File
	sam    idcard.SAMID
	done   chan struct{}
}

func (a *adapter) plug(t *testing.T) {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(slave.Name(), a.link); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	a.master, a.done = master, make(chan struct{})
	go func() { defer close(a.done); a.serve(master) }()
}

func (a *adapter) unplug(t *testing.T) {
	t.Helper()
	if err := os.Remove(a.link); err != nil {
		t.Fatal(err)
	}
	a.master.Close()
	<-a.done
}

func (a *adapter) serve(master *os.File) {
	var scan idcard.Scanner
	buf := make([]byte, 64)
	for {
		n, err := master.Read(buf)
		if errors.Is(err, os.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(time.Millisecond) // EIO: nobody has the line open
			continue
		}
		scan.Feed(buf[:n])
		for f, err := scan.Next(); err == nil; f, err = scan.Next() {
			switch cmd, _, _ := f.Request(); cmd {
			case idcard.CmdSAMID:
				master.Write(idcard.EncodeReply(idcard.SAMV, idcard.SW{0, 0, 0x90}, a.sam[:]))
			case idcard.CmdFind:
				master.Write(idcard.EncodeReply(idcard.SAMV, idcard.SW{0, 0, 0x80}, nil))
			default:
				master.Write(idcard.EncodeReply(idcard.SAMV, idcard.SW{0, 0, 0x90}, nil))
			}
		}
	}
}

func until(t *testing.T, updates <-chan devices.Status, state devices.State) time.Duration {
	t.Helper()
	start := time.Now()
	for limit := time.After(30 * time.Second); ; {
		select {
		case s := <-updates:
			if s.State == state {
				return time.Since(start)
			}
		case <-limit:
			t.Fatalf("never %s", state)
		}
	}
}

func TestUnplugIsNoticedAndReplugServedUnderAnotherName(t *testing.T) {
	t.Parallel()
	for _, driver := range []serialport.Driver{serialport.Bugst, serialport.Tarm} {
		for _, leased := range []bool{false, true} {
			name := string(driver) + map[bool]string{true: " while waiting for a card"}[leased]
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				a := &adapter{link: filepath.Join(t.TempDir(), "reader"), sam: idcard.MakeSAMID(5, 1, 20200101, 1, 2)}
				a.plug(t)
				w := devices.NewWorker(devices.Config{Name: "reader", Kind: devices.IDCard},
					func(ctx context.Context) (*idcard.Reader, error) {
						r, _, err := idcard.Dial(ctx, serialport.Config{Path: a.link, Driver: driver})
						return r, err
					})
				ctx, cancel := context.WithCancel(context.Background())
				ended := make(chan error, 1)
				go func() { ended <- w.Run(ctx) }()
				defer func() { cancel(); <-ended }()
				updates, unsubscribe := w.Subscribe()
				defer unsubscribe()
				until(t, updates, devices.Online)

				result := make(chan error, 1)
				if leased {
					go func() {
						result <- w.Use(ctx, func(ctx context.Context, r *idcard.Reader) error {
							_, err := r.WaitCard(ctx, 250*time.Millisecond, nil)
							return err
						})
					}()
					until(t, updates, devices.DeviceBusy)
				}
				a.unplug(t)
				if took := until(t, updates, devices.NoDevice); took > time.Second {
					t.Errorf("unplug noticed after %v", took)
				}
				if leased {
					if err := <-result; !errors.Is(err, serialport.ErrGone) {
						t.Errorf("the command got %v", err)
					}
				}
				blocker, other, err := pty.Open()
				if err != nil {
					t.Fatal(err)
				}
				defer blocker.Close()
				defer other.Close()
				a.plug(t)
				if took := until(t, updates, devices.Online); took > 3*time.Second {
					t.Errorf("ready %v after replug", took)
				}
				a.unplug(t)
			})
		}
	}
}
