package printer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Print prints a document and returns nil when it is proven that it came out. Every
// other error wraps ErrNotPrinted or ErrUnconfirmed and, where known, the cause; or
// ErrJournal alone: the receipt is proven, only the journal's note of it was not ended; or
// it is ErrDocument, and nothing was sent.
//
// A printer whose profile says Unproven never gives nil: what it was sent is at best
// ErrUnconfirmed with ErrNoProof.
func (p *Printer) Print(ctx context.Context, doc Document) error {
	atoms, err := Encode(doc, p.profile, p.opt.Rasterizer)
	if err != nil {
		return fmt.Errorf("print: %w", err)
	}
	if err := p.take(ctx); err != nil {
		return fmt.Errorf("print: %w: %w", ErrNotPrinted, err)
	}
	defer p.release()
	p.fresh = false // a job switches automatic status off
	if err := p.begin(ctx, atoms); err != nil {
		return fmt.Errorf("print: %w: %w", ErrNotPrinted, err)
	}
	if err := p.run(ctx, atoms, doc.VoidText); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// begin makes sure that the printer works, owes nothing to an earlier job, and answers a
// marker, all before anything printable is sent.
func (p *Printer) begin(ctx context.Context, atoms [][]byte) error {
	if p.profile.Proof == Unproven {
		if n := size(atoms); n > p.profile.BufferBytes {
			return fmt.Errorf("%w: %d bytes for a buffer of %d, and profile %q tells no room", ErrNoProof, n, p.profile.BufferBytes, p.profile.Name)
		}
		return p.inspect(ctx)
	}
	if p.talk.trusted && p.clean && p.loaded && !p.pending && !p.unended {
		if said, err := p.hail(ctx); said {
			return err
		}
	}
	if err := p.inspect(ctx); err != nil {
		return err
	}
	p.clean = false
	if err := p.proven(ctx, p.profile.start()); err != nil {
		p.cleanUp(ctx)
		return err
	}
	return nil
}

// inspect asks the printer how it is and clears up after an earlier job.
func (p *Printer) inspect(ctx context.Context) error {
	s, err := p.talk.status(ctx)
	if err == nil {
		err = s.Err()
	}
	if err == nil {
		err = p.tidy(ctx)
	}
	return err
}

// hail asks for the status and for the first marker in one breath, which saves a way there
// and back. Nothing printable is under way yet: if the status is bad, it is cleared again.
// said is false where the answers did not add up and everything must be asked slowly.
func (p *Printer) hail(ctx context.Context) (said bool, err error) {
	if err := p.talk.begin(ctx); err != nil {
		return true, err
	}
	p.clean = false
	s, start := p.stake(false), p.profile.start()
	status, whole, err := p.talk.askAll(ctx, slices.Concat(start, s.behind()))
	if err == nil && whole {
		if err = status.Err(); err == nil {
			err = p.prove(ctx, s, p.wire(len(start)))
		} else {
			p.lose(s)
		}
		if err != nil {
			p.cleanUp(ctx)
		}
		return true, err
	}
	p.lose(s)
	return err != nil, err
}

// run sends a job and judges what became of it.
func (p *Printer) run(ctx context.Context, atoms [][]byte, void string) error {
	if p.opt.Journal != nil {
		if err := p.opt.Journal.Begin(void); err != nil {
			return fmt.Errorf("%w: %w: %w", ErrNotPrinted, ErrJournal, err)
		}
	}
	p.pending, p.void = true, void
	whole, err := p.put(ctx, atoms)
	switch {
	case err == nil:
		p.clean = true
		return p.settled()
	case whole && p.profile.Proof == Unproven: // all was sent, and nobody can say more
		p.clean = true
		return errors.Join(fmt.Errorf("%w: %w", ErrUnconfirmed, err), p.settled())
	}
	p.cleanUp(ctx)
	if whole {
		err = fmt.Errorf("%w: %w", ErrUncut, err)
		p.void = ""
		if p.opt.Journal != nil { // else a restart would void a receipt that is whole
			err = errors.Join(err, p.opt.Journal.Begin(""))
		}
	}
	return fmt.Errorf("%w: %w", ErrUnconfirmed, err)
}

// put sends atoms, of which the last is the cut, as the profile's proof allows. whole tells
// that everything before the cut is on paper, whatever became of the cut.
func (p *Printer) put(ctx context.Context, atoms [][]byte) (whole bool, err error) {
	if p.profile.Proof == Unproven {
		return p.putUnproven(ctx, atoms)
	}
	return p.send(ctx, atoms)
}

// send writes atoms with markers behind them. While the answer to one marker is awaited
// the next atoms are already on the wire, as far as the printer's buffer surely has room,
// so that the wire never waits; but only one marker's answer is ever waited for.
func (p *Printer) send(ctx context.Context, atoms [][]byte) (whole bool, err error) {
	room := p.profile.BufferBytes
	ahead := 0 // bytes on their way behind the last marker
	for {
		end := p.stake(true)
		var out []byte
		if last := len(atoms) - 1; ahead+size(atoms)+end.size() <= room || last+ahead == 0 {
			for _, a := range atoms[:last] {
				out = append(out, a...)
			}
			out = append(append(append(out, end.before()...), atoms[last]...), end.behind()...)
			err := p.write(ctx, out, ahead)
			if err == nil {
				err = p.prove(ctx, end, p.wire(ahead+len(out)))
			} else {
				p.lose(end)
			}
			return end.whole, err
		}
		s := p.stake(false)
		if ahead == 0 {
			out, atoms = fill(out, atoms, (room-s.size())/2, true)
		}
		out = append(out, s.behind()...)
		marked := len(out)
		out, atoms = fill(out, atoms, room-ahead, false)
		if err := p.write(ctx, out, ahead); err != nil {
			p.lose(s)
			return false, err
		}
		if err := p.prove(ctx, s, p.wire(ahead+len(out))); err != nil {
			return false, err
		}
		ahead = len(out) - marked
	}
}

// fill moves atoms, but never the last one, to out as long as that stays within most bytes;
// one at least, where it must.
func fill(out []byte, atoms [][]byte, most int, must bool) ([]byte, [][]byte) {
	for len(atoms) > 1 && (len(out)+len(atoms[0]) <= most || must) {
		out, atoms, must = append(out, atoms[0]...), atoms[1:], false
	}
	return out, atoms
}

// putUnproven sends atoms to a printer that answers no marker, and asks how it is when
// they must have arrived. The best that it can give is whole with ErrNoProof.
func (p *Printer) putUnproven(ctx context.Context, atoms [][]byte) (whole bool, err error) {
	var out []byte
	for _, a := range atoms {
		out = append(out, a...)
	}
	if err := p.write(ctx, out, 0); err != nil {
		return false, err
	}
	arrived := time.NewTimer(p.wire(len(out)))
	defer arrived.Stop()
	select {
	case <-arrived.C:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	s, err := p.talk.status(ctx)
	if err == nil {
		err = s.Err()
	}
	if err != nil {
		return false, err
	}
	return true, fmt.Errorf("%w: profile %q", ErrNoProof, p.profile.Name)
}

// write sends data; ahead bytes may still be on their way before them. A printer that
// takes nothing for a marker's patience is offline.
func (p *Printer) write(ctx context.Context, data []byte, ahead int) error {
	within, cancel := context.WithTimeout(ctx, p.wire(ahead+len(data))+p.opt.Patience)
	defer cancel()
	if _, err := p.port.Write(within, data); err != nil {
		if ctx.Err() == nil && within.Err() != nil {
			return fmt.Errorf("%w: it takes no more data", ErrOffline)
		}
		return err
	}
	return nil
}

// wire is how long n bytes take.
func (p *Printer) wire(n int) time.Duration { return onWire(n, p.opt.Baud) }

// onWire is how long n bytes take at a rate: ten bits each (8N1).
func onWire(n, baud int) time.Duration {
	return time.Duration(n) * 10 * time.Second / time.Duration(baud)
}

func size(atoms [][]byte) (n int) {
	for _, a := range atoms {
		n += len(a)
	}
	return n
}
