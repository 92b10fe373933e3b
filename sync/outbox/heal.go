package outbox

import (
	"errors"
	"fmt"
	"os"
	"time"

	bolt "go.etcd.io/bbolt"
)

// healEvery is how long a failed attempt to heal is left alone.
const healEvery = 10 * time.Second

// usable says nil when the log may be written, after trying to make it so; the caller
// holds write.
//
// After a flush that failed, what the system gives back when the file is read may never
// reach the disk, and a later flush may say yes without having written it. So the file is
// written anew from what can be read, under its own flush, and only then believed. A
// record of which nobody knew the outcome is then there, or is not.
func (o *Outbox) usable() error {
	o.mu.Lock()
	db, broken, closed, tried := o.db, o.broken, o.closed, o.healTried
	o.mu.Unlock()
	now := o.cfg.Now()
	switch {
	case closed:
		return ErrClosed
	case broken == nil:
		return nil
	case !tried.IsZero() && now.Sub(tried) < healEvery && !now.Before(tried):
		return broken
	}
	o.mu.Lock()
	o.db, o.healTried = nil, now // readers are told that it is broken
	o.mu.Unlock()
	var err error
	if db != nil {
		err = db.Close()
	}
	if err == nil {
		err = o.heal()
	}
	if err == nil { // before anybody claims or sweeps by what was known
		err = o.shelve(time.Time{})
	}
	if err != nil {
		return fmt.Errorf("%w; mend it: %w", broken, err)
	}
	o.mu.Lock()
	o.broken, o.unsure, o.healTried = nil, "", time.Time{}
	o.mu.Unlock()
	o.ring()
	return nil
}

func (o *Outbox) heal() error {
	err := checkFile(o.path, o.cfg.LockTimeout)
	if err == nil {
		err = o.writeAnew()
	}
	var damage *corruptError
	switch {
	case errors.As(err, &damage):
		return o.replace(damage)
	case err != nil:
		return err
	}
	return o.tryOpen(o.checkWhole)
}

// writeAnew puts a flushed copy without free pages in the place of the file, which must
// be whole and not open.
func (o *Outbox) writeAnew() error {
	src, err := openBolt(o.path, o.cfg.LockTimeout, false)
	if err != nil {
		return err
	}
	defer src.Close()
	temporary := o.path + ".compact"
	if err := os.RemoveAll(temporary); err != nil {
		return err
	}
	dst, err := openBolt(temporary, o.cfg.LockTimeout, false)
	if err != nil {
		return err
	}
	if err = bolt.Compact(dst, src, compactAbove); err == nil {
		err = dst.Sync()
	}
	if err = errors.Join(err, dst.Close()); err == nil {
		err = os.Rename(temporary, o.path)
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(temporary))
	}
	return syncDir(o.cfg.Dir)
}
