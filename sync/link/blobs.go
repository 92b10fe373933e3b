package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"yeban/sync/protocol"
	"yeban/sync/record"
)

const (
	// blobChunk is small enough for a slow line that a record does not wait long behind it.
	blobChunk = 32 << 10
	// maxSetbacks is how often in one conversation an attachment may make no way, and how
	// often in a row the hub may be busy over one before another has its turn.
	maxSetbacks = 3
	// maxChecks is of how many delivered attachments a hub is asked in one conversation.
	maxChecks = 16
)

var (
	// errNoWay means that an attachment is left alone for this conversation.
	errNoWay = errors.New("attachment makes no way")
	// errBusy means that the others have their turn first.
	errBusy = errors.New("hub is busy over an attachment")
)

// courier sends attachments in one conversation.
type courier struct {
	*session
	passed map[record.Hash]bool // left alone for this conversation
	later  map[record.Hash]bool // the hub was busy over them in this round
	busy   int                  // how often in a row it has been
}

// sendBlobs sends attachments, one piece at a time, whenever all records are at the hub.
// Now and then it asks whether the hub still has one that was delivered: a hub restored
// from a backup may have the records and not the attachments.
func (s *session) sendBlobs(ctx context.Context) error {
	c := &courier{session: s, passed: map[record.Hash]bool{}, later: map[record.Hash]bool{}}
	err := c.run(ctx)
	if errors.Is(err, ErrUnsupported) {
		s.cfg.Logger.Info("hub takes no attachments")
	} else if !over(err) {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

func (c *courier) run(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-c.calm: // the hub has let everybody settle
		ring(c.calm)
	}
	delivered := c.cfg.Blobs.DeliveredBlobs(maxChecks)
	check := time.NewTimer(c.seldom())
	defer check.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-c.calm:
		case <-check.C:
			if len(delivered) == 0 {
				continue
			}
			if err := c.settle(delivered[0], c.check(ctx, delivered[0])); err != nil {
				return err
			}
			delivered = delivered[1:]
			check.Reset(c.seldom())
		}
		if err := c.sendAll(ctx); err != nil {
			return err
		}
	}
}

// sendAll sends what is to be sent, the oldest first.
func (c *courier) sendAll(ctx context.Context) error {
	for ctx.Err() == nil {
		ref, ok := c.cfg.Blobs.NextBlob(func(h record.Hash) bool { return c.passed[h] || c.later[h] })
		switch {
		case ok:
			if err := c.settle(ref, c.send(ctx, ref)); err != nil {
				return err
			}
		case len(c.later) > 0:
			clear(c.later)
		default:
			return nil
		}
	}
	return ctx.Err()
}

// settle takes note of an error that is about one attachment, and gives back any other.
func (c *courier) settle(ref record.BlobRef, err error) error {
	switch {
	case errors.Is(err, errBusy):
		c.later[ref.Hash] = true
	case errors.Is(err, errNoWay), errors.Is(err, ErrTimeout):
		c.cfg.Logger.Error("attachment not delivered", "hash", ref.Hash, "error", err)
		c.passed[ref.Hash] = true
	default:
		return err
	}
	return nil
}

// send sends one attachment from where the hub says that it stands.
func (c *courier) send(ctx context.Context, ref record.BlobRef) error {
	have, err := c.offer(ctx, ref, 0, nil)
	if err == nil && have == ref.Bytes {
		return c.delivered(ref)
	}
	if err != nil && !refusedForGood(err) {
		return err
	}
	content, err := c.cfg.Blobs.OpenBlob(ref.Hash)
	if err != nil {
		return fmt.Errorf("%w: %w", errNoWay, err)
	}
	defer content.Close()
	piece := make([]byte, blobChunk)
	for setbacks := 0; ; {
		if err := c.awaitCalm(ctx); err != nil {
			return err
		}
		piece = piece[:min(blobChunk, ref.Bytes-have)]
		if _, err := content.Seek(have, io.SeekStart); err != nil {
			return fmt.Errorf("%w: %w", errNoWay, err)
		}
		if _, err := io.ReadFull(content, piece); err != nil {
			return fmt.Errorf("%w: %w", errNoWay, err)
		}
		now, err := c.offer(ctx, ref, have, piece)
		if refusedForGood(err) {
			if now, err = c.offer(ctx, ref, 0, nil); refusedForGood(err) {
				err = nil
			}
		}
		if err != nil {
			return err
		}
		if now == ref.Bytes {
			return c.delivered(ref)
		}
		if now <= have { // the hub has less, or has found the hash of the whole wrong
			if setbacks++; setbacks > maxSetbacks {
				c.cfg.Blobs.BlobRefused(ref.Hash)
				return fmt.Errorf("%w: hub stays at %d of %d bytes", errNoWay, now, ref.Bytes)
			}
			if !pause(ctx, c.again(0)) {
				return ctx.Err()
			}
		}
		have = now
	}
}

// delivered notes that the hub has all of an attachment. Where that cannot be noted, the
// next conversation finds it out again.
func (c *courier) delivered(ref record.BlobRef) error {
	if err := c.cfg.Blobs.BlobDelivered(ref.Hash); err != nil {
		return fmt.Errorf("%w: %w", errNoWay, err)
	}
	return nil
}

// check asks whether the hub still has all of an attachment. Where it has not, its word on
// every other one is doubted too, and each is offered again.
func (c *courier) check(ctx context.Context, ref record.BlobRef) error {
	if err := c.awaitCalm(ctx); err != nil {
		return err
	}
	have, err := c.offer(ctx, ref, 0, nil)
	switch {
	case refusedForGood(err), errors.Is(err, errBusy): // says nothing of what it has
		return nil
	case err != nil || have == ref.Bytes:
		return err
	}
	c.cfg.Logger.Error("hub no longer has an attachment, all are offered again", "hash", ref.Hash, "have", have)
	if err := c.cfg.Blobs.DoubtBlobs(); err != nil {
		return fmt.Errorf("%w: %w", errNoWay, err)
	}
	return nil
}

// offer sends a piece, or without one asks how much the hub has. A hub that is busy is
// asked again, a few times.
func (c *courier) offer(ctx context.Context, ref record.BlobRef, at int64, piece []byte) (have int64, err error) {
	for range maxSetbacks {
		f, err := c.ask(ctx, protocol.MethodBlob, &protocol.Blob{Hash: ref.Hash, Bytes: ref.Bytes, Offset: at, Data: piece}, c.cfg.AckTimeout)
		var fault *protocol.Fault
		if errors.As(err, &fault) && fault.Code != protocol.FaultBadFrame {
			c.cfg.Logger.Info("hub takes no attachment now", "hash", ref.Hash, "error", err)
			if !pause(ctx, c.again(c.busy)) {
				return 0, ctx.Err()
			}
			c.busy++
			continue
		}
		if err != nil {
			return 0, err
		}
		c.busy = 0
		var answer protocol.BlobHave
		if err := f.Decode(&answer); err != nil {
			return 0, fmt.Errorf("%w: %w", errNoWay, err)
		}
		if answer.Hash != ref.Hash || answer.Have > ref.Bytes {
			return 0, fmt.Errorf("%w: hub answers with another", errNoWay)
		}
		return answer.Have, nil
	}
	return 0, errBusy
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

// seldom is when to ask about the next delivered attachment.
func (s *session) seldom() time.Duration { return 10 * s.again(0) }
