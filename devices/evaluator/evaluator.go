package evaluator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"yeban/devices"
)

// Level is how satisfied a citizen was. The value is the 好差评 wire code.
type Level int

const (
	VeryUnsatisfied Level = 1 // 非常不满意
	Unsatisfied     Level = 2 // 不满意
	Fair            Level = 3 // 基本满意
	Satisfied       Level = 4 // 满意
	VerySatisfied   Level = 5 // 非常满意
)

// Valid tells whether l is one of the five.
func (l Level) Valid() bool { return l >= VeryUnsatisfied && l <= VerySatisfied }

// Polarity says which end of a device's scale is the best.
type Polarity int

const (
	BestIsHighest Polarity = iota // 5 is 非常满意, 1 非常不满意
	BestIsLowest                  // 1 is 非常满意, 5 非常不满意
	BestIsZero                    // 0 is 非常满意, 4 非常不满意; JT905 only
)

// level maps a device's key to our scale; the result is not Valid for any other byte.
func (p Polarity) level(key byte) Level {
	switch l := Level(key); p {
	case BestIsLowest:
		return 6 - l
	case BestIsZero:
		return 5 - l
	default:
		return l
	}
}

// Ask is a question to one citizen.
type Ask struct {
	Session [8]byte       // unique a question
	Timeout time.Duration // at most MaxTimeout
}

// MaxTimeout bounds how long one question may stay open: PJ06 counts seconds in a byte.
const MaxTimeout = 255 * time.Second

// Answer is a key pressed in time.
type Answer struct {
	Level  Level
	Millis int // from the question to the key
}

// Evaluator is one device. Its methods may be called from any goroutine.
type Evaluator interface {
	// Ask opens a question and waits for its answer: ErrTimeout when nobody pressed a
	// key. When it returns, the question is closed on the device as well, as far as the
	// device can be reached.
	Ask(ctx context.Context, a Ask) (Answer, error)
	// Welcome puts the device back to its idle face.
	Welcome(ctx context.Context) error
	// Poll asks how the device is. During a question it returns DeviceBusy at once.
	Poll(ctx context.Context) (devices.Status, error)
	// Dropped implements devices.Dropper: answers that belonged to nobody.
	Dropped() uint64
	// Close closes the port; a running Ask comes back with an error.
	Close() error
}

// Errors by which somebody decides.
var (
	ErrTimeout = errors.New("nobody pressed a key")
	ErrClosed  = errors.New("evaluator closed")
	ErrSilent  = errors.New("evaluator does not answer")
	ErrRefused = errors.New("evaluator refused the command")
	ErrAsk     = errors.New("question not possible")
)

// Port is the serial line that the device hangs on. Read returns as soon as there is
// at least one byte, or with ctx's error.
type Port interface {
	Read(ctx context.Context, p []byte) (int, error)
	Write(ctx context.Context, p []byte) (int, error)
	Reset(ctx context.Context) error
	Close() error
}

// Kind is the make of a device.
type Kind string

const (
	EV1   Kind = "ev1"
	PJ06  Kind = "pj06"
	JT905 Kind = "jt905"
)

// Options are what an evaluator needs beside its port. Zero values have defaults.
type Options struct {
	Name     string        // configured name, for devices.Status
	Polarity Polarity      // BestIsHighest
	Reply    time.Duration // 500 ms; how long an acknowledgement may take
	Guard    time.Duration // 300 ms; nameless answers sooner than this after the question are dropped
	Grace    time.Duration // 2 s; how long after an unanswered question the next may not open
	Pause    time.Duration // 1 s; between set-up commands of PJ06
	Vendor   JT905Vendor   // DefaultJT905; how a JT/T 905 device is spoken to
	Now      func() time.Time
}

func (o Options) withDefaults() Options {
	fill := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	fill(&o.Reply, 500*time.Millisecond)
	fill(&o.Guard, 300*time.Millisecond)
	fill(&o.Grace, 2*time.Second)
	fill(&o.Pause, time.Second)
	if o.Vendor == (JT905Vendor{}) {
		o.Vendor = DefaultJT905()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Check says why no evaluator of a kind can be driven with these options, or nil.
func (o Options) Check(kind Kind) error {
	o = o.withDefaults()
	switch {
	case kind != EV1 && kind != PJ06 && kind != JT905:
		return fmt.Errorf("no evaluator of kind %q: ev1, pj06 or jt905", kind)
	case kind != JT905 && o.Polarity == BestIsZero:
		return fmt.Errorf("no key of %s devices is 0", kind) // EV1 says 0 for nobody, and so does a broken line
	case kind == JT905:
		return o.Vendor.check()
	}
	return nil
}

// Open takes over a port. Nothing is sent yet. Its only errors are those of o.Check.
func Open(kind Kind, port Port, o Options) (Evaluator, error) {
	if err := o.Check(kind); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	switch kind {
	case PJ06:
		return newPlain(port, o, &pj06{pause: o.Pause}), nil
	case JT905:
		return newPlain(port, o, &jt905{vendor: o.Vendor}), nil
	default:
		return newEV1(port, o), nil
	}
}

func (a Ask) check() error {
	if a.Timeout <= 0 || a.Timeout > MaxTimeout {
		return fmt.Errorf("%w: time-out %v", ErrAsk, a.Timeout)
	}
	return nil
}
