package devices

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"
)

// Driver speaks with one device on one open port. Only its Worker calls it, and whom
// the Worker lends it to; never two at a time.
type Driver interface {
	// Poll asks the device for its condition. A fault that the device itself tells is
	// a Status; an error means that no word came, and Classify says what that means.
	Poll(ctx context.Context) (Status, error)
	// Close frees the port. It may be called while a call of the driver is running,
	// which it must end, and more than once.
	Close() error
}

// Listener is a Driver that can hear what its device says unasked. While the device is
// idle its Worker listens until the next poll or lease is due.
type Listener interface {
	// Listen waits until the device has said something, and returns nil: the Worker
	// polls at once. It returns ctx's error where that ended first, and then nobody
	// reads from the port any more; another error means what it means in Poll.
	Listen(ctx context.Context) error
}

// Dropper is a Driver that counts the answers that its device gave to nobody: late, twice
// or unasked. They are dropped. Dropped may be called at any time.
type Dropper interface {
	Dropped() uint64
}

// Clock is where a Worker gets its time from, other than the deadlines of contexts.
type Clock interface {
	Now() time.Time
	After(time.Duration) <-chan time.Time
}

type realClock struct{}

func (realClock) Now() time.Time                         { return time.Now() }
func (realClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

// Config is how a Worker looks after its device. A zero field takes its default.
type Config struct {
	Name string // as configured: reader, printer-left
	Kind Kind

	PollEvery      time.Duration // 500 ms: between the end of a poll and the next
	PollTimeout    time.Duration // 5 s: for one poll
	OpenTimeout    time.Duration // 10 s: for opening and probing
	StaleAfter     time.Duration // 10 s: a status that old is Unknown
	CommandTimeout time.Duration // 2 min: the longest that one Use may take
	Grace          time.Duration // 2 s: how long a command may outstay its deadline
	PollFailures   int           // 3: in a row, until the port is opened anew
	Backoff        Backoff

	Clock Clock
	Rand  func() float64 // jitter, in [0,1)
	Log   *slog.Logger
}

// Backoff is when a port that failed is opened again.
type Backoff struct {
	Presence time.Duration // 500 ms: while the port is missing; looking costs nothing
	Min, Max time.Duration // 250 ms, 3 s: full jitter under a doubling bound
	Failures int           // 6: in a row, until the breaker opens
	Hold     time.Duration // 15 s: while it is open, and after a permanent error
}

func (c Config) withDefaults() Config {
	set := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	set(&c.PollEvery, 500*time.Millisecond)
	set(&c.PollTimeout, 5*time.Second)
	set(&c.OpenTimeout, 10*time.Second)
	set(&c.StaleAfter, 10*time.Second)
	set(&c.CommandTimeout, 2*time.Minute)
	set(&c.Grace, 2*time.Second)
	set(&c.Backoff.Presence, 500*time.Millisecond)
	set(&c.Backoff.Min, 250*time.Millisecond)
	set(&c.Backoff.Max, 3*time.Second)
	set(&c.Backoff.Hold, 15*time.Second)
	if c.PollFailures <= 0 {
		c.PollFailures = 3
	}
	if c.Backoff.Failures <= 0 {
		c.Backoff.Failures = 6
	}
	if c.Clock == nil {
		c.Clock = realClock{}
	}
	if c.Rand == nil {
		c.Rand = rand.Float64
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.Log = c.Log.With("device", c.Name)
	return c
}
