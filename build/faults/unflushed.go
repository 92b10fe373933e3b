package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	bolt "go.etcd.io/bbolt"
)

const roleUnflushed = "unflushed"

// unflushedOrder is for the control of the power cut: a log on bbolt like the outbox's,
// but with NoSync, which promises what the disk has only heard of.
type unflushedOrder struct {
	Path   string
	Oracle string // one number a line
}

var bucketControl = []byte("control")

func openUnflushed(path string) (*bolt.DB, error) {
	return bolt.Open(path, 0o600, &bolt.Options{NoSync: true, FreelistType: bolt.FreelistMapType})
}

// playUnflushed appends until it is killed and notes each number once Update has returned.
func playUnflushed(text []byte) error {
	var order unflushedOrder
	if err := json.Unmarshal(text, &order); err != nil {
		return err
	}
	oracle, err := os.OpenFile(order.Oracle, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	db, err := openUnflushed(order.Path)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	body := make([]byte, 600)
	for n := uint64(1); ; n++ {
		err := db.Update(func(tx *bolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists(bucketControl)
			if err != nil {
				return err
			}
			return b.Put(binary.BigEndian.AppendUint64(nil, n), body)
		})
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(oracle, n); err != nil {
			return err
		}
		fmt.Println("n", n)
	}
}

// keptUnflushed counts what is still in such a log. A file that does not open holds nothing.
func keptUnflushed(path string) (kept int) {
	defer func() {
		if recover() != nil {
			kept = 0
		}
	}()
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true})
	if err != nil {
		return 0
	}
	defer db.Close()
	_ = db.View(func(tx *bolt.Tx) error {
		if b := tx.Bucket(bucketControl); b != nil {
			kept = b.Stats().KeyN
		}
		return nil
	})
	return kept
}

// cutUnflushed is one run of the control on a disk of its own.
func cutUnflushed(ctx context.Context, s *scene, d *disk, run int) error {
	path := filepath.Join(d.path, fmt.Sprintf("control-%d.db", run))
	// The file's name is made durable, so that what is lost is records and not the file.
	db, err := openUnflushed(path)
	if err != nil {
		return err
	}
	if err := errors.Join(db.Sync(), db.Close(), syncFolder(d.path)); err != nil {
		return err
	}
	p, err := startRole("unflushed", filepath.Join(s.dir, "unflushed.log"), roleUnflushed,
		unflushedOrder{path, filepath.Join(s.dir, fmt.Sprintf("control-%d.oracle", run))})
	if err != nil {
		return err
	}
	defer p.kill()
	goal := 50 + s.random.IntN(200)
	if _, err := p.await(ctx, "n", func(s said) bool { return number(s.rest) >= goal }); err != nil {
		return err
	}
	if _, err := d.cut(ctx); err != nil {
		return err
	}
	p.kill()
	promised, err := countLines(filepath.Join(s.dir, fmt.Sprintf("control-%d.oracle", run)))
	if err != nil {
		return err
	}
	if err := d.again(ctx); err != nil {
		return err
	}
	s.row.runs++
	s.row.handed += promised
	s.row.lost += max(0, promised-keptUnflushed(path))
	return nil
}

func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func countLines(path string) (n int, err error) {
	text, err := os.ReadFile(path)
	for _, c := range text {
		if c == '\n' {
			n++
		}
	}
	return n, err
}
