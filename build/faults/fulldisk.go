package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// fullDiskTrials is fault 3.
func fullDiskTrials() []trial {
	return []trial{{fault: 3, name: "terminal's disk full: refused before a citizen begins", missing: noDisk, run: fillDisk}}
}

const keepFree = 8 << 20 // outbox.Config.MinFreeBytes in this trial

// fillDisk lets another program fill a terminal's disk, at first slowly down to what the
// outbox keeps free, then to the last byte, and frees it again.
func fillDisk(ctx context.Context, s *scene) error {
	d, err := s.startDisk(ctx, "disk", diskBytes)
	if err != nil {
		return err
	}
	s.addKiosks(1, d.path)
	h, err := s.startHub(ctx, "hub", hubSettings{})
	if err != nil {
		return err
	}
	order := s.order(h.url(), "k", s.kiosks[0])
	order.MinFree, order.Pause = keepFree, 2*time.Millisecond
	k, err := s.startKiosk(ctx, order)
	if err != nil {
		return err
	}
	filler := filepath.Join(d.path, "filler")
	for range s.times(2, 20) {
		if err := k.more(ctx, 20); err != nil {
			return err
		}
		refusals := k.last("refused").times
		if err := fillUntil(ctx, filler, d.path, func(int64) bool { return k.last("refused").times > refusals }); err != nil {
			return err
		}
		atRefusal, err := freeOn(d.path)
		if err != nil {
			return err
		}
		if err := fillUntil(ctx, filler, d.path, func(int64) bool { return false }); !errors.Is(err, syscall.ENOSPC) {
			return fmt.Errorf("fill the disk: %w", err)
		}
		promises := k.last("n").rest
		wait(ctx, 100*time.Millisecond) // citizens keep asking
		if now := k.last("n").rest; now != promises {
			return fmt.Errorf("a citizen could begin on a full disk (%s, then %s promises)", promises, now)
		}
		accepted := k.last("accepted").times
		if err := os.Remove(filler); err != nil {
			return err
		}
		begun := time.Now()
		again, err := k.await(ctx, "accepted", func(s said) bool { return s.times > accepted })
		if err != nil {
			return err
		}
		s.recovered(begun, again.at)
		s.row.runs++
		if s.row.runs == 1 {
			s.row.note("first refusal with %d MB free", atRefusal>>20)
		}
	}
	if _, err := k.caught(ctx); err != nil {
		return err
	}
	if err := k.finish(ctx); err != nil {
		return err
	}
	late := k.last("late")
	s.row.note("%d citizens refused after they had begun", late.times)
	if late.times > 0 {
		return fmt.Errorf("refused after Ready had said yes: %s", late.rest)
	}
	return s.judge(ctx, h.dsn)
}

// fillUntil writes steps of a megabyte until enough says so or the disk is full.
func fillUntil(ctx context.Context, path, on string, enough func(free int64) bool) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	step := make([]byte, 1<<20)
	for {
		free, err := freeOn(on)
		if err != nil || enough(free) {
			return err
		}
		if _, err := f.Write(step); err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return err
		}
		if !wait(ctx, 10*time.Millisecond) {
			return ctx.Err()
		}
	}
}

func freeOn(path string) (int64, error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(path, &fs); err != nil {
		return 0, err
	}
	return int64(fs.Bavail) * fs.Bsize, nil
}
