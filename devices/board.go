package devices

import (
	"log/slog"
	"sync"
	"time"
)

// board holds a device's latest status and tells subscribers of differences.
type board struct {
	clock Clock
	stale time.Duration
	log   *slog.Logger

	mu     sync.Mutex
	status Status
	ages   bool // the device said so itself, so that it must say so again
	subs   map[chan Status]struct{}
}

func newBoard(c Config) *board {
	return &board{
		clock: c.Clock, stale: c.StaleAfter, log: c.Log,
		status: Status{Device: c.Name, Kind: c.Kind, State: Unknown, At: c.Clock.Now()},
		subs:   map[chan Status]struct{}{},
	}
}

// said records the device's own word, which must be renewed, and tells whether it is a
// difference.
func (b *board) said(s Status) (changed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.put(s, true)
}

// known records what we know without the device: a missing port, a lease.
func (b *board) known(state State, reason Reason) {
	b.mu.Lock()
	defer b.mu.Unlock()
	paper := b.status.Paper
	if paper != "" && state != DeviceBusy {
		paper = PaperUnknown
	}
	b.put(Status{State: state, Reason: reason, Paper: paper}, false)
}

func (b *board) put(s Status, ages bool) (changed bool) {
	old := b.status
	if s.At.IsZero() {
		s.At = b.clock.Now()
	}
	s.Device, s.Kind, s.Seq = old.Device, old.Kind, old.Seq
	b.ages = ages
	if s.State == old.State && s.Reason == old.Reason && s.Paper == old.Paper {
		b.status = s
		return false
	}
	s.Seq++
	b.status = s
	b.log.Info("device status", "state", s.State, "reason", s.Reason, "paper", s.Paper, "seq", s.Seq)
	for sub := range b.subs {
		offer(sub, s)
	}
	return true
}

// offer gives a subscriber the newest; one that does not keep up loses the oldest,
// which the gap in Seq shows.
func offer(sub chan Status, s Status) {
	for {
		select {
		case sub <- s:
			return
		default:
		}
		select {
		case <-sub:
		default:
		}
	}
}

// read gives the status as it is now.
func (b *board) read() Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.age()
	return b.status
}

// age makes a status that was not renewed in time unknown. It says how long the
// present one is still good, zero where it does not age.
func (b *board) age() time.Duration {
	if !b.ages {
		return 0
	}
	left := b.stale - b.clock.Now().Sub(b.status.At)
	if left > 0 {
		return left
	}
	s := Status{State: Unknown, Reason: ReasonStale, At: b.status.At, Paper: b.status.Paper}
	if s.Paper != "" {
		s.Paper = PaperUnknown
	}
	b.put(s, false)
	return 0
}

func (b *board) ageing() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.age()
}

func (b *board) subscribe() (<-chan Status, func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.age()
	sub := make(chan Status, 16)
	sub <- b.status
	b.subs[sub] = struct{}{}
	return sub, sync.OnceFunc(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.subs, sub)
		close(sub)
	})
}
