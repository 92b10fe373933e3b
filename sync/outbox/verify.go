package outbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"

	"yeban/sync/record"
)

// Reader looks into an outbox without changing anything: a live one, one on a copied
// folder or a read-only disk.
type Reader struct {
	path   string
	copied bool // path is a private copy, because the file was in use
}

// OpenReadOnly opens the outbox of a data folder for looking. While a kiosk has it
// open, a private copy is taken to the system's temporary folder and removed by
// Close; a copy of a file that is being written may need a second try.
func OpenReadOnly(dir string) (*Reader, error) {
	r := &Reader{path: filepath.Join(dir, fileName)}
	if _, err := os.Stat(r.path); err != nil {
		return nil, fmt.Errorf("open outbox for reading: %w", err)
	}
	db, err := openBolt(r.path, 200*time.Millisecond, true)
	if err == nil {
		return r, db.Close()
	}
	if !errors.Is(err, ErrLocked) {
		return r, nil // what is wrong is for Stats and Verify to say
	}
	if r.path, err = copyFile(r.path); err != nil {
		return nil, fmt.Errorf("copy outbox for reading: %w", err)
	}
	r.copied = true
	return r, nil
}

// Close removes the copy, where one was taken.
func (r *Reader) Close() error {
	if !r.copied {
		return nil
	}
	return os.Remove(r.path)
}

// Report is what Verify found.
type Report struct {
	Stats
	Ended []EndedLog `json:"ended,omitempty"` // logs kept for auditors
}

// EndedLog is one that NewEpoch ended.
type EndedLog struct {
	Epoch  record.Epoch `json:"epoch"`
	First  uint64       `json:"first"`
	Last   uint64       `json:"last"`
	Acked  uint64       `json:"acked"`
	At     time.Time    `json:"at"`
	Reason string       `json:"reason"`
}

// Stats counts without checking hashes.
func (r *Reader) Stats(now time.Time) (Stats, error) {
	var out Stats
	err := inspect(r.path, time.Second, func(tx *bolt.Tx) error {
		if err := checkIdentity(tx, r.path); err != nil || tx.Bucket(bucketMeta) == nil {
			return err
		}
		s, err := loadState(tx)
		if err != nil {
			return err
		}
		out = statsOf(tx, s, now)
		return nil
	})
	if err != nil {
		return out, fmt.Errorf("read outbox: %w", err)
	}
	return out, nil
}

// Verify reads everything and proves the chain of the present log and of each ended
// one. A break is a *ChainError that names the first bad sequence; the report then
// holds what was found up to there.
func (r *Reader) Verify(ctx context.Context, now time.Time) (Report, error) {
	var out Report
	err := inspect(r.path, time.Second, func(tx *bolt.Tx) error {
		if err := checkIdentity(tx, r.path); err != nil || tx.Bucket(bucketMeta) == nil {
			return err
		}
		s, err := readMeta(tx.Bucket(bucketMeta))
		if err != nil {
			return err
		}
		chain := s.walk(tx.Bucket(bucketLog), func(e *record.Entry) error {
			s.counts[e.Kind]++
			return ctx.Err()
		})
		out.Stats = statsOf(tx, s, now)
		if chain != nil {
			return chain
		}
		if err := out.verifyEnded(ctx, tx.Bucket(bucketOld)); err != nil {
			return err
		}
		if err := checkTree(tx, r.path); err != nil {
			return err
		}
		return checkPages(tx)
	})
	if err != nil {
		return out, fmt.Errorf("verify outbox: %w", err)
	}
	return out, nil
}

func (r *Report) verifyEnded(ctx context.Context, old *bolt.Bucket) error {
	return old.ForEachBucket(func(name []byte) error {
		b := old.Bucket(name)
		meta, log := b.Bucket(bucketMeta), b.Bucket(bucketLog)
		if meta == nil || log == nil {
			return corrupt("ended log %x is not whole", name)
		}
		s, err := readMeta(meta)
		if err != nil {
			return fmt.Errorf("ended log %x: %w", name, err)
		}
		at, _ := readNumber(meta.Get(keyRetired))
		r.Ended = append(r.Ended, EndedLog{
			Epoch: s.epoch, First: s.first(), Last: s.tail.seq, Acked: s.acked,
			At: time.UnixMilli(int64(at)), Reason: string(meta.Get(keyReason)),
		})
		if err := s.walk(log, func(*record.Entry) error { return ctx.Err() }); err != nil {
			return fmt.Errorf("ended log %s: %w", s.epoch, err)
		}
		return nil
	})
}

func copyFile(path string) (string, error) {
	from, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer from.Close()
	to, err := os.CreateTemp("", "yeban-outbox-*.db")
	if err != nil {
		return "", err
	}
	_, err = io.Copy(to, from)
	if err := errors.Join(err, to.Close()); err != nil {
		return "", errors.Join(err, os.Remove(to.Name()))
	}
	return to.Name(), nil
}
