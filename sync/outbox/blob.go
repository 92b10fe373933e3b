package outbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode"

	"yeban/sync/record"
)

// maxBlobWord bounds a role and a media type.
const maxBlobWord = 128

// PutBlob seals an attachment and writes it beside the log. When the error is nil it is
// on stable storage, and a record that lists the reference can be appended; unless one
// is within an hour, Open or Prune removes it. ErrFull, ErrDisk and ErrInvalid leave nothing behind.
func (o *Outbox) PutBlob(ctx context.Context, role record.BlobRole, media string, content []byte) (record.BlobRef, error) {
	ref, err := o.putBlob(ctx, role, media, content)
	if err != nil {
		return record.BlobRef{}, fmt.Errorf("put attachment: %w", err)
	}
	return ref, nil
}

func (o *Outbox) putBlob(ctx context.Context, role record.BlobRole, media string, content []byte) (ref record.BlobRef, err error) {
	for _, word := range []string{string(role), media} {
		if word == "" || len(word) > maxBlobWord || strings.ContainsFunc(word, unicode.IsControl) {
			return ref, fmt.Errorf("role or media type of %d bytes: %w", len(word), ErrInvalid)
		}
	}
	if len(content) == 0 || len(content) > record.MaxBlobContent {
		return ref, fmt.Errorf("content of %d bytes: %w", len(content), ErrInvalid)
	}
	sealed, err := record.SealBlob(o.cfg.Rand, o.cfg.Platform, content)
	if err != nil {
		return ref, err
	}
	ref = record.BlobRef{Hash: record.HashBlob(sealed), Bytes: int64(len(sealed)), Role: role, Media: media}
	o.write.Lock()
	defer o.write.Unlock()
	if err := ctx.Err(); err != nil {
		return ref, err
	}
	if err := o.room(ref.Bytes + 64<<10); err != nil {
		return ref, err
	}
	if err := o.shelf.put(ref, sealed, o.cfg.Now()); err != nil {
		return ref, fmt.Errorf("%w: %w", ErrDisk, err)
	}
	return ref, nil
}

// NextBlob is the attachment of the oldest record whose attachments are not all at the
// hub, passing over those that skip names.
func (o *Outbox) NextBlob(skip func(record.Hash) bool) (ref record.BlobRef, ok bool) {
	s := &o.shelf
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, hash := range s.order {
		if b := s.held[hash]; !b.sent && !skip(hash) {
			return b.ref, true
		}
	}
	return ref, false
}

// OpenBlob gives the sealed bytes of an attachment, after it has found their hash right.
// Where it is not, or the file cannot be read, the attachment counts as lost from then on.
func (o *Outbox) OpenBlob(hash record.Hash) (io.ReadSeekCloser, error) {
	f, err := o.shelf.open(hash)
	if err != nil {
		return nil, fmt.Errorf("open attachment %.8s: %w", hash, err)
	}
	return f, nil
}

// BlobDelivered notes that the hub has all of an attachment. It is kept until its record
// is pruned.
func (o *Outbox) BlobDelivered(hash record.Hash) error {
	if err := o.shelf.mark(hash, true); err != nil {
		return fmt.Errorf("note attachment %.8s as delivered: %w", hash, err)
	}
	return nil
}

// BlobRefused notes that the hub, asked often enough, does not take an attachment that is
// whole here. It is offered again, and counts as lost until it is taken.
func (o *Outbox) BlobRefused(hash record.Hash) {
	o.shelf.mu.Lock()
	defer o.shelf.mu.Unlock()
	if b := o.shelf.held[hash]; b != nil {
		b.refused = true
	}
}

// BlobStats is what staff see of the attachments.
type BlobStats struct {
	Listed  int   `json:"listed"`  // by the records held
	Pending int   `json:"pending"` // of these, not yet at the hub
	Lost    int   `json:"lost"`    // of these, not to be read here, or refused by the hub
	Bytes   int64 `json:"bytes"`   // on the disk
}

// Blobs counts the attachments.
func (o *Outbox) Blobs() BlobStats {
	s := &o.shelf
	s.mu.Lock()
	defer s.mu.Unlock()
	out := BlobStats{Listed: len(s.order), Bytes: s.bytes}
	for _, hash := range s.order {
		b := s.held[hash]
		if b.sent {
			continue
		}
		out.Pending++
		if b.lost || b.refused {
			out.Lost++
		}
	}
	return out
}

// claimBlobs refuses a record that lists what is not durable here.
func (o *Outbox) claimBlobs(refs []record.BlobRef) error {
	if len(refs) > record.MaxBlobs {
		return fmt.Errorf("%d attachments: %w", len(refs), ErrInvalid)
	}
	for _, ref := range refs {
		if err := o.shelf.claim(ref); err != nil {
			return fmt.Errorf("attachment %.8s: %w: %w", ref.Hash, err, ErrInvalid)
		}
	}
	return nil
}

// listBlobs compares the attachments with the records that list them, and removes those
// whose record is gone, or moves them aside where a damaged log has lost it; the caller
// holds write.
func (o *Outbox) listBlobs(aside string) error {
	if o.shelf.empty() {
		return nil
	}
	db, s, err := o.snapshot()
	if err != nil {
		return err
	}
	listed, err := listedBlobs(db, s.epoch)
	if err != nil {
		return err
	}
	o.shelf.list(listed, aside)
	return nil
}

// openBlobs finds what is there. Attachments of no record are removed when they are old
// enough that no visit can be about to list them; after a damaged log they are put aside
// with it.
func (o *Outbox) openBlobs() error {
	o.shelf.load()
	db, s, err := o.snapshot()
	if err != nil {
		return err
	}
	listed, err := listedBlobs(db, s.epoch)
	if err != nil {
		return err
	}
	o.shelf.list(listed, "") // the first time, it removes nothing
	o.shelf.sweep(o.cfg.Now().Add(-orphanAge), o.blobsAside(nil))
	return nil
}

// blobsAside is the folder for attachments whose records were lost with a log that was set
// aside since before, or empty when none was.
func (o *Outbox) blobsAside(before *SetAsideError) string {
	if o.setAside == before {
		return ""
	}
	name, err := setAsideName(o.shelf.dir, o.cfg.Now())
	if err != nil {
		return o.shelf.dir + ".bad" // there are a thousand others
	}
	return name
}

// orphanAge is longer than any visit.
const orphanAge = time.Hour

var (
	errNotHeld = errors.New("not held")
	errOthers  = errors.New("belongs to another record")
)

// blobFile checks that a path is a file of the length that a reference names.
func blobFile(path string, bytes int64) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular() || info.Size() != bytes:
		return fmt.Errorf("%d bytes, want %d", info.Size(), bytes)
	}
	return nil
}
