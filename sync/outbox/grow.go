package outbox

import (
	"errors"
	"io"
	"os"

	bolt "go.etcd.io/bbolt"
)

// growStep is the most by which a file grows at once; 16 MiB, bbolt's own, would be years
// of visits.
const growStep = 1 << 20

var zeros [64 << 10]byte

// growAhead has blocks of zeros on the disk before n more bytes are written into them.
// bbolt grows a file by moving its end, and leaves a hole: each flush of what is then
// written there waits for the file system to note where it put it. Into blocks that are
// there, a flush is one write; it takes less than half the time.
//
// It is a matter of speed only. Where it does not succeed the file is as long as before,
// and bbolt meets the cause itself. What it gives is how much more than n there is, so that
// not every record has to ask. The caller holds write.
func growAhead(db *bolt.DB, n int64) (spare int64) {
	var used int64
	if db.View(func(tx *bolt.Tx) error { used = tx.Size(); return nil }) != nil {
		return 0
	}
	info, err := os.Stat(db.Path())
	if err != nil {
		return 0
	}
	if info.Size() >= used+n {
		return info.Size() - used - n
	}
	f, err := os.OpenFile(db.Path(), os.O_WRONLY, 0)
	if err != nil {
		return 0
	}
	defer f.Close()
	end := (used + n + min(used, growStep)) &^ 4095
	if err := fillWithZeros(f, info.Size(), end); err != nil {
		_ = f.Truncate(info.Size())
		return 0
	}
	return end - used - n
}

func fillWithZeros(f *os.File, from, to int64) error {
	for from < to {
		wrote, err := f.WriteAt(zeros[:min(int64(len(zeros)), to-from)], from)
		if err != nil {
			return errors.Join(err, io.ErrShortWrite)
		}
		from += int64(wrote)
	}
	return nil
}
