package evaluator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"yeban/devices"
)

// dialect is a make of device whose answers carry no session.
type dialect interface {
	// open makes the device ask, for at most d.
	open(ctx context.Context, w *wire, d time.Duration) error
	// idle closes a question.
	idle() []byte
	// hear finds meaning in what the device says.
	hear(p []byte) heard
	// status asks the device how it is; nil where it cannot be asked.
	status() []byte
}

// heard is what a device said.
type heard struct {
	keys  []byte
	alive bool // the answer to status was among it
	junk  int  // bytes that mean nothing
}

// plain drives a device whose answers carry no session: the window rules of the package
// documentation keep them apart.
type plain struct {
	*wire
	opt     Options
	dialect dialect
	shut    time.Time // no question may open before
	word    time.Time // last sensible word
}

func newPlain(port Port, o Options, d dialect) *plain {
	return &plain{wire: newWire(port), opt: o, dialect: d}
}

// Ask implements Evaluator.
func (e *plain) Ask(ctx context.Context, a Ask) (Answer, error) {
	if err := a.check(); err != nil {
		return Answer{}, err
	}
	if err := e.take(ctx); err != nil {
		return Answer{}, err
	}
	defer e.release()
	// What comes before the question, and while the last one may still be answered,
	// belongs to nobody.
	if err := e.discard(ctx, time.Until(e.shut)); err != nil {
		return Answer{}, fmt.Errorf("before the question: %w", err)
	}
	if err := e.dialect.open(ctx, e.wire, a.Timeout); err != nil {
		// The device may have heard it all the same.
		return Answer{}, e.close(ctx, fmt.Errorf("open question: %w", err))
	}
	opened := time.Now()
	if err := e.discard(ctx, time.Until(opened.Add(e.opt.Guard))); err != nil {
		return Answer{}, e.close(ctx, err)
	}
	for {
		p, err := e.read(ctx, time.Until(opened.Add(a.Timeout)))
		if errors.Is(err, errNothing) {
			err = ErrTimeout
		}
		if err != nil {
			return Answer{}, e.close(ctx, err)
		}
		h := e.dialect.hear(p)
		e.dropped.Add(uint64(h.junk))
		for i, k := range h.keys {
			l := e.opt.Polarity.level(k)
			if !l.Valid() {
				e.dropped.Add(1)
				continue
			}
			e.dropped.Add(uint64(len(h.keys) - i - 1))
			e.word = e.opt.Now()
			return Answer{Level: l, Millis: int(time.Since(opened).Milliseconds())}, nil
		}
	}
}

// close ends a question without an answer, for the reason why.
func (e *plain) close(ctx context.Context, why error) error {
	ctx, cancel := afterwards(ctx)
	defer cancel()
	e.shut = time.Now().Add(e.opt.Grace)
	if err := e.write(ctx, e.dialect.idle()); err != nil && errors.Is(why, ErrTimeout) {
		return fmt.Errorf("close question: %w", err)
	}
	return why
}

// discard drops and counts everything that comes within d, at least what is there.
func (e *plain) discard(ctx context.Context, d time.Duration) error {
	end := time.Now().Add(max(d, time.Millisecond))
	for {
		p, err := e.read(ctx, time.Until(end))
		if errors.Is(err, errNothing) {
			return nil
		}
		if err != nil {
			return err
		}
		h := e.dialect.hear(p)
		e.dropped.Add(uint64(len(h.keys) + h.junk))
	}
}

// Welcome implements Evaluator.
func (e *plain) Welcome(ctx context.Context) error {
	if err := e.take(ctx); err != nil {
		return err
	}
	defer e.release()
	if err := e.write(ctx, e.dialect.idle()); err != nil {
		return fmt.Errorf("welcome: %w", err)
	}
	return nil
}

// Poll implements Evaluator. A make that cannot be asked is unknown until a key was
// pressed, and online as of then.
func (e *plain) Poll(ctx context.Context) (devices.Status, error) {
	s := devices.Status{Device: e.opt.Name, Kind: devices.Evaluator, State: devices.DeviceBusy, At: e.opt.Now()}
	if !e.try() {
		return s, nil
	}
	defer e.release()
	if err := e.discard(ctx, 0); err != nil {
		return devices.Status{}, fmt.Errorf("ask evaluator: %w", err)
	}
	ask := e.dialect.status()
	if ask == nil {
		s.State, s.At = devices.Online, e.word
		if e.word.IsZero() {
			s.State = devices.Unknown
		}
		return s, nil
	}
	if err := e.write(ctx, ask); err != nil {
		return devices.Status{}, fmt.Errorf("ask evaluator: %w", err)
	}
	s.State, s.Reason = devices.PowerOff, devices.ReasonSilent
	for end := time.Now().Add(e.opt.Reply); ; {
		p, err := e.read(ctx, time.Until(end))
		if errors.Is(err, errNothing) {
			return s, nil
		}
		if err != nil {
			return devices.Status{}, fmt.Errorf("ask evaluator: %w", err)
		}
		h := e.dialect.hear(p)
		e.dropped.Add(uint64(len(h.keys) + h.junk))
		if h.alive {
			s.State, s.Reason, s.At = devices.Online, devices.ReasonNone, e.opt.Now()
			return s, nil
		}
		if h.junk > 0 {
			s.State, s.Reason = devices.Offline, devices.ReasonGarbled
		}
	}
}
