package outbox

import (
	"errors"
	"fmt"
	"os"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"yeban/sync/record"
)

// compactAbove is the file size from which a mostly empty file is written anew.
const compactAbove = 16 << 20

func (o *Outbox) open() error {
	err := o.tryOpen(o.checkBeforeService)
	var damage *corruptError
	if !errors.As(err, &damage) {
		return err
	}
	return o.replace(damage)
}

// tryOpen opens, checks and, where worth it, compacts the file. The check comes first
// and reads only: bbolt trusts a file that it opens for writing, and a damaged one
// can take the whole process down from a goroutine of bbolt's.
func (o *Outbox) tryOpen(check func(os.FileInfo) error) error {
	info, err := os.Stat(o.path)
	fresh := errors.Is(err, os.ErrNotExist) || err == nil && info.Size() == 0
	if err != nil && !fresh {
		return err
	}
	if _, err := os.Stat(o.backupPath()); fresh && err == nil {
		return corrupt("the file is gone or empty, its backup is there")
	}
	if !fresh {
		if err := check(info); err != nil {
			return err
		}
		if err := o.compactIfWorth(info.Size()); err != nil {
			return err
		}
	}
	db, err := openBolt(o.path, o.cfg.LockTimeout, false)
	if err != nil {
		return err
	}
	if err := o.load(db); err != nil {
		return errors.Join(err, db.Close())
	}
	return syncDir(o.cfg.Dir)
}

// checkBeforeService reads a small file whole. Of a large one it proves what bbolt and the
// next Append stand on, and leaves the entries to prove, so that a terminal with a long
// queue serves and sends at once.
func (o *Outbox) checkBeforeService(info os.FileInfo) error {
	if info.Size() <= o.cfg.CheckFirst {
		return o.checkWhole(info)
	}
	o.unproven.Store(true)
	return lookOver(o.path, o.cfg.LockTimeout)
}

func (o *Outbox) checkWhole(os.FileInfo) error {
	o.unproven.Store(false)
	return checkFile(o.path, o.cfg.LockTimeout)
}

// openBolt sorts bbolt's errors: damage, a lock, or a cause outside the file. The list of
// free pages is kept in the file, a page more in each commit: without it bbolt goes through
// the tree in a goroutine of its own, where damage cannot be caught.
func openBolt(path string, wait time.Duration, readOnly bool) (*bolt.DB, error) {
	db, err := bolt.Open(path, 0o600, &bolt.Options{
		Timeout:      wait,
		ReadOnly:     readOnly,
		FreelistType: bolt.FreelistMapType,
	})
	switch {
	case err == nil:
		db.AllocSize = growStep
		return db, nil
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, ErrLocked
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrChecksum),
		errors.Is(err, bolterrors.ErrVersionMismatch), errors.Is(err, bolterrors.ErrInvalidMapping):
		return nil, &corruptError{err}
	}
	// bbolt has no sentinel for a file cut short; of the rest, a *PathError is the
	// system's.
	var system *os.PathError
	var sys *os.SyscallError
	if errors.As(err, &system) || errors.As(err, &sys) {
		return nil, err
	}
	return nil, &corruptError{err}
}

// load takes over db, writing the first meta into an empty one.
func (o *Outbox) load(db *bolt.DB) error {
	var s state
	fresh, older := false, false
	newest := newRecent()
	err := guarded(func() error {
		return db.View(func(tx *bolt.Tx) (err error) {
			if fresh = tx.Bucket(bucketMeta) == nil; fresh {
				return nil
			}
			older = tx.Bucket(bucketMeta).Get(keyIndexed) == nil
			if s, err = loadState(tx); err == nil {
				newest, err = loadRecent(tx, &s)
			}
			return err
		})
	})
	if err == nil && older {
		err = db.Update(func(tx *bolt.Tx) error { return s.writeMeta(tx.Bucket(bucketMeta)) })
	}
	if err == nil && fresh {
		if s.epoch, err = record.NewEpoch(o.cfg.Rand); err != nil {
			return err
		}
		s.counts = map[record.Kind]int{}
		err = db.Update(func(tx *bolt.Tx) error { return createBuckets(tx, &s) })
	}
	if err != nil {
		return err
	}
	o.mu.Lock()
	o.db, o.state, o.ackStored, o.recent, o.spare = db, s, s.acked, newest, 0
	o.pageSize = int64(db.Info().PageSize) // Info is not safe beside a writer
	o.mu.Unlock()
	return nil
}

func createBuckets(tx *bolt.Tx, s *state) error {
	for _, name := range [][]byte{bucketMeta, bucketLog, bucketIDs, bucketReceipts, bucketAcks, bucketOld} {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	return s.writeMeta(tx.Bucket(bucketMeta))
}

// loadState reads meta and counts what is held.
func loadState(tx *bolt.Tx) (state, error) {
	s, err := readMeta(tx.Bucket(bucketMeta))
	if err != nil {
		return s, err
	}
	err = tx.Bucket(bucketLog).ForEach(func(_, v []byte) error {
		kind, err := kindOf(v)
		if err != nil {
			return &corruptError{err}
		}
		s.counts[kind]++
		return nil
	})
	return s, err
}

// compactIfWorth writes the file anew when most of it is free pages. Where that fails the
// file as it is still serves.
func (o *Outbox) compactIfWorth(size int64) error {
	if size < compactAbove {
		return nil
	}
	db, err := openBolt(o.path, o.cfg.LockTimeout, false)
	if err != nil {
		return err
	}
	worth := liveBytes(db, int64(db.Info().PageSize))*2 <= size
	if err := db.Close(); err != nil || !worth {
		return err
	}
	if o.unproven.Load() { // a copy of what is damaged would hide the damage
		if err := o.checkWhole(nil); err != nil {
			return err
		}
	}
	_ = o.writeAnew()
	return nil
}

// liveBytes is what the file would take without its free pages.
func liveBytes(db *bolt.DB, pageSize int64) int64 {
	var size int64
	_ = db.View(func(tx *bolt.Tx) error { size = tx.Size(); return nil })
	stats := db.Stats()
	return size - int64(stats.FreePageN+stats.PendingPageN)*pageSize
}

// replace sets the damaged file aside and begins a new log with what can be saved from
// it and from the backup. The new file is whole before it takes the place, so that a
// power cut on the way leaves the damaged one to be dealt with again.
func (o *Outbox) replace(damage *corruptError) error {
	saved := salvage([]string{o.path, o.backupPath()}, os.Getpagesize())
	fresh := o.path + ".new"
	if err := o.begin(fresh, saved); err != nil {
		return fmt.Errorf("begin anew after %w: %w", damage, errors.Join(err, os.RemoveAll(fresh)))
	}
	bad, err := o.keepAside()
	if err != nil {
		return fmt.Errorf("set aside: %w", err)
	}
	if err := errors.Join(os.Rename(fresh, o.path), syncDir(o.cfg.Dir)); err != nil {
		return fmt.Errorf("begin anew after %w: %w", damage, err)
	}
	if err := o.tryOpen(o.checkWhole); err != nil {
		return fmt.Errorf("begin anew after %w: %w", damage, err)
	}
	o.mu.Lock()
	o.setAside = &SetAsideError{Path: bad, Cause: damage, Recovered: len(saved)}
	o.mu.Unlock()
	return nil
}

// begin makes a file with a new log that holds what was saved.
func (o *Outbox) begin(path string, saved []carried) error {
	if err := os.RemoveAll(path); err != nil { // of an earlier attempt
		return err
	}
	epoch, err := record.NewEpoch(o.cfg.Rand)
	if err != nil {
		return err
	}
	db, err := openBolt(path, o.cfg.LockTimeout, false)
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bolt.Tx) error {
		s := state{epoch: epoch, counts: map[record.Kind]int{}}
		if err := createBuckets(tx, &s); err != nil {
			return err
		}
		for _, from := range saved {
			if err := s.carry(tx, from); err != nil {
				return err
			}
		}
		return s.writeMeta(tx.Bucket(bucketMeta))
	})
	return errors.Join(err, db.Close())
}

// keepAside gives the damaged file a second name. Where the file system or what stands
// there has none to give, it is renamed, and for a moment there is no outbox. A file that
// is gone has no name.
func (o *Outbox) keepAside() (bad string, err error) {
	if _, err := os.Lstat(o.path); errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if bad, err = setAsideName(o.path, o.cfg.Now()); err != nil {
		return "", err
	}
	if os.Link(o.path, bad) != nil {
		err = os.Rename(o.path, bad)
	}
	return bad, errors.Join(err, syncDir(o.cfg.Dir))
}

func setAsideName(path string, now time.Time) (string, error) {
	base := path + ".bad-" + now.UTC().Format("20060102T150405Z")
	for i := range 1000 {
		name := base
		if i > 0 {
			name = fmt.Sprintf("%s-%d", base, i)
		}
		if _, err := os.Lstat(name); errors.Is(err, os.ErrNotExist) {
			return name, nil
		}
	}
	return "", fmt.Errorf("set aside: a thousand files named %s", base)
}
