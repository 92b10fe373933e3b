package outbox

import (
	"encoding/binary"
	"errors"
	"os"
	"runtime/debug"
	"time"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"yeban/sync/record"
)

// checkFile proves that a file is an outbox of this format and whole: every page
// reachable, every entry in its place. Damage is a *corruptError.
func checkFile(path string, wait time.Duration) error {
	return inspect(path, wait, func(tx *bolt.Tx) error {
		if err := checkTree(tx, path); err != nil {
			return err
		}
		if err := checkIdentity(tx, path); err != nil {
			return err
		}
		if tx.Bucket(bucketMeta) == nil {
			return nil // created, but never used
		}
		s, err := readMeta(tx.Bucket(bucketMeta))
		if err != nil {
			return err
		}
		if err := s.walk(tx.Bucket(bucketLog), func(*record.Entry) error { return nil }); err != nil {
			return &corruptError{err}
		}
		return checkPages(tx)
	})
}

// lookOver proves all of a file but its entries: every page reachable and in order, the
// newest entry in its place and whole. What is left can break no more than itself.
func lookOver(path string, wait time.Duration) error {
	return inspect(path, wait, func(tx *bolt.Tx) error {
		if err := checkTree(tx, path); err != nil {
			return err
		}
		if err := checkIdentity(tx, path); err != nil || tx.Bucket(bucketMeta) == nil {
			return err
		}
		s, err := readMeta(tx.Bucket(bucketMeta))
		if err != nil {
			return err
		}
		if err := s.checkTail(tx.Bucket(bucketLog)); err != nil {
			return &corruptError{err}
		}
		return checkPages(tx)
	})
}

// checkTail proves the entry that the next one will name.
func (s *state) checkTail(log *bolt.Bucket) error {
	k, v := log.Cursor().Last()
	if k == nil && s.base == s.tail {
		return nil
	}
	e, err := unmarshalEntry(k, v)
	if err == nil && (link{e.Seq, e.Hash} != s.tail || e.Sum(s.epoch) != e.Hash) {
		err = record.ErrChain
	}
	if err != nil {
		return &ChainError{Seq: s.tail.seq, Cause: err}
	}
	return nil
}

// inspect opens a file for reading and guards against what a damaged one does to
// bbolt: panics, and pages that are not there. (Files are mapped into memory; reading
// past the end of one is a fault, which Go otherwise takes for a reason to die.)
func inspect(path string, wait time.Duration, look func(*bolt.Tx) error) error {
	return guarded(func() error { return inspectUnguarded(path, wait, look) })
}

// guarded turns a panic or a fault in mapped memory into a *corruptError.
func guarded(do func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = corrupt("%v", p)
		}
	}()
	return do()
}

func inspectUnguarded(path string, wait time.Duration, look func(*bolt.Tx) error) (err error) {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return corrupt("not a regular file")
	}
	db, err := openBolt(path, wait, true)
	if err != nil {
		return err
	}
	defer func() {
		if closing := db.Close(); err == nil && closing != nil {
			err = closing
		}
	}()
	tx, err := db.Begin(false)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // before db.Close, which waits for it
	if tx.Size() > info.Size() {
		return corrupt("file of %d bytes, %d were written", info.Size(), tx.Size())
	}
	return look(tx)
}

// checkIdentity tells our file from a foreign one and from one of newer software.
func checkIdentity(tx *bolt.Tx, path string) error {
	meta := tx.Bucket(bucketMeta)
	if meta == nil {
		if name, _ := tx.Cursor().First(); name != nil {
			return corrupt("a database of another program")
		}
		return nil
	}
	if string(meta.Get(keyIs)) != magic {
		return corrupt("a database of another program")
	}
	found := meta.Get(keyFormat)
	if len(found) != 4 {
		return corrupt("meta has no format")
	}
	if n := binary.BigEndian.Uint32(found); n > format {
		return &VersionError{Path: path, Found: n}
	}
	for _, name := range [][]byte{bucketLog, bucketIDs, bucketReceipts, bucketAcks, bucketOld} {
		if tx.Bucket(name) == nil {
			return corrupt("bucket %s is missing", name)
		}
	}
	return nil
}

// checkPages lets bbolt check its own structure; only after checkTree is that safe.
func checkPages(tx *bolt.Tx) error {
	var found []error
	for err := range tx.Check() {
		if len(found) < 5 {
			found = append(found, err)
		}
	}
	if len(found) > 0 {
		return &corruptError{errors.Join(found...)}
	}
	return nil
}

// checkTree proves that every page that bbolt will follow is there.
func checkTree(tx *bolt.Tx, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	readAhead(file, tx.Size())
	size := uint64(tx.DB().Info().PageSize)
	w := pageWalk{file: file, size: size, pages: uint64(tx.Size()) / size, visited: map[uint64]struct{}{}}
	if err := w.tree(uint64(tx.Cursor().Bucket().Root())); err != nil {
		return err
	}
	return w.freeList(uint64(tx.ID()))
}

// readAhead has the system fetch a file that is not in memory, after a power cut, in long
// runs: its pages are met with gaps between them, and each would be a way to the disk.
func readAhead(file *os.File, size int64) {
	const step = 128 << 10 // what Linux fetches at one request unless told otherwise
	for at := int64(0); at < size; at += step {
		if unix.Fadvise(int(file.Fd()), at, step, unix.FADV_WILLNEED) != nil {
			return
		}
	}
}
