package link

import (
	"context"
	"errors"
	"fmt"
	"time"

	"yeban/sync/protocol"
)

// batchBytes bounds one RECORDS unless a single entry is larger: small enough for a
// slow line to carry other frames in between, large enough to fill a fast one.
const batchBytes = 128 << 10

var errNoProgress = errors.New("hub acknowledges nothing")

// flight is what was sent and not acknowledged.
type flight struct {
	sizes []int // by sequence, the first being acked+1
	bytes int
}

func (f *flight) add(size int) {
	f.sizes = append(f.sizes, size)
	f.bytes += size
}

// land removes the oldest n.
func (f *flight) land(n int) {
	for _, size := range f.sizes[:n] {
		f.bytes -= size
	}
	f.sizes = f.sizes[n:]
}

// pump sends records as the window allows, and status.
func (s *session) pump(ctx context.Context) error {
	settle := time.NewTimer(time.Duration(s.welcome.SettleMs) * time.Millisecond)
	defer settle.Stop()
	longest := time.Duration(s.welcome.StatusSeconds) * time.Second
	status := time.NewTimer(0) // one at once
	defer status.Stop()
	stalled := time.NewTimer(s.cfg.AckTimeout)
	defer stalled.Stop()

	var (
		air     flight
		acked   = s.acked
		settled bool
		soon    bool // status is due within Debounce
	)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-settle.C:
			settled = true
		case <-s.ack:
			s.mu.Lock()
			now := s.acked
			s.mu.Unlock()
			air.land(int(now - acked))
			acked = now
			stalled.Reset(s.cfg.AckTimeout)
		case <-s.cfg.Outbox.Notify():
		case <-stalled.C:
			if len(air.sizes) > 0 {
				return fmt.Errorf("%w for %s with %d under way", errNoProgress, s.cfg.AckTimeout, len(air.sizes))
			}
		case <-s.changed:
			if !soon {
				soon = true
				status.Reset(s.cfg.Debounce)
			}
		case <-status.C:
			soon = false
			if err := s.sendStatus(ctx); err != nil {
				return err
			}
			status.Reset(longest)
		}
		if !settled {
			continue
		}
		idle := len(air.sizes) == 0
		if err := s.fill(ctx, &air); err != nil {
			return err
		}
		if idle && len(air.sizes) > 0 {
			stalled.Reset(s.cfg.AckTimeout)
		}
		if len(air.sizes) == 0 {
			ring(s.calm)
		}
	}
}

// fill sends until the window is full or the log at its end.
func (s *session) fill(ctx context.Context, air *flight) error {
	for {
		records := s.welcome.WindowRecords - len(air.sizes)
		bytes := s.welcome.WindowBytes - air.bytes
		if records <= 0 || bytes <= 0 {
			return nil
		}
		entries, err := s.cfg.Outbox.Read(s.sent, min(records, protocol.MaxEntries), min(bytes, batchBytes))
		// Asked afterwards: a log that is set aside gives way to another at any moment.
		if epoch, _, _ := s.cfg.Outbox.Position(); epoch != s.epoch {
			return errors.New("the log was ended meanwhile")
		}
		if err != nil || len(entries) == 0 {
			return err
		}
		// A single entry may be larger than what the window has left; it may only be
		// larger than the whole window when it flies alone.
		if len(air.sizes) > 0 && entries[0].WireSize() > bytes {
			return nil
		}
		f, err := protocol.NewFrame(protocol.Event, "", protocol.MethodRecords, protocol.Records{Epoch: s.epoch, Entries: entries})
		if err != nil {
			return err
		}
		for i := range entries {
			air.add(entries[i].WireSize())
		}
		// Before the frame is out: its acknowledgement may be quicker than we are.
		s.mu.Lock()
		s.sent = entries[len(entries)-1].Seq
		s.mu.Unlock()
		if err := s.conn.Send(ctx, f); err != nil {
			return err
		}
	}
}

// sendStatus takes the status of this moment: an old one is never sent.
func (s *session) sendStatus(ctx context.Context) error {
	f, err := protocol.NewFrame(protocol.Event, "", protocol.MethodStatus, s.cfg.Status())
	if err != nil {
		return err
	}
	return s.conn.Send(ctx, f)
}

func ring(bell chan struct{}) {
	select {
	case bell <- struct{}{}:
	default:
	}
}
