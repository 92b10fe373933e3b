package devices

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
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
	dropped uint64 // of the session's answers, those in stats
	port    string
	stats   Stats
}

// session is one open port, from opening to loss.
type session[D Driver] struct {
	driver   D
	requests chan lease
	ended    chan struct{}
	life     context.Context // of the worker

	attention attention
}

// Errors of Use that are not the borrower's own, and of Run.
var (
	ErrPanic   = errors.New("device driver panicked")
	ErrStuck   = errors.New("device command did not end")
	ErrRunning = errors.New("device worker already running")
)

// errReopen ends a session because Reopen asked for it. It says nothing of the device.
var errReopen = errors.New("port is to be opened anew")

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

// Reopen opens the port anew: a lost one now rather than when its back-off ends, an open
// one once the command that has it, if any, is over. It is for staff who have just mended
// something, or see a device that answers and does not work; it does not wait.
func (w *Worker[D]) Reopen() {
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
		lasted, err := w.serve(ctx)
		if ctx.Err() != nil {
			break
		}
		if errors.Is(err, errReopen) {
			w.count(func(s *Stats) { s.Reopens++ })
			w.board.known(Starting, ReasonReopened)
			continue
		}
		wait := w.cfg.Backoff.Presence
		if !errors.Is(err, errYield) {
			wait = w.lost(err, lasted)
		}
		select {
		case <-ctx.Done():
		case <-w.cfg.Clock.After(wait):
		case <-w.kick:
			w.count(func(s *Stats) { s.Reopens++ })
		case <-w.news():
		}
	}
	w.board.known(Unknown, ReasonNone)
	return nil
}

// lost takes note of how a session ended that lasted so long, and says how long to wait
// before the next.
func (w *Worker[D]) lost(err error, lasted time.Duration) (wait time.Duration) {
	f := w.judge(err)
	w.board.known(f.State, f.Reason)
	wait, held := w.retry.after(f, lasted)
	if held {
		w.count(func(s *Stats) { s.Breaks++ })
	}
	w.cfg.Log.Debug("device lost", "err", err, "wait", wait, "held", held)
	return wait
}

// wanted has a value when another worker wants to look at the port of a device that has
// not said a word.
func (w *Worker[D]) wanted() <-chan struct{} {
	if w.search == nil {
		return nil
	}
	return w.search.tenant.wanted
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

// serve opens the port and works until it is lost; the error says how, and lasted how long
// after it was opened.
func (w *Worker[D]) serve(ctx context.Context) (lasted time.Duration, err error) {
	d, err := w.opened(ctx)
	if err != nil {
		return 0, err
	}
	since := w.cfg.Clock.Now()
	w.count(func(s *Stats) { s.Opens++ })
	select {
	case <-w.kick: // it has just been opened anew
	default:
	}
	err = w.attend(ctx, d)
	return w.cfg.Clock.Now().Sub(since), err
}

// attend polls the device on the open port, and lends it, until the port is lost.
func (w *Worker[D]) attend(ctx context.Context, d D) error {
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
			w.search.heard(word)
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
		w.tally(d)
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
	case <-w.wanted():
		if lost := hush(); lost != nil {
			return lost
		}
		return errYield
	case <-w.kick:
		if lost := hush(); lost != nil {
			return lost
		}
		return errReopen
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
	w.tally(d)
	w.count(func(*Stats) { w.dropped = 0 })
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

// opened gives a driver on an open port, or fails in time.
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
