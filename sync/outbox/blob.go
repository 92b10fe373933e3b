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
// is within an hour, Open or Prune removes it. ErrFull, ErrDisk and ErrInvalid leave nothing
// behind. It leaves the room that the visit's records need, so that what is too large for
// the terminal can be refused to a citizen and their application still be kept.
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
	if err := o.room(ref.Bytes + visitBytes - visitBlobBytes); err != nil {
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
	if err := o.shelf.mark(hash); err != nil {
		return fmt.Errorf("note attachment %.8s as delivered: %w", hash, err)
	}
	return nil
}

// DeliveredBlobs gives the newest attachment that counts as delivered, and up to n-1
// others, which go on from call to call until all came round. Who restores a hub from a
// backup loses the newest first.
func (o *Outbox) DeliveredBlobs(n int) []record.BlobRef { return o.shelf.delivered(n) }

// DoubtBlobs takes back that the hub has what was delivered: it no longer has one of them,
// so that its word on any may be from before it was restored from a backup.
func (o *Outbox) DoubtBlobs() error { return o.shelf.doubt(func(place) bool { return true }) }

// BlobRefused notes that the hub, asked often enough, does not take an attachment that is
// whole here. It is offered again, and counts as lost until it is taken. Meanwhile it does
// not keep its record beyond the retention time.
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

// openBlobs finds what is there. After a damaged log was set aside, what none of the saved
// records list is put aside with it, however young.
func (o *Outbox) openBlobs() error {
	o.shelf.load()
	orphans := o.cfg.Now().Add(-orphanAge)
	if o.setAside != nil {
		orphans = o.cfg.Now().AddDate(1000, 0, 0)
	}
	return o.shelve(orphans)
}

// shelve compares the attachments with the records that list them. Those whose record is
// gone are removed, and those of no record that are older than a moment; after a damaged
// log they are put aside with it. The caller holds write.
//
// An entry that cannot be read may list any of them. Until every one was proved, none
// counts as being of no record.
func (o *Outbox) shelve(orphans time.Time) error {
	if o.shelf.empty() {
		return nil
	}
	db, s, err := o.snapshot()
	if err != nil {
		return err
	}
	listed, whole, err := listedBlobs(db, s.epoch)
	if err != nil {
		return err
	}
	o.shelf.list(listed)
	if o.unproven.Load() {
		orphans = time.Time{}
	}
	if !whole {
		return nil
	}
	folder, lost := "", o.SetAside()
	if lost != o.shelved {
		folder = o.blobsAside()
	}
	o.shelf.sweep(orphans, folder)
	o.shelved = lost
	return nil
}

// blobsAside is a folder for attachments whose records were lost with a log.
func (o *Outbox) blobsAside() string {
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
