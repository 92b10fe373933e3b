package link

import (
	"context"
	"errors"
	"fmt"
	"io"

	"yeban/sync/protocol"
	"yeban/sync/record"
)

const (
	// blobChunk is small enough for a slow line that a record does not wait long behind it.
	blobChunk = 32 << 10
	// maxSetbacks is how often in one conversation an attachment may make no way.
	maxSetbacks = 3
)

// errNoWay means that an attachment is left alone for this conversation.
var errNoWay = errors.New("attachment makes no way")

// sendBlobs sends attachments, one piece at a time, whenever all records are at the hub.
func (s *session) sendBlobs(ctx context.Context) error {
	passed := map[record.Hash]bool{}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.calm:
		}
		for {
			ref, ok := s.cfg.Blobs.NextBlob(func(h record.Hash) bool { return passed[h] })
			if !ok {
				break
			}
			err := s.sendBlob(ctx, ref)
			switch {
			case err == nil:
			case errors.Is(err, errNoWay):
				s.cfg.Logger.Error("attachment not delivered", "hash", ref.Hash, "error", err)
				passed[ref.Hash] = true
			case errors.Is(err, ErrUnsupported):
				s.cfg.Logger.Info("hub takes no attachments")
				<-ctx.Done()
				return ctx.Err()
			case over(err):
				<-ctx.Done()
				return ctx.Err()
			default:
				return err
			}
		}
	}
}

// sendBlob sends one attachment from where the hub says that it stands.
func (s *session) sendBlob(ctx context.Context, ref record.BlobRef) error {
	have, err := s.offer(ctx, ref, 0, nil)
	if err == nil && have == ref.Bytes {
		return s.delivered(ref)
	}
	if err != nil && !refusedForGood(err) {
		return err
	}
	content, err := s.cfg.Blobs.OpenBlob(ref.Hash)
	if err != nil {
		return fmt.Errorf("%w: %w", errNoWay, err)
	}
	defer content.Close()
	piece := make([]byte, blobChunk)
	for setbacks := 0; ; {
		if err := s.awaitCalm(ctx); err != nil {
			return err
		}
		piece = piece[:min(blobChunk, ref.Bytes-have)]
		if _, err := content.Seek(have, io.SeekStart); err != nil {
			return fmt.Errorf("%w: %w", errNoWay, err)
		}
		if _, err := io.ReadFull(content, piece); err != nil {
			return fmt.Errorf("%w: %w", errNoWay, err)
		}
		now, err := s.offer(ctx, ref, have, piece)
		switch {
		case refusedForGood(err):
			if now, err = s.offer(ctx, ref, 0, nil); err != nil && !refusedForGood(err) {
				return err
			}
		case err != nil:
			return err
		}
		if now == ref.Bytes {
			return s.delivered(ref)
		}
		if now <= have { // the hub has less, or has found the hash of the whole wrong
			if setbacks++; setbacks > maxSetbacks {
				s.cfg.Blobs.BlobRefused(ref.Hash)
				return fmt.Errorf("%w: hub stays at %d of %d bytes", errNoWay, now, ref.Bytes)
			}
			if !pause(ctx, s.again()) {
				return ctx.Err()
			}
		}
		have = now
	}
}

// delivered notes that the hub has all of an attachment. Where that cannot be noted, the
// next conversation finds it out again.
func (s *session) delivered(ref record.BlobRef) error {
	if err := s.cfg.Blobs.BlobDelivered(ref.Hash); err != nil {
		return fmt.Errorf("%w: %w", errNoWay, err)
	}
	return nil
}

// offer sends a piece, or without one asks how much the hub has. A hub that is busy is
// asked again.
func (s *session) offer(ctx context.Context, ref record.BlobRef, at int64, piece []byte) (have int64, err error) {
	for {
		f, err := s.ask(ctx, protocol.MethodBlob, &protocol.Blob{Hash: ref.Hash, Bytes: ref.Bytes, Offset: at, Data: piece}, s.cfg.AckTimeout)
		var fault *protocol.Fault
		if errors.As(err, &fault) && fault.Code != protocol.FaultBadFrame {
			s.cfg.Logger.Info("hub takes no attachment now", "error", err)
			if !pause(ctx, s.again()) {
				return 0, ctx.Err()
			}
			continue
		}
		if err != nil {
			return 0, err
		}
		var answer protocol.BlobHave
		if err := f.Decode(&answer); err != nil {
			return 0, fmt.Errorf("%w: %w", errNoWay, err)
		}
		if answer.Hash != ref.Hash || answer.Have > ref.Bytes {
			return 0, fmt.Errorf("%w: hub answers with another", errNoWay)
		}
		return answer.Have, nil
	}
}

// awaitCalm waits until the hub has every record: those go first.
func (s *session) awaitCalm(ctx context.Context) error {
	for {
		_, _, last := s.cfg.Outbox.Position()
		s.mu.Lock()
		acked := s.acked
		s.mu.Unlock()
		if acked >= last {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.calm:
		}
	}
}
