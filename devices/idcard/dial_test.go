package idcard

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"yeban/devices"
	"yeban/devices/serialport"
)

func TestDialFindsTheRateOfTheModule(t *testing.T) {
	for _, driver := range []serialport.Driver{serialport.Bugst, serialport.Tarm} {
		t.Run(string(driver), func(t *testing.T) {
			t.Parallel()
			m := newModule(t, SAMV, laid(people()["resident"]))
			m.mu.Lock()
			m.rate = unix.B9600
			m.mu.Unlock()
			var dialer Dialer
			dial := func(limit time.Duration) {
				t.Helper()
				start := time.Now()
				r, baud, err := dialer.Dial(within(t, 30*time.Second), serialport.Config{Path: m.link, Driver: driver})
				if err != nil || baud != 9600 {
					t.Fatal(baud, err)
				}
				defer r.Close()
				if took := time.Since(start); took > limit {
					t.Errorf("found after %v", took)
				}
				reads(t, r, people()["resident"])
			}
			dial(3 * time.Second)
			dial(time.Second) // where it was the last time; each other rate would be asked in vain before
		})
	}
}

func TestDialWaitsForAModuleThatBoots(t *testing.T) {
	t.Parallel()
	start := time.Now()
	booted := start.Add(1500 * time.Millisecond)
	m := newModule(t, SAMV, func(cmd Command, nth int) []piece {
		if time.Now().Before(booted) {
			return nil
		}
		return laid(people()["resident"])(cmd, nth)
	})
	m.mu.Lock()
	m.rate = unix.B115200 // and deaf to all others
	m.mu.Unlock()
	r, baud, err := Dial(within(t, 30*time.Second), serialport.Config{Path: m.link})
	if err != nil || baud != 115200 {
		t.Fatal(baud, err)
	}
	r.Close()
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("found after %v", took)
	}
}

func TestReaderTellsWhoItIsAndWhatItCan(t *testing.T) {
	t.Parallel()
	m := newModule(t, SAMV, laid(people()["resident"]))
	r, _, err := Dial(within(t, 30*time.Second), serialport.Config{Path: m.link}, WithAddress())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if id, err := r.Identity(t.Context()); err != nil || id != "05.01-20200101-0000000001-0000000002" {
		t.Fatal(id, err)
	}
	able := func(what devices.Capability, want devices.Support) {
		t.Helper()
		if got := r.Capabilities().Of(what); got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	able(devices.CanTellIdentity, devices.Supported)
	able(devices.CanReadAddress, devices.UnknownSupport)
	reads(t, r, people()["resident"])
	able(devices.CanReadAddress, devices.Supported)
	able(devices.CanReadFingerprint, devices.UnknownSupport)
	able(devices.CanProveByID, devices.UnknownSupport) // nobody asks that of a reader
	r.talk.show(CmdReadFingerprint, BadCommand)
	able(devices.CanReadFingerprint, devices.Unsupported)
	stx := New(nil, WithFamily(STX))
	if id, err := stx.Identity(t.Context()); id != "" || err != nil || stx.Capabilities().Of(devices.CanReadAddress) != devices.Unsupported {
		t.Error(id, err, stx.Capabilities())
	}
}

func TestDialSaysWhatItHeard(t *testing.T) {
	t.Parallel()
	silent := newModule(t, SAMV, func(Command, int) []piece { return nil })
	if _, _, err := Dial(within(t, 30*time.Second), serialport.Config{Path: silent.link}); !errors.Is(err, ErrSilent) {
		t.Error(err)
	}
	if _, _, err := Dial(within(t, time.Second), serialport.Config{Path: filepath.Join(t.TempDir(), "no")}); !errors.Is(err, serialport.ErrNotFound) {
		t.Error(err)
	}
	unlicensed := newModule(t, SAMV, func(Command, int) []piece { return sam(UnlicensedSAM) })
	r, _, err := Dial(within(t, 30*time.Second), serialport.Config{Path: unlicensed.link})
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
}
