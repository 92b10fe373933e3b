package simulator

import (
	"fmt"
	"sync"
	"time"
)

// Evaluator is a rating device with five keys.
type Evaluator struct {
	line  *line
	emit  func(Event)
	inner dialect

	mu      sync.Mutex
	serial  string // that an EV1 device tells
	faults  EvaluatorFaults
	ownBaud int
	window  *window // nil: nobody is asked
	last    Session // of the window that closed last
	asked   int
	greeted int
	timers  map[*time.Timer]struct{}
	repeat  *time.Timer
	events  []Event
}

// Session identifies one question to one citizen.
type Session [8]byte

// window is an open question.
type window struct {
	session Session
	opened  time.Time
	timer   *time.Timer
}

// dialect is the protocol of one make. Its methods are called under the evaluator's lock.
type dialect interface {
	// hear takes what the host said.
	hear(e *Evaluator, p []byte)
	// result is what a pressed key sounds like.
	result(session Session, level int, after time.Duration) []byte
	// expired is said when nobody pressed a key in time; nil for nothing.
	expired(session Session) []byte
	// reset is what a loss of power does.
	reset()
	// acknowledged tells whether a result that was said needs no repeating.
	acknowledged() bool
}

func newEvaluator(cfg Config, emit func(Event)) (*Evaluator, error) {
	e := &Evaluator{emit: emit, ownBaud: cfg.EvaluatorBaud, serial: "EV1-0000001", timers: make(map[*time.Timer]struct{})}
	switch cfg.Evaluator {
	case EV1:
		e.inner = &ev1Dialect{}
	case PJ06:
		e.inner = &pj06Dialect{}
	case JT905:
		e.inner = &jt905Dialect{to: cfg.JT905}
	default:
		return nil, fmt.Errorf("simulator: no evaluator speaks %q", cfg.Evaluator)
	}
	e.line = newLine(cfg.Dir, "evaluator", cfg.EvaluatorBaud, cfg.Speed, e)
	return e, nil
}

// Press presses a key: 1 very unsatisfied … 5 very satisfied. Outside a question the
// device says nothing, unless a fault makes it.
func (e *Evaluator) Press(level int) error {
	if level < 1 || level > 5 {
		return fmt.Errorf("simulator: no key %d", level)
	}
	e.mu.Lock()
	defer e.unlock()
	e.note("pressed")
	if e.faults.Reversed {
		level = 6 - level
	}
	if e.faults.FromZero {
		level--
	}
	session, after := e.last, time.Duration(0)
	if e.window != nil {
		session, after = e.window.session, time.Since(e.window.opened)
		e.shut()
	} else if !e.faults.Unasked {
		return nil
	}
	said := e.inner.result(session, level, after)
	if d := e.faults.LateBy.D(); d > 0 {
		e.later(d, func() { e.sayResult(said) })
		return nil
	}
	e.sayResult(said)
	return nil
}

// Asking tells whether a question is open.
func (e *Evaluator) Asking() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.window != nil
}

// Asked counts the questions since the start.
func (e *Evaluator) Asked() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.asked
}

// Greeted counts how often an EV1 device was asked for HELLO since the start.
func (e *Evaluator) Greeted() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.greeted
}

// Faults are the faults in force.
func (e *Evaluator) Faults() EvaluatorFaults {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.faults
}

// SetFaults replaces the faults in force.
func (e *Evaluator) SetFaults(f EvaluatorFaults) {
	e.mu.Lock()
	defer e.unlock()
	e.faults = f
	e.tune()
	e.note("faults")
}

// Restart takes the device's power and gives it back at once, which nothing on the line
// shows: it forgets its question and all that it was told.
func (e *Evaluator) Restart() { e.Exchange("") }

// Exchange puts another device on the same cable, as quickly as Restart. An empty serial
// number is that of the device before.
func (e *Evaluator) Exchange(serial string) {
	e.mu.Lock()
	defer e.unlock()
	if serial != "" {
		e.serial = serial
	}
	e.shut()
	e.inner.reset()
	e.note("restarted")
}

// SayRaw makes the device say bytes that nobody asked for.
func (e *Evaluator) SayRaw(b ...byte) { e.line.send(segment{data: b}) }

func (e *Evaluator) tune() {
	if e.faults.BootBaud != 0 {
		e.line.baud.Store(int64(e.faults.BootBaud))
	} else {
		e.line.baud.Store(int64(e.ownBaud))
	}
}

// open starts a question. A question that is open is replaced.
func (e *Evaluator) open(s Session, timeout time.Duration) {
	e.shut()
	e.asked++
	w := &window{session: s, opened: time.Now()}
	e.window = w
	if timeout > 0 {
		w.timer = e.later(timeout, func() {
			if e.window != w {
				return
			}
			e.shut()
			e.note("expired")
			if said := e.inner.expired(s); said != nil {
				e.say(said)
			}
		})
	}
	e.note("asked")
}

// shut ends the open question.
func (e *Evaluator) shut() {
	if e.window == nil {
		return
	}
	e.last = e.window.session
	if e.window.timer != nil {
		e.forget(e.window.timer)
	}
	e.window = nil
	e.note("shut")
}

// sayResult says a result, and again until it was acknowledged, for makes that wait for
// that.
func (e *Evaluator) sayResult(said []byte) {
	const pause, most = 300 * time.Millisecond, 10
	e.say(said)
	if e.faults.Twice {
		e.say(said)
	}
	var again func(n int) *time.Timer
	again = func(n int) *time.Timer {
		return e.later(pause, func() {
			if n < most && !e.inner.acknowledged() {
				e.say(said)
				e.repeat = again(n + 1)
			}
		})
	}
	if e.repeat != nil {
		e.forget(e.repeat)
		e.repeat = nil
	}
	if !e.inner.acknowledged() {
		e.repeat = again(1)
	}
}

// later runs f under the lock after device time d.
func (e *Evaluator) later(d time.Duration, f func()) *time.Timer {
	var t *time.Timer
	t = time.AfterFunc(e.line.scale(d), func() {
		e.mu.Lock()
		defer e.unlock()
		if _, live := e.timers[t]; live {
			delete(e.timers, t)
			f()
		}
	})
	e.timers[t] = struct{}{}
	return t
}

func (e *Evaluator) forget(t *time.Timer) {
	t.Stop()
	delete(e.timers, t)
}

// stop ends all timers; used when the bench closes.
func (e *Evaluator) stop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for t := range e.timers {
		e.forget(t)
	}
}

func (e *Evaluator) say(b []byte) {
	if !e.faults.Mute {
		e.line.send(segment{data: append([]byte(nil), b...)})
	}
}

func (e *Evaluator) note(name string) { e.events = append(e.events, Event{e.line.name, name}) }

func (e *Evaluator) unlock() {
	events := e.events
	e.events = nil
	e.mu.Unlock()
	for _, ev := range events {
		e.emit(ev)
	}
}

func (e *Evaluator) pulled() {
	e.mu.Lock()
	defer e.unlock()
	e.shut()
	e.note("unplugged")
}

func (e *Evaluator) space() int { return 1 << 10 }

func (e *Evaluator) plugged() {
	e.mu.Lock()
	defer e.unlock()
	e.shut()
	e.inner.reset()
	e.tune()
	e.note("plugged")
}

func (e *Evaluator) receive(p []byte) {
	e.mu.Lock()
	defer e.unlock()
	e.inner.hear(e, p)
}
