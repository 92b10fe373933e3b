package main

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"syscall"
	"time"
)

// overwriteFreed starts the program again, in the same process, with a runtime that
// overwrites memory as it is freed: what a citizen left must not stay readable until
// something else happens to be written over it.
func overwriteFreed() error {
	const setting = "clobberfree=1"
	old := os.Getenv("GODEBUG")
	if strings.Contains(old, setting) {
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("overwrite freed memory: %w", err)
	}
	if os.Getenv("FYNE_CACHE") == "" {
		if err := os.Setenv("FYNE_CACHE", cacheLife.String()); err != nil {
			return fmt.Errorf("overwrite freed memory: %w", err)
		}
	}
	if err := os.Setenv("GODEBUG", strings.Trim(old+","+setting, ",")); err != nil {
		return fmt.Errorf("overwrite freed memory: %w", err)
	}
	return fmt.Errorf("overwrite freed memory: %w", syscall.Exec(self, os.Args, os.Environ()))
}

// cacheLife is how long the toolkit remembers what was on the screen, and how often it
// looks: a page's texts are let go at the second repaint after that.
const cacheLife = 10 * time.Second

// forget sees to it that nothing of the visit before stays in memory: the toolkit's
// caches run out only when something is painted, and memory is overwritten when it is
// collected.
func (t *terminal) forget(ctx context.Context) {
	debug.FreeOSMemory()
	for range 3 {
		select {
		case <-ctx.Done():
			return
		case <-time.After(cacheLife + time.Second):
		}
		t.window.Repaint()
		// Twice: the first collection finds what finalizers held, the second what they let go.
		debug.FreeOSMemory()
		debug.FreeOSMemory()
	}
}
