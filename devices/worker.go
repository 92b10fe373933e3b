package devices

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// Worker owns one port and the device on it: it opens, polls, and opens again
// whatever happens, and lends the driver to one caller at a time.
type Worker[D Driver] struct {
	cfg   Config
	open  func(context.Context) (D, error)
	board *board
	retry retry
	kick  chan struct{}
	// search opens the device where the worker was told its Place; else nil.
	search *search[D]

	running atomic.Bool
	mu      sync.Mutex
	session *session[D] // nil while the port is not open
	able    Capabilities
	port    string
	stats   Stats
}

// Stats counts what a Worker went through since it was made.
type Stats struct {
	Opens        int // ports opened and lost again, but for the present one
	Polls        int
	PollFailures int
	Heard        int // times that the device spoke unasked, and was polled at once
	Uses         int
	Panics       int // of the driver or of who borrowed it; the driver was restarted
	Abandoned    int // commands that did not end even when their port was closed
	Breaks       int // times that the breaker opened
}

// session is one open port, from opening to loss.
type session[D Driver] struct {
	driver   D
	requests chan lease
	ended    chan struct{}
	life     context.Context // of the worker

	attention attention
}

// Errors of Use that are not the borrower's own.
var (
	ErrPanic   = errors.New("device driver panicked")
	ErrStuck   = errors.New("device command did not end")
	ErrRunning = errors.New("device worker already running")
)

// NewWorker makes a worker that opens its device with open. It does nothing before Run.
func NewWorker[D Driver](c Config, open func(context.Context) (D, error)) *Worker[D] {
	c = c.withDefaults()
	return &Worker[D]{
		cfg: c, open: open, board: newBoard(c), kick: make(chan struct{}, 1),
		retry: retry{Backoff: c.Backoff, rand: c.Rand},
	}
}

// Status is the device's condition now. One that was not renewed in time is Unknown.
func (w *Worker[D]) Status() Status { return w.board.read() }

// Subscribe sends the present status and then every difference, numbered by Seq. A
// subscriber that does not keep up loses the oldest. cancel closes the channel.
func (w *Worker[D]) Subscribe() (updates <-chan Status, cancel func()) { return w.board.subscribe() }

// Stats gives the counts so far.
func (w *Worker[D]) Stats() Stats {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stats
}

func (w *Worker[D]) count(f func(*Stats)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f(&w.stats)
}

// Retry opens a lost port now rather than when its back-off ends: for staff who have
// just mended something.
func (w *Worker[D]) Retry() {
	select {
	case w.kick <- struct{}{}:
	default:
	}
}

// Run looks after the device until ctx ends, and then frees the port and returns nil.
func (w *Worker[D]) Run(ctx context.Context) error {
	if !w.running.CompareAndSwap(false, true) {
		return ErrRunning
	}
	defer w.running.Store(false)
	var watch sync.WaitGroup
	inner, stop := context.WithCancel(ctx)
	watch.Go(func() { w.watchAge(inner) })
	defer watch.Wait()
	defer stop()
	w.board.known(Starting, ReasonNone)
	for ctx.Err() == nil {
		start := w.cfg.Clock.Now()
		err := w.serve(ctx)
		if ctx.Err() != nil {
			break
		}
		f := w.judge(err)
		w.board.known(f.State, f.Reason)
		wait, held := w.retry.after(f, w.cfg.Clock.Now().Sub(start))
		if held {
			w.count(func(s *Stats) { s.Breaks++ })
		}
		w.cfg.Log.Debug("device lost", "err", err, "wait", wait, "held", held)
		select {
		case <-ctx.Done():
		case <-w.cfg.Clock.After(wait):
		case <-w.kick:
		case <-w.news():
		}
	}
	w.board.known(Unknown, ReasonNone)
	return nil
}

// news is closed when another worker found or lost its device, where that may help.
func (w *Worker[D]) news() <-chan struct{} {
	if w.search == nil {
		return nil
	}
	return w.search.news
}

// judge says what the end of a session means for the device.
func (w *Worker[D]) judge(err error) Fault {
	f := Classify(err)
	switch {
	case errors.Is(err, ErrPanic), errors.Is(err, ErrStuck):
		f.Reason = ReasonWorkerDied
	case f.State == Unknown && f.Reason == ReasonNone && errors.Is(err, context.DeadlineExceeded):
		f.State, f.Reason = PowerOff, ReasonSilent
	}
	return f
}

// watchAge publishes a status' going stale even when nobody asks.
func (w *Worker[D]) watchAge(ctx context.Context) {
	for {
		wait := w.board.ageing()
		if wait == 0 {
			wait = w.cfg.StaleAfter
		}
		select {
		case <-ctx.Done():
			return
		case <-w.cfg.Clock.After(wait):
		}
	}
}

// serve opens the port and works until it is lost; the error says how.
func (w *Worker[D]) serve(ctx context.Context) error {
	d, err := w.opened(ctx)
	if err != nil {
		return err
	}
	w.count(func(s *Stats) { s.Opens++ })
	s := &session[D]{
		driver: d, requests: make(chan lease), ended: make(chan struct{}), life: ctx,
	}
	defer w.closed(d)
	for entered := false; ; {
		word, err := w.poll(ctx, d)
		if err != nil {
			return err
		}
		if w.search != nil {
			if err := w.search.watchful(ctx, d); err != nil {
				return err
			}
		}
		if !entered { // before the status is out: who sees Online may Use
			w.enter(s)
			defer w.leave(s)
			entered = true
		}
		w.learn(d) // before the status is out, too
		s.attention.polled(w.board.said(word), w.cfg.PollEvery)
		if err := w.idle(ctx, s); err != nil {
			return err
		}
	}
}

// idle listens, where the driver can, and returns nil when it is time to poll: as the
// device spoke, as the time came, or after a lease. An error ends the session.
func (w *Worker[D]) idle(ctx context.Context, s *session[D]) error {
	heard, hush := w.listen(ctx, s.driver, s.attention.gap)
	select {
	case <-ctx.Done():
		hush()
		return ctx.Err()
	case err := <-heard:
		s.attention.heard = true
		return err
	case <-w.cfg.Clock.After(w.cfg.PollEvery):
		return hush()
	case l := <-s.requests:
		// Granted even if the port was just lost: the borrower is told so by the driver.
		lost := hush()
		w.board.known(DeviceBusy, ReasonNone)
		close(l.granted)
		r := <-l.done
		if f := w.judge(r.err); r.lost || f.Reopen || f.Reason == ReasonWorkerDied {
			return r.err
		}
		return lost
	}
}

// closed ends a session.
func (w *Worker[D]) closed(d D) {
	w.guarded("close", d.Close)
	if w.search != nil {
		w.search.closed()
	}
}

func (w *Worker[D]) enter(s *session[D]) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.session = s
}

func (w *Worker[D]) leave(s *session[D]) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.session, w.able = nil, nil
	close(s.ended)
}

func (w *Worker[D]) opened(ctx context.Context) (d D, err error) {
	ctx, cancel := context.WithTimeout(ctx, w.cfg.OpenTimeout)
	defer cancel()
	err = w.guarded("open", func() (err error) {
		d, err = w.open(ctx)
		return err
	})
	return d, err
}

// poll asks for the device's condition, at once again where no word came: one lost
// answer is no news. It gives an error when the port must be opened anew.
func (w *Worker[D]) poll(ctx context.Context, d D) (Status, error) {
	for failures := 1; ; failures++ {
		s, err := w.pollOnce(ctx, d)
		if err == nil || ctx.Err() != nil {
			return s, ctx.Err()
		}
		w.count(func(s *Stats) { s.PollFailures++ })
		f := w.judge(err)
		if f.Reopen || f.Reason == ReasonWorkerDied || failures >= w.cfg.PollFailures {
			return s, err
		}
		if failures > 1 {
			w.board.known(f.State, f.Reason)
		}
	}
}

func (w *Worker[D]) pollOnce(ctx context.Context, d D) (Status, error) {
	ctx, cancel := context.WithTimeout(ctx, w.cfg.PollTimeout)
	defer cancel()
	w.count(func(s *Stats) { s.Polls++ })
	said := make(chan Status, 1) // left behind by a poll that does not end
	r := w.bounded(ctx, "poll", d, func(ctx context.Context, d D) error {
		s, err := d.Poll(ctx)
		said <- s
		return err
	})
	if r.err != nil {
		return Status{}, r.err
	}
	return <-said, nil
}

// guarded turns a driver's panic into ErrPanic.
func (w *Worker[D]) guarded(what string, f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			w.count(func(s *Stats) { s.Panics++ })
			// The value may quote a card; the stack tells where, and no more.
			w.cfg.Log.Error("device driver panicked", "in", what, "type", fmt.Sprintf("%T", v), "stack", string(debug.Stack()))
			err = fmt.Errorf("%s: %w", what, ErrPanic)
		}
	}()
	return f()
}
