package printer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"
)

// watch is how often a printer that takes its time over a marker is asked why.
const watch = 400 * time.Millisecond

// maxDebt bounds how many late answers are reckoned with.
const maxDebt = 7

// stake is the markers behind a piece of a job, and how many of their answers came.
//
// The answers to GS r have no name. One that was given up may still come, in the next
// exchange or the one after; it must prove nothing. So there are always more markers behind
// a piece than such answers can be under way (Printer.debt, at least one: a process does not
// know what the one before it gave up), and as many answers are waited for: then one at least
// is this piece's own. Surplus answers are never more than the debt, and so do no harm to the
// next piece.
type stake struct {
	named   bool    // the markers are GS ( H
	id      [4]byte // of the marker behind
	content [4]byte // of the marker before the cut
	inside  int     // markers before the cut, if any
	outside int     // markers behind
	got     int
	whole   bool // what stands before the marker inside is on paper
}

// stake makes the markers for one piece; for the last one with a marker before the cut.
func (p *Printer) stake(last bool) *stake {
	s := &stake{named: p.profile.Proof == ByJobID, outside: 1}
	if last {
		s.inside = 1
	}
	if s.named {
		s.content, s.id = p.jobID(), p.jobID()
	} else {
		if last {
			s.inside = p.outside(0)
		}
		s.outside = p.outside(s.inside)
	}
	return s
}

// copies is how often this printer may say each answer.
func (p *Printer) copies() int {
	if p.talk.doubles {
		return 2
	}
	return 1
}

// outside is how many nameless markers prove a piece even if every late answer comes, and
// even if a printer that is thought to say things twice says them once.
func (p *Printer) outside(inside int) int {
	return p.copies()*p.debt + (p.copies()-1)*inside + 1
}

// before are the commands of the marker before the cut.
func (s *stake) before() []byte { return markers(s.named, s.content, s.inside) }

// behind are the commands of the markers behind.
func (s *stake) behind() []byte { return markers(s.named, s.id, s.outside) }

func (s *stake) size() int { return len(s.before()) + len(s.behind()) }

func markers(named bool, id [4]byte, n int) []byte {
	if named {
		return bytes.Repeat(append([]byte{0x1D, '(', 'H', 6, 0, 48, 48}, id[:]...), n)
	}
	return bytes.Repeat([]byte{0x1D, 'r', 1}, n)
}

// jobID is the next running number in four printable characters.
func (p *Printer) jobID() (id [4]byte) {
	p.job++
	n := p.job
	for i := range id {
		id[i] = 'A' + byte(n%26)
		n /= 26
	}
	return id
}

// hears takes an answer and tells whether the piece is proven.
func (s *stake) hears(e event, debt, copies int) bool {
	switch {
	case s.named && e.kind == eventJobID && e.id == s.id:
		return true
	case s.named && e.kind == eventJobID && e.id == s.content:
		s.whole = s.inside > 0
	case !s.named && e.kind == eventSensor:
		s.got++
		s.whole = s.inside > 0 && s.got > copies*debt
		return s.got > copies*(debt+s.inside)
	}
	return false
}

// lose gives up what is not answered of a stake; it may still be.
func (p *Printer) lose(s *stake) {
	if !s.named {
		p.debt = min(max(p.debt+s.inside+s.outside-s.got, 1), maxDebt)
	}
}

// proven writes data with markers behind them and returns nil when these were answered.
func (p *Printer) proven(ctx context.Context, data []byte) error {
	s := p.stake(false)
	data = append(append([]byte(nil), data...), s.behind()...)
	if err := p.write(ctx, data, 0); err != nil {
		p.lose(s)
		return err
	}
	return p.prove(ctx, s, p.wire(len(data)))
}

// prove returns nil when a stake's markers were answered; wire is how long what was written
// may yet take to arrive.
func (p *Printer) prove(ctx context.Context, s *stake, wire time.Duration) (err error) {
	defer func() {
		if err != nil {
			p.lose(s)
		}
	}()
	end := time.Now().Add(wire + p.opt.Patience)
	silent := 0
	for {
		e, err := p.talk.next(ctx, min(max(time.Until(end), 0), wire+watch))
		switch {
		case errors.Is(err, errNothing):
			answers, err := p.blocked(ctx)
			if err != nil {
				return err
			}
			if silent++; answers {
				silent = 0
			}
			if silent == 3 {
				return fmt.Errorf("%w: no proof in time", ErrSilent)
			}
			if time.Now().After(end) {
				p.shown.mute.Store(true)
				return fmt.Errorf("%w in time, though it answers otherwise; profile %q", ErrNoProof, p.profile.Name)
			}
		case err != nil:
			return err
		case e.kind == eventASB:
			if err := p.talk.asb.Err(); err != nil {
				return err
			}
		case e.kind == eventEOT && !p.talk.late:
			// More answers than there were questions: a second copy of these markers'
			// answers will come, too, and must not be taken for the next ones'.
			p.talk.repeated()
			if err := p.raise(ctx, s); err != nil {
				return err
			}
		case s.hears(e, p.debt, p.copies()):
			p.shown.proof.Store(true)
			return p.doubled(ctx)
		}
		wire = 0
	}
}

// raise adds the markers that a stake needs since the printer was heard to say things
// twice.
func (p *Printer) raise(ctx context.Context, s *stake) error {
	more := p.outside(s.inside) - s.outside
	if s.named || more <= 0 {
		return nil
	}
	s.outside += more
	return p.write(ctx, markers(false, s.id, more), 0)
}

// doubled takes what is left of a nameless stake's answers from printers that are known
// to say things twice.
func (p *Printer) doubled(ctx context.Context) error {
	if p.profile.Proof == ByJobID || !p.talk.doubles {
		return nil
	}
	_, err := p.talk.drain(ctx, p.talk.settle)
	return err
}

// blocked asks why a marker is not answered. The error is the reason that the printer
// gives; answers tells whether it said anything.
func (p *Printer) blocked(ctx context.Context) (answers bool, err error) {
	p.talk.passed = nil
	defer func() { p.talk.queue, p.talk.passed = append(p.talk.passed, p.talk.queue...), nil }()
	for _, n := range []byte{2, 4, 1} {
		b, err := p.talk.ask(ctx, n)
		if errors.Is(err, errNothing) {
			return answers, nil
		}
		if err != nil {
			return answers, err
		}
		answers = true
		s := Status{OnlineKnown: true}
		s.set(n, b)
		if err := s.Err(); err != nil {
			return true, err
		}
	}
	return true, nil
}
