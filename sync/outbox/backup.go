package outbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	bolt "go.etcd.io/bbolt"

	"yeban/sync/record"
)

// Backup tells how the rolling copy stands that a file set aside is made good from.
type Backup struct {
	At    time.Time // when the copy was last found up to date; zero when there is none of this run
	Bytes int64     // its size
	Err   error     // why the last attempt failed; the copy before it is kept
}

// Backup is the present state of the copy.
func (o *Outbox) Backup() Backup {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.backup
}

func (o *Outbox) backupPath() string { return o.path + ".backup" }

// keepBackup copies the log soon and then now and then, until ctx ends. Not at once: a
// terminal that comes back has citizens to serve and a queue to send, and the copy of its
// last run is there.
func (o *Outbox) keepBackup(ctx context.Context) {
	var of copied
	due := time.NewTimer(o.cfg.BackupEvery / 10)
	defer due.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-due.C:
		}
		now, size, err := o.copyOnce(ctx, of)
		if ctx.Err() != nil {
			return
		}
		o.mu.Lock()
		if o.backup.Err = err; err == nil {
			of, o.backup.At, o.backup.Bytes = now, o.cfg.Now(), size
		}
		o.mu.Unlock()
		due.Reset(o.cfg.BackupEvery)
	}
}

// copied names what a copy holds.
type copied struct {
	epoch record.Epoch
	tail  link
	base  link
}

// copyOnce writes a copy beside the file, proves it, and puts it in the place of the one
// before. It does nothing when that is of the same log.
func (o *Outbox) copyOnce(ctx context.Context, before copied) (now copied, size int64, err error) {
	db, s, err := o.snapshot()
	if err != nil {
		return before, 0, err
	}
	if now = (copied{s.epoch, s.tail, s.base}); now == before || s.tail.seq == 0 {
		return now, o.Backup().Bytes, nil
	}
	temporary := o.backupPath() + ".new"
	size, err = o.writeCopy(ctx, db, temporary)
	if err == nil {
		err = checkFile(temporary, o.cfg.LockTimeout)
	}
	if err == nil {
		err = os.Rename(temporary, o.backupPath())
	}
	if err != nil {
		return before, 0, fmt.Errorf("back up outbox: %w", errors.Join(err, os.RemoveAll(temporary)))
	}
	return now, size, syncDir(o.cfg.Dir)
}

// writeCopy leaves the free space alone that a citizen's record may need.
func (o *Outbox) writeCopy(ctx context.Context, db *bolt.DB, path string) (size int64, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	err = db.View(func(tx *bolt.Tx) error {
		free, err := o.cfg.FreeBytes(o.cfg.Dir)
		if err != nil {
			return err
		}
		if free < o.cfg.MinFreeBytes+visitBytes+tx.Size() {
			return fmt.Errorf("%w: %d bytes free, the copy needs %d", ErrDisk, free, tx.Size())
		}
		size, err = tx.WriteTo(cancelled{ctx, f})
		return err
	})
	if err == nil {
		err = f.Sync()
	}
	return size, errors.Join(err, f.Close())
}

// cancelled is a writer that ends with its context.
type cancelled struct {
	ctx context.Context
	w   io.Writer
}

func (c cancelled) Write(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.w.Write(p)
}
