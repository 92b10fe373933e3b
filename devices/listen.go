package devices

import (
	"context"
	"time"
)

// listenGap is how long after a poll the Worker begins to listen. What is said meanwhile
// waits in the port.
const listenGap = 20 * time.Millisecond

// attention is how eagerly a device is listened to. One that keeps speaking while
// nothing has changed is listened to less and less, down to the pace of polling.
type attention struct {
	gap   time.Duration
	heard bool // the poll that comes is due to what was heard
}

// polled takes note of a poll.
func (a *attention) polled(changed bool, every time.Duration) {
	switch {
	case a.heard && !changed:
		a.gap = min(2*a.gap, every)
	case a.heard:
		a.gap = listenGap
	default:
		a.gap = max(a.gap/2, listenGap)
	}
	a.heard = false
}

// listen has the driver listen, where it can. heard gives one value when that ended by
// itself: nil when the device spoke, else why the port is lost. hush ends it and returns
// when the driver is free again; its error, too, says that the port is lost.
func (w *Worker[D]) listen(ctx context.Context, d D, gap time.Duration) (heard <-chan error, hush func() error) {
	l, ok := any(d).(Listener)
	if !ok {
		return nil, func() error { return nil }
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		defer cancel()
		ended <- w.overhear(ctx, d, l, gap)
	}()
	return ended, func() error { cancel(); return <-ended }
}

// overhear returns nil when the device spoke or ctx ended, and an error when the port is
// lost. Any other failure to hear is the next poll's to find.
func (w *Worker[D]) overhear(ctx context.Context, d D, l Listener, gap time.Duration) error {
	select {
	case <-ctx.Done():
		return nil
	case <-w.cfg.Clock.After(gap):
	}
	r := w.bounded(ctx, "listen", d, func(ctx context.Context, _ D) error { return l.Listen(ctx) })
	if r.err == nil {
		w.count(func(s *Stats) { s.Heard++ })
		return nil
	}
	if f := w.judge(r.err); r.lost || f.Reopen || f.Reason == ReasonWorkerDied {
		return r.err
	}
	<-ctx.Done()
	return nil
}
