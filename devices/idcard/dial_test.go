package idcard

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

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
			r, baud, err := Dial(within(t, 30*time.Second), serialport.Config{Path: m.link, Driver: driver})
			if err != nil || baud != 9600 {
				t.Fatal(baud, err)
			}
			defer r.Close()
			reads(t, r, people()["resident"])
		})
	}
}

func TestDialWaitsForAModuleThatBoots(t *testing.T) {
	t.Parallel()
	booted := time.Now().Add(1500 * time.Millisecond)
	m := newModule(t, SAMV, func(cmd Command, nth int) []piece {
		if time.Now().Before(booted) {
			return nil
		}
		return laid(people()["resident"])(cmd, nth)
	})
	r, baud, err := Dial(within(t, 30*time.Second), serialport.Config{Path: m.link})
	if err != nil || baud != 115200 {
		t.Fatal(baud, err)
	}
	r.Close()
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
