package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"yeban/sync/record"
)

// newLogger writes JSON lines. Types that hold personal data print as a mark.
func newLogger(w io.Writer, level string) *slog.Logger {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		l = slog.LevelInfo
	}
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: l}))
}

// bootClock places moments on three clocks.
type bootClock struct{ boot string }

func newBootClock() (*bootClock, error) {
	raw, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return nil, fmt.Errorf("boot id: %w", err)
	}
	return &bootClock{strings.TrimSpace(string(raw))}, nil
}

func (b *bootClock) now() record.Clock {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts) // cannot fail for this clock
	return record.Clock{Wall: time.Now(), MonoMs: ts.Nano() / 1e6, BootID: b.boot}
}

// diskFree is what an unprivileged writer may still use.
func diskFree(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("free space: %w", err)
	}
	return int64(st.Bavail) * st.Bsize, nil
}
