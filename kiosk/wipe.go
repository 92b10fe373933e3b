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

// wiper sees to it that nothing of a visit stays in memory: the toolkit's caches run out
// only when something is painted, and memory is overwritten when it is collected.
type wiper struct {
	left    chan struct{} // has a value when a visit has ended
	repaint func()
	collect func()
}

func newWiper(repaint func()) *wiper {
	return &wiper{left: make(chan struct{}, 1), repaint: repaint, collect: debug.FreeOSMemory}
}

// wipe begins to wipe, and does not wait for it.
func (w *wiper) wipe() {
	select {
	case w.left <- struct{}{}:
	default:
	}
}

// wipeRounds is how often the screen is painted after a visit: twice once the caches have
// run out, which they may not have at the first, and once more for safety.
const wipeRounds = 4

// run wipes until ctx ends. A visit that ends while another is being wiped prolongs that,
// and does not put it off.
func (w *wiper) run(ctx context.Context) error {
	round := time.NewTicker(cacheLife + time.Second)
	defer round.Stop()
	for rounds := 0; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-w.left:
			rounds = wipeRounds
			w.collect()
		case <-round.C:
			if rounds == 0 {
				continue
			}
			rounds--
			w.repaint()
			// Twice: the first collection finds what finalizers held, the second what they let go.
			w.collect()
			w.collect()
		}
	}
}
