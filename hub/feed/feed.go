package feed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"yeban/hub/bus"
	"yeban/hub/projector"
	"yeban/hub/store"
	"yeban/sync/record"
)

// Store is what a feed needs of the hub's store.
type Store interface {
	ClaimFeed(ctx context.Context, name, holder string, lease time.Duration) (position int64, ok bool, err error)
	ReleaseFeed(ctx context.Context, name, holder string) error
	FeedAfter(ctx context.Context, after int64, limit int) (items []store.FeedItem, upTo int64, err error)
	MoveFeed(ctx context.Context, name, holder string, from, to int64, delivered bool, refused *store.FeedRefusal) error
	FeedAgain(ctx context.Context, name string, limit int) ([]store.FeedItem, error)
	SettleAgain(ctx context.Context, name, holder string, pos int64, refused *store.FeedRefusal) error
	FeedFailed(ctx context.Context, name, holder, trouble string, patience time.Duration) error
	ResultStore
}

// Sink takes events, one at a time. Deliver returns nil when the back office has the
// event on its own stable storage. A *RefusedError means never, a *LaterError not before
// a time that the sink names; any other error is tried again.
type Sink interface {
	Deliver(ctx context.Context, e *Event) (Answer, error)
}

// RefusedError means that the back office will never take this event.
type RefusedError struct{ Answer string }

func (e *RefusedError) Error() string { return "refused: " + e.Answer }

// LaterError means that the back office wants to be left alone for a while.
type LaterError struct {
	After time.Duration
	Err   error
}

func (e *LaterError) Error() string { return e.Err.Error() }
func (e *LaterError) Unwrap() error { return e.Err }

// Config is one feed. The first block has no defaults.
type Config struct {
	Name   string // of the feed: one back office
	Holder string // of this process
	Store  Store
	Sink   Sink
	Key    *record.PrivateKey
	Log    *slog.Logger

	Hints <-chan string // something was projected; nil: only Poll
	Bus   interface{ Hint(subject string) }
	Poll  time.Duration // look at least this often; 1 s
	Lease time.Duration // of this process on the feed; 30 s
	Min   time.Duration // first pause after a failure; 1 s
	Max   time.Duration // longest; 5 min
	Alarm time.Duration // failing for so long is an alarm; 10 min
	Rand  func() float64
}

func (c Config) withDefaults() Config {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&c.Poll, time.Second}, {&c.Lease, 30 * time.Second}, {&c.Min, time.Second},
		{&c.Max, 5 * time.Minute}, {&c.Alarm, 10 * time.Minute},
	} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	if c.Rand == nil {
		c.Rand = rand.Float64
	}
	c.Log = c.Log.With("feed", c.Name)
	return c
}

// noteWithin bounds how long an end waits for the store.
const noteWithin = 5 * time.Second

// atOnce is how many events are read from the store together.
const atOnce = 64

// Feed delivers to one back office.
type Feed struct {
	cfg      Config
	failures int // in a row
}

// New makes a feed; Run delivers.
func New(cfg Config) *Feed { return &Feed{cfg: cfg.withDefaults()} }

// Run delivers until ctx ends, and returns nil then. It waits while another process
// holds the feed, and for a store or a back office that is away.
func (f *Feed) Run(ctx context.Context) error {
	defer func() {
		soon, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if err := f.cfg.Store.ReleaseFeed(soon, f.cfg.Name, f.cfg.Holder); err != nil {
			f.cfg.Log.Warn("feed is not released; another process waits for the lease to end", "err", err)
		}
	}()
	for ctx.Err() == nil {
		more, err := f.Step(ctx)
		wait := f.cfg.Poll
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			wait = f.failed(ctx, err)
		case more:
			f.failures = 0
			continue
		default:
			f.failures = 0
		}
		f.rest(ctx, wait, err == nil)
	}
	return nil
}

// rest waits; a hint ends it early where there was no failure.
func (f *Feed) rest(ctx context.Context, wait time.Duration, hints bool) {
	t := time.NewTimer(wait)
	defer t.Stop()
	var wake <-chan string
	if hints {
		wake = f.cfg.Hints
	}
	select {
	case <-ctx.Done():
	case <-t.C:
	case <-wake:
	}
}

// failed writes a failure down and says how long to wait.
func (f *Feed) failed(ctx context.Context, err error) time.Duration {
	f.failures++
	wait := min(f.cfg.Max, f.cfg.Min<<min(f.failures-1, 20))
	wait = time.Duration(float64(wait) * (0.5 + f.cfg.Rand()/2))
	if later, ok := errors.AsType[*LaterError](err); ok {
		wait = max(wait, min(later.After, time.Hour))
	}
	if errors.Is(err, store.ErrFenced) {
		f.cfg.Log.Info("another process delivers this feed now")
		return wait
	}
	f.cfg.Log.Warn("feed not delivered", "err", err, "failures", f.failures, "next_try_in", wait.Round(time.Millisecond))
	if e := f.cfg.Store.FeedFailed(ctx, f.cfg.Name, f.cfg.Holder, err.Error(), f.cfg.Alarm); e != nil && !errors.Is(e, store.ErrNotFound) {
		f.cfg.Log.Error("feed's failure not noted", "err", e)
	}
	return wait
}

// Step delivers what is to be delivered again and the next run of events, and says
// whether there may be more at once.
func (f *Feed) Step(ctx context.Context) (more bool, err error) {
	c := &f.cfg
	at, ok, err := c.Store.ClaimFeed(ctx, c.Name, c.Holder, c.Lease)
	if err != nil || !ok {
		return false, err
	}
	claimed := time.Now()
	again, err := c.Store.FeedAgain(ctx, c.Name, atOnce)
	if err != nil {
		return false, err
	}
	items, upTo, err := c.Store.FeedAfter(ctx, at, atOnce)
	if err != nil {
		return false, err
	}
	for i, item := range slices.Concat(again, items) {
		if time.Since(claimed) > c.Lease/3 {
			return true, nil // claims again
		}
		// A delivery must be over, one way or the other, before the lease is.
		bounded, cancel := context.WithTimeout(ctx, c.Lease/2)
		err := f.deliver(bounded, &item, func(ctx context.Context, refused *store.FeedRefusal) error {
			if i < len(again) {
				return c.Store.SettleAgain(ctx, c.Name, c.Holder, item.Pos, refused)
			}
			from := at
			at = item.Pos
			return c.Store.MoveFeed(ctx, c.Name, c.Holder, from, at, refused == nil, refused)
		})
		cancel()
		if err != nil {
			return false, err
		}
	}
	if upTo > at {
		if err := c.Store.MoveFeed(ctx, c.Name, c.Holder, at, upTo, false, nil); err != nil {
			return false, err
		}
	}
	return len(again) == atOnce || len(items) == atOnce, nil
}

// deliver hands one item to the sink and has noted what became of it.
func (f *Feed) deliver(ctx context.Context, item *store.FeedItem, note func(context.Context, *store.FeedRefusal) error) error {
	c := &f.cfg
	var refusal *store.FeedRefusal
	event, err := open(c.Key, item)
	if unreadable, ok := errors.AsType[*projector.Unreadable](err); ok && unreadable.Ours() {
		return fmt.Errorf("open record %s at %d, which the projector could: %w", item.Entry.ID, item.Pos, err)
	}
	var answer Answer
	if err == nil {
		answer, err = c.Sink.Deliver(ctx, &event)
		if refused, ok := errors.AsType[*RefusedError](err); ok {
			c.Log.Error("back office refused a record; it waits for a person", "id", event.ID, "pos", event.Position, "answer", refused.Answer)
			refusal = &store.FeedRefusal{Pos: item.Pos, ID: item.Entry.ID, Answer: refused.Answer}
			err = nil
		}
		if err != nil {
			return fmt.Errorf("deliver %s at %d: %w", event.ID, event.Position, err)
		}
	} else {
		refusal = &store.FeedRefusal{Pos: item.Pos, ID: item.Entry.ID, Answer: err.Error()}
	}
	// The back office has it: that is noted even when the process is told to end now.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteWithin)
	defer cancel()
	if err := Apply(ctx, c.Store, c.Bus, c.Name, answer.Results); err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return note(ctx, refusal)
}

// Apply keeps what the back office said. ErrNotFound means that one of the results names
// no application that this hub has; the others are kept all the same.
func Apply(ctx context.Context, st ResultStore, hints interface{ Hint(subject string) }, source string, all []Result) error {
	var unknown error
	moved := false
	for i := range all {
		r := &all[i]
		changed, err := st.SaveResult(ctx, store.Result{
			Application: r.Application, Receipt: r.ReceiptNumber, State: r.State, Reason: r.Reason, At: r.At, Source: source,
		})
		switch {
		case errors.Is(err, store.ErrNotFound):
			unknown = fmt.Errorf("result %d: %w", i+1, err)
		case err != nil:
			return err
		}
		moved = moved || changed
	}
	if moved && hints != nil {
		hints.Hint(bus.Projected)
	}
	return unknown
}
