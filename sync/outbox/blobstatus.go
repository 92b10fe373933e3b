package outbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"

	"yeban/sync/record"
)

// BlobReport is what a Reader found of the attachments.
type BlobReport struct {
	Listed int       `json:"listed"`        // by the records held
	Sent   int       `json:"sent"`          // of these, at the hub
	Held   int       `json:"held"`          // of these, not yet at the hub
	Bytes  int64     `json:"bytes"`         // of the files of those that are listed
	Loose  int       `json:"loose"`         // files that no record lists
	Proved bool      `json:"proved"`        // hashes were looked at, not lengths alone
	Bad    []BadBlob `json:"bad,omitempty"` // attachments that cannot be read as they are listed
}

// BadBlob is an attachment whose file is missing, or is another than was listed.
type BadBlob struct {
	Hash record.Hash `json:"hash"`
	Sent bool        `json:"sent"` // the hub has it
	What string      `json:"what"`
}

// Blobs compares the attachments in dir, the folder that OpenReadOnly was given, with the
// records that list them: their lengths, and where prove is set their hashes. Of a terminal
// that serves, one that is pruned meanwhile counts as bad: then a second try is needed.
func (r *Reader) Blobs(ctx context.Context, dir string, prove bool) (BlobReport, error) {
	listed, err := r.listed()
	if err != nil {
		return BlobReport{}, fmt.Errorf("read which attachments there are: %w", err)
	}
	out := BlobReport{Listed: len(listed), Proved: prove}
	s := shelf{dir: filepath.Join(dir, shelfName), held: map[record.Hash]*blob{}}
	if out.Loose, err = s.loose(listed); err != nil {
		return out, fmt.Errorf("read attachments: %w", err)
	}
	for hash, ref := range listed {
		if err := ctx.Err(); err != nil {
			return out, err
		}
		b := &blob{ref: ref}
		if _, err := os.Stat(s.path(hash, true)); err == nil {
			b.sent = true
			out.Sent++
		} else {
			out.Held++
		}
		s.held[hash] = b
		what := blobFile(s.path(hash, b.sent), ref.Bytes)
		if what == nil {
			out.Bytes += ref.Bytes
			if prove {
				what = s.proves(hash)
			}
		}
		if what != nil {
			out.Bad = append(out.Bad, BadBlob{Hash: hash, Sent: b.sent, What: what.Error()})
		}
	}
	slices.SortFunc(out.Bad, func(a, b BadBlob) int { return bytes.Compare(a.Hash[:], b.Hash[:]) })
	return out, nil
}

// listed gives what the records of all logs list.
func (r *Reader) listed() (map[record.Hash]record.BlobRef, error) {
	out := map[record.Hash]record.BlobRef{}
	err := inspect(r.path, time.Second, func(tx *bolt.Tx) error {
		if err := checkIdentity(tx, r.path); err != nil || tx.Bucket(bucketMeta) == nil {
			return err
		}
		s, err := readMeta(tx.Bucket(bucketMeta))
		if err != nil {
			return err
		}
		all, _, err := listedBlobs(tx.DB(), s.epoch) // entries that cannot be read are for Verify
		for _, l := range all {
			out[l.ref.Hash] = l.ref
		}
		return err
	})
	return out, err
}

// proves reads an attachment and compares its hash.
func (s *shelf) proves(hash record.Hash) error {
	f, err := s.open(hash)
	if err != nil {
		return err
	}
	return f.Close()
}

// loose counts the files that are none of the listed. A folder that is not there has none.
func (s *shelf) loose(listed map[record.Hash]record.BlobRef) (n int, err error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	for _, entry := range entries {
		name, _ := strings.CutSuffix(entry.Name(), sentMark)
		var hash record.Hash
		if hash.UnmarshalText([]byte(name)) != nil {
			continue // not ours
		}
		if _, ok := listed[hash]; !ok {
			n++
		}
	}
	return n, nil
}
