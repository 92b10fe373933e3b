package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"
)

// damageTrials is fault 4: pages of a terminal's log are overwritten with noise.
func damageTrials() []trial {
	return []trial{
		{fault: 4, name: "log damaged at random pages; copy beside it up to date, hub away", run: damageWithCopy},
		{fault: 4, name: "log damaged at random pages; no copy, hub up to date", run: damageWithHub},
		{fault: 4, name: "log damaged at random pages; no copy, hub away", control: true, run: damageAlone},
	}
}

const (
	pageBytes   = 4096
	damageLeast = 60 // promises before the damage
)

// damageWithCopy destroys a log that the hub has seen nothing of, or only a part.
func damageWithCopy(ctx context.Context, s *scene) error {
	return s.damage(ctx, s.times(4, 60), 20*time.Millisecond, false)
}

// damageWithHub destroys a log that the hub has all of.
func damageWithHub(ctx context.Context, s *scene) error {
	return s.damage(ctx, s.times(3, 60), time.Hour, true)
}

// damageAlone destroys the only place where records are.
func damageAlone(ctx context.Context, s *scene) error {
	s.row.note("what nobody else has cannot come back: the copy is as old as outbox.Config.BackupEvery")
	return s.damage(ctx, s.times(9, 20), time.Hour, false)
}

func (s *scene) damage(ctx context.Context, runs int, backup time.Duration, delivered bool) error {
	s.addKiosks(runs, s.dir)
	h, err := s.startHub(ctx, "hub", hubSettings{})
	if err != nil {
		return err
	}
	saved := 0
	for i := range runs {
		who := s.kiosks[i]
		order := s.order(h.url(), who.ID, who)
		order.Backup, order.Largest = backup, 4000
		order.Offline = !delivered
		if err := s.fillLog(ctx, order, delivered, backup < time.Minute); err != nil {
			return err
		}
		if err := s.scribble(filepath.Join(who.Dir, "outbox.db")); err != nil {
			return err
		}
		begun := time.Now()
		order = s.order(h.url(), who.ID, who)
		order.Pause = 2 * time.Millisecond
		k, err := s.startKiosk(ctx, order)
		if err != nil {
			return err
		}
		if aside := k.last("aside"); aside.times > 0 {
			saved++
		}
		at, err := k.caught(ctx)
		if err != nil {
			return err
		}
		s.recovered(begun, at)
		if err := k.finish(ctx); err != nil {
			return err
		}
		s.row.runs++
	}
	s.row.note("set aside %d of %d", saved, runs)
	return s.judge(ctx, h.dsn)
}

// fillLog is the life of a terminal before the damage: delivered to the hub, or copied
// beside the log, or neither.
func (s *scene) fillLog(ctx context.Context, order kioskOrder, delivered, copied bool) error {
	k, err := s.startKiosk(ctx, order)
	if err != nil {
		return err
	}
	if err := k.promised(ctx, damageLeast+s.random.IntN(60)); err != nil {
		return err
	}
	k.tell("quiet")
	if _, err := k.await(ctx, "quiet", nil); err != nil {
		return err
	}
	if delivered {
		if _, err := k.caught(ctx); err != nil {
			return err
		}
	}
	if copied {
		if err := k.copied(ctx); err != nil {
			return err
		}
	} else if !delivered {
		// The first copy is made when the log is opened: it is taken away as well.
		defer os.Remove(filepath.Join(order.Kiosks[0].Dir, "outbox.db.backup"))
	}
	k.kill()
	return nil
}

// scribble overwrites a few pages, or parts of them, with noise.
func (s *scene) scribble(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	pages := info.Size() / pageBytes
	places := 1 + s.random.IntN(8)
	if s.row.control {
		places = 8
	}
	for range places {
		noise := make([]byte, 1+s.random.IntN(pageBytes))
		for i := range noise {
			noise[i] = byte(s.random.Uint32())
		}
		// Mostly in the front, where the pages in use are.
		page := s.random.Int64N(min(pages, 40))
		if _, err := f.WriteAt(noise, page*pageBytes+int64(s.random.IntN(pageBytes-len(noise)+1))); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	return errors.Join(f.Sync(), f.Close())
}
