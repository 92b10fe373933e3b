package link

import (
	"sync"
	"time"
)

// State is how the link stands.
type State struct {
	Connected    bool
	Since        time.Time     // of the present connection or disconnection
	Err          error         // why the last conversation ended; nil while connected
	NextTry      time.Time     // when not connected
	ClockOffset  time.Duration // hub's clock minus ours, as of the last Welcome
	Fence        uint64        // of the last Welcome
	Conflicts    int           // epochs begun since the start; more than 0 is an alarm
	LastConflict *ConflictError

	hub   time.Time // what the hub's clock said in the last Welcome
	asked time.Time // when that was, with a monotonic reading
}

// State is the present one.
func (l *Link) State() State { return l.watch.get() }

// HubTime is the hub's clock, as far as the last Welcome tells; false before the first.
// Unlike ClockOffset it stays right when this machine's clock is set.
func (l *Link) HubTime() (now time.Time, known bool) {
	s := l.State()
	if s.hub.IsZero() {
		return now, false
	}
	return s.hub.Add(time.Since(s.asked)), true
}

// Subscribe gives a channel that receives the present state at once and every later
// one; a slow reader sees the latest only. Call stop when done.
func (l *Link) Subscribe() (states <-chan State, stop func()) { return l.watch.subscribe() }

// watch is a value that can be followed.
type watch struct {
	mu    sync.Mutex
	state State
	subs  map[chan State]struct{}
}

func (w *watch) get() State {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state
}

func (w *watch) set(change func(*State)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(&w.state)
	for sub := range w.subs {
		select { // make room: only the latest counts, and only we send
		case <-sub:
		default:
		}
		sub <- w.state
	}
}

func (w *watch) subscribe() (<-chan State, func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	sub := make(chan State, 1)
	sub <- w.state
	if w.subs == nil {
		w.subs = map[chan State]struct{}{}
	}
	w.subs[sub] = struct{}{}
	return sub, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.subs, sub)
	}
}
