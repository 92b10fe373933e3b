package devices

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"yeban/devices/serialport"
)

// glance is how long a device is waited for on one of several ports before it is looked
// for on the next. One that is starting, or slow, is found when its port's turn has come
// again: a driver's dial goes on then where it was cut short.
const glance = time.Second

// ErrForeign is another device, by its kind or by its identity, than the one that belongs
// on this port.
var ErrForeign = &Fault{State: Offline, Reason: ReasonForeign, Reopen: true, Text: "another device answers on this port"}

var (
	errSilent   = &Fault{State: PowerOff, Reason: ReasonSilent, Reopen: true, Text: "nothing answers on this port"}
	errGarbled  = &Fault{State: Offline, Reason: ReasonGarbled, Reopen: true, Text: "answers on this port make no sense"}
	errReserved = errors.New("port belongs to a printer that was not found elsewhere")
	errUnproven = errors.New("what hangs on this port cannot say that it is the device")
)

// NewWorkerAt makes a worker that finds its device by itself: on its own port, and where
// that is missing or has another device on it, among the candidates that no other worker
// of ports has. dial opens the port it is given and fails where its kind of device
// certainly does not answer; whether it is the right one is then asked of the driver.
func NewWorkerAt[D Driver](c Config, place Place, ports *Ports, dial func(context.Context, serialport.Config) (D, error)) *Worker[D] {
	w := NewWorker(c, func(context.Context) (d D, err error) { return d, ErrNotReady })
	s := &search[D]{
		worker: w, ports: ports, dial: dial, seen: map[string]string{},
		tenant: &tenant{kind: c.Kind, place: place, wanted: make(chan struct{}, 1)},
	}
	ports.join(s.tenant)
	w.open, w.search = s.open, s
	return w
}

// Port is the name of the port that the device was found on; empty while it is looked
// for, and for a worker without a Place.
func (w *Worker[D]) Port() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.port
}

// search finds a worker's device.
type search[D Driver] struct {
	worker *Worker[D]
	ports  *Ports
	dial   func(context.Context, serialport.Config) (D, error)
	tenant *tenant

	node   string            // held; empty while the device is looked for
	last   string            // path where it was found last
	seen   map[string]string // candidates that are no news, with their nodes
	proven bool              // it has told the identity that is wanted, or none is
	news   <-chan struct{}   // closed when it may be worth looking again; nil after a success
}

// open is the worker's way to a device. The error is what was found on its own port.
func (s *search[D]) open(ctx context.Context) (d D, err error) {
	s.news = s.ports.news()
	home := s.tenant.place.Port.Path
	if d, err = s.try(ctx, home); err == nil || ctx.Err() != nil {
		return d, err
	}
	s.confess(err)
	own, _ := filepath.EvalSymlinks(home)
	asked := map[string]bool{own: true}
	for {
		path, node := s.next(asked)
		if path == "" {
			return d, err
		}
		asked[node] = true
		d, elsewhere := s.try(ctx, path)
		if elsewhere == nil {
			return d, nil
		}
		if ctx.Err() != nil {
			return d, err
		}
		if !unasked(elsewhere) {
			s.seen[path] = node
		}
		s.worker.cfg.Log.Debug("device not here", "port", path, "err", elsewhere)
	}
}

// confess shows what is certainly wrong at home while the device is looked for elsewhere.
func (s *search[D]) confess(err error) {
	if f := Classify(err); f.Reason == ReasonForeign || f.Reason == ReasonNoPort {
		s.worker.board.known(f.State, f.Reason)
	}
}

// next is the candidate to look at: of those not asked one that has just appeared, or
// that had the device last, before any other.
func (s *search[D]) next(asked map[string]bool) (path, node string) {
	there := s.candidates()
	for name, at := range there {
		if asked[at] {
			continue
		}
		fresh := name == s.last || s.seen[name] == ""
		if path == "" || fresh || name < path {
			path, node = name, at
		}
		if fresh {
			break
		}
	}
	return path, node
}

// unasked says whether a port could not even be looked at, for another worker's sake.
func unasked(err error) bool {
	return errors.Is(err, errReserved) || errors.Is(err, errOwned) || errors.Is(err, errProbed)
}

// candidates gives the candidate ports that are there, with their nodes.
func (s *search[D]) candidates() map[string]string {
	there := map[string]string{}
	for _, pattern := range s.tenant.place.Candidates {
		names, err := filepath.Glob(pattern)
		if err != nil {
			s.worker.cfg.Log.Error("candidate ports", "pattern", pattern, "err", err)
		}
		for _, name := range names {
			if node, err := filepath.EvalSymlinks(name); err == nil {
				there[name] = node
			}
		}
	}
	for name, node := range s.seen {
		if there[name] != node {
			delete(s.seen, name)
		}
	}
	return there
}

// try looks for the device on one port, and keeps the port where it is.
func (s *search[D]) try(ctx context.Context, path string) (d D, err error) {
	node, err := filepath.EvalSymlinks(path)
	if err != nil || path == "" {
		return d, fmt.Errorf("%s: %w", path, serialport.ErrNotFound)
	}
	home := path == s.tenant.place.Port.Path
	if !home && s.ports.reserved(node, s.tenant) {
		return d, errReserved
	}
	if err := s.claim(ctx, node); err != nil {
		return d, err
	}
	kept := false
	defer func() {
		if !kept {
			s.ports.release(node, s.tenant)
		}
	}()
	port := s.tenant.place.Port
	port.Path = path
	if s.tenant.kind != Printer {
		if err := s.courtesy(ctx, port); err != nil {
			return d, err
		}
	}
	ctx, cancel := s.briefly(ctx)
	defer cancel()
	if d, err = s.dial(ctx, port); err != nil {
		return d, err
	}
	if err := s.examine(ctx, d, home); err != nil {
		s.worker.guarded("close", d.Close)
		return d, err
	}
	kept = true
	s.keep(path, node, home)
	return d, nil
}

// briefly bounds the time for one port: all there is where there is no other.
func (s *search[D]) briefly(ctx context.Context) (context.Context, context.CancelFunc) {
	if len(s.tenant.place.Candidates) == 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, glance)
}

// claim takes a port. It waits for longer than another worker looks at it: two that gave
// up sooner could keep each other from both their devices for good.
func (s *search[D]) claim(ctx context.Context, node string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*glance)
	defer cancel()
	return s.ports.claim(ctx, node, s.tenant)
}

func (s *search[D]) keep(path, node string, home bool) {
	if !home {
		s.worker.cfg.Log.Warn("device found on another port", "port", path)
	}
	s.node, s.last, s.news = node, path, nil
	s.seen = s.candidates()
	s.ports.settle(node, s.tenant)
	s.worker.mu.Lock()
	defer s.worker.mu.Unlock()
	s.worker.port = path
}

// closed is called when a session has ended and its port is closed.
func (s *search[D]) closed() {
	s.worker.mu.Lock()
	s.worker.port = ""
	s.worker.mu.Unlock()
	s.ports.release(s.node, s.tenant)
	s.node = ""
}

// heard takes note of the device's word.
func (s *search[D]) heard(word Status) {
	s.ports.assure(s.tenant, word.State != Unknown && word.State != PowerOff &&
		word.Reason != ReasonGarbled && word.Reason != ReasonForeign)
}

// examine says whether it is the device that was looked for. On its own port one that
// cannot tell is taken, as there is nothing to the contrary; elsewhere only one that tells.
func (s *search[D]) examine(ctx context.Context, d D, home bool) error {
	s.proven = s.tenant.place.Identity == ""
	if !s.proven {
		err := s.recognise(ctx, d)
		if s.proven || err != nil && (!home || !errors.Is(err, errUnproven)) {
			return err
		}
	}
	s.heard(Status{State: Unknown})
	if home && len(s.tenant.place.Candidates) == 0 {
		return nil // there is no better place: wait for it here
	}
	if !home && !s.proven {
		return errUnproven
	}
	var word Status
	r := s.worker.bounded(ctx, "probe", d, func(ctx context.Context, d D) (err error) {
		word, err = d.Poll(ctx)
		return err
	})
	switch {
	case r.err != nil:
		return r.err
	case word.State == PowerOff:
		return errSilent
	case word.Reason == ReasonGarbled:
		return errGarbled
	case word.Reason == ReasonForeign:
		return ErrForeign
	case word.State == Unknown && !home:
		return errUnproven
	}
	s.heard(word)
	return nil
}

// recognise compares the identity that the device tells with the one that is wanted.
// errUnproven is a device that has none to tell. One that did not answer may be asked
// again: that is no error.
func (s *search[D]) recognise(ctx context.Context, d D) error {
	asked, ok := any(d).(Identifier)
	if !ok {
		return errUnproven
	}
	var told string
	r := s.worker.bounded(ctx, "identity", d, func(ctx context.Context, _ D) (err error) {
		told, err = asked.Identity(ctx)
		return err
	})
	f := s.worker.judge(r.err)
	switch {
	case r.lost, f.Reopen, f.Reason == ReasonWorkerDied:
		return r.err
	case r.err != nil:
		return nil
	case told == "":
		return errUnproven
	case told != s.tenant.place.Identity:
		return fmt.Errorf("%w: identity %s", ErrForeign, told)
	}
	s.proven = true
	return nil
}

// watchful goes on asking who it is, in a session that began with a device that did not
// say, until it says.
func (s *search[D]) watchful(ctx context.Context, d D) error {
	if s.proven {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.worker.cfg.PollTimeout)
	defer cancel()
	err := s.recognise(ctx, d)
	if errors.Is(err, errUnproven) {
		s.proven = true // as far as it ever will be
		return nil
	}
	return err
}
