package main

import (
	"context"
	"path/filepath"
	"time"
)

const diskBytes = 64 << 20

// powerTrials is fault 2: the plug of a terminal is pulled.
func powerTrials() []trial {
	return []trial{
		{fault: 2, name: "terminal without power: unflushed writes dropped and torn", missing: noDisk, run: cutTerminals},
		{fault: 2, name: "bbolt with NoSync under the same cuts", control: true, missing: noDisk, run: cutControl},
	}
}

// cutTerminals pulls the plug of one terminal after the other. Two lives of three are
// offline, so that the disk alone answers for what was promised.
func cutTerminals(ctx context.Context, s *scene) error {
	cuts := s.times(6, 200)
	const lives = 20 // of one disk
	var all losses
	disks := (cuts + lives - 1) / lives
	s.addKiosks(disks, "")
	h, err := s.startHub(ctx, "hub", hubSettings{})
	if err != nil {
		return err
	}
	for i := range disks {
		who := &s.kiosks[i]
		d, err := s.startDisk(ctx, "disk-"+who.ID, diskBytes)
		if err != nil {
			return err
		}
		who.Dir = filepath.Join(d.path, "outbox")
		for life := range min(lives, cuts-i*lives) {
			l, err := s.cutOnce(ctx, h, *who, d, life)
			if err != nil {
				return err
			}
			all.kept, all.dropped, all.torn, all.flushes = all.kept+l.kept, all.dropped+l.dropped, all.torn+l.torn, all.flushes+l.flushes
			s.row.runs++
		}
		begun := time.Now()
		k, err := s.startKiosk(ctx, s.order(h.url(), who.ID, *who))
		if err != nil {
			return err
		}
		at, err := k.caught(ctx)
		if err != nil {
			return err
		}
		s.recovered(begun, at)
		if err := k.finish(ctx); err != nil {
			return err
		}
		d.end()
	}
	s.row.note("unflushed writes: %d dropped, %d torn, %d kept; %d flushes", all.dropped, all.torn, all.kept, all.flushes)
	return s.judge(ctx, h.dsn)
}

// cutOnce is one life of a terminal that ends without power.
func (s *scene) cutOnce(ctx context.Context, h *hub, who identity, d *disk, life int) (losses, error) {
	order := s.order(h.url(), who.ID, who)
	order.Offline = life%3 != 2
	order.Backup = 50 * time.Millisecond // the copy beside the log is written under the cuts too
	k, err := startKiosk(s.dir, order)
	if err != nil {
		return losses{}, err
	}
	defer k.kill()
	if s.random.IntN(8) > 0 {
		if err := k.promised(ctx, 1+s.random.IntN(25)); err != nil {
			return losses{}, err
		}
	}
	wait(ctx, s.between(0, 15*time.Millisecond))
	l, err := d.cut(ctx)
	if err != nil {
		return l, err
	}
	k.kill()
	if aside := k.last("aside"); aside.times > 0 {
		s.row.note("a log was set aside after a cut, %s saved", aside.rest)
	}
	return l, d.again(ctx)
}

// cutControl leaves out the flush.
func cutControl(ctx context.Context, s *scene) error {
	d, err := s.startDisk(ctx, "disk", diskBytes)
	if err != nil {
		return err
	}
	for run := range s.times(6, 40) {
		if err := cutUnflushed(ctx, s, d, run); err != nil {
			return err
		}
	}
	s.row.note("a small log of the rig's own on bbolt with NoSync, without hub")
	return nil
}
