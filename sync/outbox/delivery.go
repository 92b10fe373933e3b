package outbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"yeban/sync/record"
)

// mark notes durably that the hub has an attachment.
func (s *shelf) mark(hash record.Hash) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.held[hash]
	if b == nil {
		return errNotHeld
	}
	return errors.Join(s.rename(b, true), s.flush())
}

// rename notes that the hub has an attachment, or may not have it after all; flush makes
// it durable. One that is lost here is noted by an empty file. The caller holds mu.
func (s *shelf) rename(b *blob, sent bool) error {
	if b.sent == sent {
		return nil
	}
	err := os.Rename(s.path(b.ref.Hash, b.sent), s.path(b.ref.Hash, sent))
	switch {
	case errors.Is(err, fs.ErrNotExist) && sent:
		err = writeDurably(s.path(b.ref.Hash, true), nil)
	case errors.Is(err, fs.ErrNotExist): // gone while nobody looked: told as lost, and in nobody's way
		b.lost, err = true, nil
	}
	if err != nil {
		return err
	}
	b.sent, b.refused, s.unflushed = sent, false, true
	return nil
}

func (s *shelf) flush() error {
	if !s.unflushed {
		return nil
	}
	if err := syncDir(s.dir); err != nil {
		return err
	}
	s.unflushed = false
	return nil
}

// doubt takes back the word that the hub has what was delivered, where it is listed at one
// of these places.
func (s *shelf) doubt(at func(place) bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, hash := range s.order {
		if b := s.held[hash]; b.sent && at(b.at) {
			errs = append(errs, s.rename(b, false))
		}
	}
	if err := errors.Join(append(errs, s.flush())...); err != nil {
		return fmt.Errorf("offer attachments again: %w", err)
	}
	return nil
}

// delivered gives the newest attachment at the hub, and up to n-1 of the others, which go
// on where the last call ended.
func (s *shelf) delivered(n int) []record.BlobRef {
	s.mu.Lock()
	defer s.mu.Unlock()
	var sent []record.BlobRef
	next := 0
	for _, hash := range s.order {
		if b := s.held[hash]; b.sent {
			sent = append(sent, b.ref)
			if hash == s.checked {
				next = len(sent)
			}
		}
	}
	if len(sent) == 0 || n < 1 {
		return nil
	}
	others, newest := sent[:len(sent)-1], sent[len(sent)-1]
	out := []record.BlobRef{newest}
	for i := range min(n-1, len(others)) {
		out = append(out, others[(next+i)%len(others)])
	}
	if len(out) > 1 {
		s.checked = out[len(out)-1].Hash
	}
	return out
}

// waits says whether a log lists an attachment that the hub does not have and that can be
// sent, and which is the first sequence to do so. One that the hub refuses may count.
func (s *shelf) waits(epoch record.Epoch, refused bool) (seq uint64, yes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, hash := range s.order {
		b := s.held[hash]
		if b.at.epoch == epoch && !b.sent && !b.lost && (refused || !b.refused) && (!yes || b.at.seq < seq) {
			seq, yes = b.at.seq, true
		}
	}
	return seq, yes
}
