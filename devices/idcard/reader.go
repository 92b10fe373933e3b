package idcard

import (
	"context"
	"errors"
	"fmt"
	"time"

	"yeban/devices"
)

// Reader is a card reader on an open line. One method at a time: who shares a Reader
// does so through a devices.Worker, whose Driver it is.
type Reader struct {
	talk        conversation
	fingerprint bool
	address     bool
}

// Option changes what a Reader does.
type Option func(*Reader)

// WithFamily is for readers that do not speak SAMV.
func WithFamily(f Family) Option { return func(r *Reader) { r.talk.family = f } }

// WithFingerprint reads fingerprints too, from a module of the SAMV family that knows how.
// It takes 89 ms longer at 115200 baud.
func WithFingerprint() Option { return func(r *Reader) { r.fingerprint = true } }

// WithAddress also asks for the newest appended address.
func WithAddress() Option { return func(r *Reader) { r.address = true } }

// New makes a Reader of an open line. It owns the line from then on.
func New(port Port, options ...Option) *Reader {
	r := &Reader{talk: conversation{port: port}}
	for _, o := range options {
		o(r)
	}
	return r
}

var (
	_ devices.Driver  = (*Reader)(nil)
	_ devices.Dropper = (*Reader)(nil)
)

// Close closes the line.
func (r *Reader) Close() error { return r.talk.port.Close() }

// Dropped implements devices.Dropper: answers that came too late, for an earlier command.
func (r *Reader) Dropped() uint64 { return r.talk.late.Load() }

// Poll asks the module for its condition. With the first answer the module is
// remembered, and another one on the same line is ErrForeign from then on.
func (r *Reader) Poll(ctx context.Context) (devices.Status, error) {
	if r.talk.family == STX {
		return r.pollSTX(ctx)
	}
	if r.talk.sam == nil {
		if _, err := r.SAMID(ctx); err != nil {
			return faultStatus(err)
		}
	}
	if err := r.Status(ctx); err != nil {
		return faultStatus(err)
	}
	return devices.Status{State: devices.Online}, nil
}

// pollSTX: the family's only question is for a card. One that lies there is left for
// later; its record is not looked at, nor kept.
func (r *Reader) pollSTX(ctx context.Context) (devices.Status, error) {
	defer r.talk.forget()
	a, err := r.talk.ask(ctx, CmdReadCard, thinkRead)
	if err != nil {
		return faultStatus(err)
	}
	clear(a.data)
	return devices.Status{State: devices.Online}, nil
}

// faultStatus is the status of a module that said itself what it lacks; an error
// that is not its own word stays an error.
func faultStatus(err error) (devices.Status, error) {
	if errors.Is(err, ErrUnlicensed) || errors.Is(err, ErrSelfTest) {
		f := devices.Classify(err)
		return devices.Status{State: f.State, Reason: f.Reason}, nil
	}
	return devices.Status{}, err
}

// Status asks whether the module is well: nil, ErrSelfTest, ErrUnlicensed, ErrSilent,
// ErrGarbled or an error of the port.
func (r *Reader) Status(ctx context.Context) error {
	a, err := r.talk.ask(ctx, CmdStatus, thinkShort)
	if err != nil {
		return err
	}
	return codeError(a.sw)
}

// Reset restarts the module.
func (r *Reader) Reset(ctx context.Context) error {
	a, err := r.talk.ask(ctx, CmdReset, thinkRead)
	if err != nil {
		return err
	}
	return codeError(a.sw)
}

// SAMID asks the module who it is.
func (r *Reader) SAMID(ctx context.Context) (SAMID, error) {
	a, err := r.talk.ask(ctx, CmdSAMID, thinkShort)
	if err == nil {
		err = r.talk.recognise(a)
	}
	if err != nil {
		return SAMID{}, err
	}
	return *r.talk.sam, nil
}

// WaitCard polls until a card lies there and is read. It returns ErrLiftAndLayAgain
// or ErrWrongCard for the citizen to act on, after which it may be called again; a
// *FieldError for a card that is refused; ErrNoCard together with ctx's error where
// ctx ended and no card had come. One silent or garbled answer is not yet an error.
//
// found, which may be nil, is called whenever a card was found and selected, before it
// is read, on the caller's goroutine: the reader waits until it returns. Families that
// find and read in one step do not call it.
func (r *Reader) WaitCard(ctx context.Context, poll time.Duration, found func()) (Record, error) {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	var failures, lifted int
	for {
		record, err := r.readCard(ctx, found)
		switch {
		case err == nil:
			return record, nil
		case ctx.Err() != nil:
			return Record{}, noCard(ctx, failures)
		case errors.Is(err, errSelect):
			// Found, but not selected: lifted at that moment, or laid badly.
			if lifted++; lifted == 3 {
				return Record{}, fmt.Errorf("%w: %w", ErrLiftAndLayAgain, err)
			}
		case errors.Is(err, ErrNoCard):
			failures, lifted = 0, 0
		case errors.Is(err, ErrSilent), errors.Is(err, ErrGarbled):
			if failures++; failures == 2 {
				return Record{}, err
			}
		default:
			return Record{}, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return Record{}, noCard(ctx, failures)
		}
	}
}

// noCard is how waiting ends with its context: only a reader that answered can say
// that there was no card.
func noCard(ctx context.Context, failures int) error {
	if failures > 0 {
		return ctx.Err()
	}
	return fmt.Errorf("%w: %w", ErrNoCard, ctx.Err())
}

var errSelect = errors.New("card found, not selected")

// ReadCard reads the card that lies there now; ErrNoCard where none does.
func (r *Reader) ReadCard(ctx context.Context) (Record, error) { return r.readCard(ctx, nil) }

func (r *Reader) readCard(ctx context.Context, found func()) (Record, error) {
	defer r.talk.forget()
	if r.talk.family == SAMV {
		if err := r.find(ctx); err != nil {
			return Record{}, err
		}
		if found != nil {
			found()
		}
	}
	record, err := r.read(ctx)
	if err != nil || !r.address || r.talk.family == STX {
		return record, err
	}
	err = r.readAddress(ctx, &record)
	return record, err
}

// find finds the card and selects it.
func (r *Reader) find(ctx context.Context) error {
	a, err := r.talk.ask(ctx, CmdFind, thinkShort)
	if err != nil {
		return err
	}
	if err := codeError(a.sw); err != nil {
		return err
	}
	if a, err = r.talk.ask(ctx, CmdSelect, thinkShort); err != nil {
		return err
	}
	if a.sw.Code() == SelectFailed {
		return fmt.Errorf("%w: %w", ErrNoCard, errSelect)
	}
	return codeError(a.sw)
}

// read reads the selected card. An answer that was broken on the way is asked for
// once more; a module that then refuses wants the card laid again.
func (r *Reader) read(ctx context.Context) (Record, error) {
	cmd := CmdReadCard
	if r.fingerprint && r.talk.family == SAMV && r.talk.shown[CmdReadFingerprint] != devices.Unsupported {
		cmd = CmdReadFingerprint
	}
	a, err := r.talk.ask(ctx, cmd, thinkRead)
	if err == nil && cmd == CmdReadFingerprint && a.sw.Code() == BadCommand {
		cmd = CmdReadCard // the module knows no fingerprints: the card is read without
		a, err = r.talk.ask(ctx, cmd, thinkRead)
	}
	again := errors.Is(err, ErrSilent) || errors.Is(err, ErrGarbled)
	if again && ctx.Err() == nil {
		a, err = r.talk.ask(ctx, cmd, thinkRead)
	}
	if err != nil {
		return Record{}, err
	}
	if err := codeError(a.sw); err != nil {
		if again && !errors.Is(err, ErrUnlicensed) && !errors.Is(err, ErrSelfTest) {
			return Record{}, fmt.Errorf("%w: second attempt: status %s", ErrLiftAndLayAgain, a.sw)
		}
		return Record{}, err
	}
	record, err := ParseCard(a.data)
	if errors.Is(err, ErrPayload) {
		return Record{}, fmt.Errorf("%w: %w", ErrGarbled, err)
	}
	return record, err
}

// readAddress adds the appended address. A card without one says so; where asking
// fails, the record stands and the address is doubtful.
func (r *Reader) readAddress(ctx context.Context, record *Record) error {
	a, err := r.talk.ask(ctx, CmdReadAddress, thinkRead)
	switch {
	case err == nil && a.sw.Code() == None:
		return nil
	case err == nil && a.sw.Code() == OK:
		if record.NewAddress, err = ParseAddress(a.data); err == nil {
			return nil
		}
	case err != nil && (ctx.Err() != nil || devices.Classify(err).Reopen):
		return err
	}
	record.doubt(FieldAddress, ProblemMissing)
	return nil
}
