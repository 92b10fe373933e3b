package printer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"yeban/devices"
)

// Port is the serial line that the printer hangs on. Read returns as soon as there
// is at least one byte, or with ctx's error.
type Port interface {
	Read(ctx context.Context, p []byte) (int, error)
	Write(ctx context.Context, p []byte) (int, error)
	Reset(ctx context.Context) error
	Close() error
}

// Journal remembers over a restart that a receipt is under way, so that what a crash
// left half printed is voided on paper.
type Journal interface {
	// Begin is called before the first byte of a job, with the text that voids it.
	Begin(void string) error
	// End is called when the job is proven, or voided, or proven not to have begun.
	End() error
	// Pending gives what Begin was told, if End did not follow.
	Pending() (void string, pending bool, err error)
}

// Options are what a Printer needs beside its port. The zero value of each has a
// default.
type Options struct {
	Name       string        // configured name, for devices.Status
	Baud       int           // 115200; how long bytes take
	Reply      time.Duration // 500 ms; how long an answer to DLE EOT may take
	Patience   time.Duration // 8 s; how long a marker may take beyond the wire's time
	Rasterizer Rasterizer    // nil: characters that the printer lacks become 〓
	Journal    Journal       // nil: half receipts are forgotten with the process
	FirstJob   uint32        // at random; where the names of markers begin
	Now        func() time.Time
}

func (o Options) withDefaults() Options {
	if o.Baud <= 0 {
		o.Baud = 115200
	}
	if o.Reply <= 0 {
		o.Reply = 500 * time.Millisecond
	}
	if o.Patience <= 0 {
		o.Patience = 8 * time.Second
	}
	if o.FirstJob == 0 {
		o.FirstJob = rand.Uint32()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Printer drives one printer. Its methods may be called from any goroutine; one
// at a time does its work, the others wait for their turn or their context.
type Printer struct {
	port    Port
	profile Profile
	opt     Options

	turn chan struct{} // holds one token
	ear  ear
	last atomic.Pointer[devices.Status] // what Poll said last
	talk talk

	clean   bool    // the printer's buffer is known to be empty
	loaded  bool    // journal was looked at
	unended bool    // the journal's note of a settled job could not be ended
	pending bool    // a half receipt may hang in the printer
	void    string  // what to print on it; empty: it is whole, but to be cut off
	job     uint32  // for job ids
	debt    int     // nameless answers that may come late, at least 1; see stake
	fresh   bool    // automatic status was switched on since the last silence or job
	heard   [4]byte // the automatic status that Poll or Listen has told of
	shown   shown
}

// New takes over a port. Nothing is sent yet.
func New(port Port, profile Profile, o Options) *Printer {
	o = o.withDefaults()
	p := &Printer{port: port, profile: profile, opt: o, turn: make(chan struct{}, 1), job: o.FirstJob, debt: maxDebt}
	p.talk = talk{port: port, reply: o.Reply, settle: settleFor(o.Baud)}
	p.turn <- struct{}{}
	return p
}

// Close closes the port; whoever waits in another method comes back with an error.
func (p *Printer) Close() error { return p.port.Close() }

// Status asks the printer for everything it can say of itself. An error means that the
// port failed or ctx ended; a printer that does not answer gives a Status whose Err is
// ErrSilent.
func (p *Printer) Status(ctx context.Context) (Status, error) {
	if err := p.take(ctx); err != nil {
		return Status{}, err
	}
	defer p.release()
	return p.talk.status(ctx)
}

// Poll is Status in the words of package devices. Once the printer works again after a
// job that went wrong, Poll voids the half receipt. While a job is being printed it
// returns at once with DeviceBusy.
func (p *Printer) Poll(ctx context.Context) (devices.Status, error) {
	if !p.takeFromListener(ctx) {
		s := devices.Status{Device: p.opt.Name, Kind: devices.Printer, State: devices.DeviceBusy, Paper: devices.PaperUnknown, At: p.opt.Now()}
		if last := p.last.Load(); last != nil {
			s.Paper = last.Paper
		}
		return s, nil
	}
	defer p.release()
	p.heard = p.talk.frame // what comes from here on may be younger than the answers
	s, err := p.talk.status(ctx)
	if err != nil {
		return devices.Status{}, fmt.Errorf("ask printer: %w", err)
	}
	if s.Err() == nil {
		// A failure shows in the next poll's status; the duty stays, and what it sends must
		// not be disturbed by automatic status.
		tidied := p.tidy(ctx)
		if tidied != nil && ctx.Err() != nil {
			return devices.Status{}, tidied
		}
		if tidied == nil && !p.fresh && p.profile.ASB {
			if _, err := p.port.Write(ctx, asbOn); err != nil {
				return devices.Status{}, fmt.Errorf("switch automatic status on: %w", err)
			}
			p.fresh = true
		}
	}
	if !s.OnlineKnown {
		p.fresh = false
	}
	if s.PaperKnown {
		p.shown.paper.Store(true)
	}
	if p.talk.frame != [4]byte{} {
		p.shown.unasked.Store(true)
	}
	out := p.Describe(s)
	p.last.Store(&out)
	return out, nil
}

// Describe puts a status in the words of package devices.
func (p *Printer) Describe(s Status) devices.Status {
	out := devices.Status{Device: p.opt.Name, Kind: devices.Printer, State: devices.Online, At: p.opt.Now()}
	switch {
	case !s.PaperKnown:
		out.Paper = devices.PaperUnknown
	case s.PaperEnd || s.Stopped:
		out.Paper = devices.PaperOut
	case s.NearEnd && p.profile.NearEnd:
		out.Paper, out.Reason = devices.PaperLow, devices.ReasonPaperLow
	default:
		out.Paper = devices.PaperFull
	}
	err := s.Err()
	switch {
	case err == nil:
	case errors.Is(err, ErrCoverOpen):
		out.State, out.Reason = devices.UserError, devices.ReasonCoverOpen
	case errors.Is(err, ErrPaperOut):
		out.State, out.Reason = devices.Offline, devices.ReasonPaperOut
	case s.Cutter:
		out.State, out.Reason = devices.HardwareError, devices.ReasonCutter
	case s.Hot:
		out.State, out.Reason = devices.Offline, devices.ReasonHeadHot
	case errors.Is(err, ErrFault):
		out.State, out.Reason = devices.HardwareError, devices.ReasonPrinterFault
	case errors.Is(err, ErrSilent):
		out.State, out.Reason = devices.PowerOff, devices.ReasonSilent
		if p.talk.noise > 0 {
			out.State, out.Reason = devices.Offline, devices.ReasonGarbled
		}
	default:
		out.State = devices.Offline
	}
	return out
}
