package simulator

import (
	"errors"
	"fmt"
	"os"
	"sync"
)

// EvaluatorKind is the protocol that the simulated evaluator speaks.
type EvaluatorKind string

const (
	EV1   EvaluatorKind = "ev1"
	PJ06  EvaluatorKind = "pj06"
	JT905 EvaluatorKind = "jt905"
)

// ReaderFamily is how the simulated reader wraps its messages.
type ReaderFamily string

const (
	SAMV ReaderFamily = "samv"
	STX  ReaderFamily = "stx"
)

// Config says what hangs on the bench. The zero value of each field but Dir has a
// default, see withDefaults.
type Config struct {
	Dir       string        // where the ports appear; made if missing
	Speed     float64       // how many times faster than the wire; 1
	Width     int           // paper in millimetres, 58 or 80; 80
	Reader    ReaderFamily  // SAMV
	Buffer    int           // the printer's receive buffer in bytes; 4096
	Evaluator EvaluatorKind // EV1
	JT905     [2]byte       // device and vendor byte of a JT905 evaluator; 06 01

	ReaderBaud    int // 115200
	PrinterBaud   int // 115200
	EvaluatorBaud int // 9600

	Font []byte // a TTF for Printer.Image; without it text is drawn as grey bars
}

func (c Config) withDefaults() Config {
	if c.Speed <= 0 {
		c.Speed = 1
	}
	if c.Width == 0 {
		c.Width = 80
	}
	if c.Buffer == 0 {
		c.Buffer = 4096
	}
	if c.Reader == "" {
		c.Reader = SAMV
	}
	if c.JT905 == [2]byte{} {
		c.JT905 = [2]byte{0x06, 0x01}
	}
	if c.Evaluator == "" {
		c.Evaluator = EV1
	}
	if c.ReaderBaud == 0 {
		c.ReaderBaud = 115200
	}
	if c.PrinterBaud == 0 {
		c.PrinterBaud = 115200
	}
	if c.EvaluatorBaud == 0 {
		c.EvaluatorBaud = 9600
	}
	return c
}

// Bench is the three devices of a terminal.
type Bench struct {
	Reader    *Reader
	Printer   *Printer
	Evaluator *Evaluator

	events hub
}

// New plugs in a reader, a printer and an evaluator. Close unplugs them.
func New(cfg Config) (*Bench, error) {
	cfg = cfg.withDefaults()
	if cfg.Width != 58 && cfg.Width != 80 {
		return nil, fmt.Errorf("simulator: no paper is %d mm wide here", cfg.Width)
	}
	if cfg.Reader != SAMV && cfg.Reader != STX {
		return nil, fmt.Errorf("simulator: no reader of family %q", cfg.Reader)
	}
	if cfg.Buffer < 0 {
		return nil, fmt.Errorf("simulator: buffer of %d bytes", cfg.Buffer)
	}
	if err := os.MkdirAll(cfg.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("simulator: make port folder: %w", err)
	}
	b := &Bench{}
	face, err := newTypeface(cfg.Font)
	if err != nil {
		return nil, err
	}
	b.Reader = newReader(cfg, b.events.emit)
	b.Printer = newPrinter(cfg, face, b.events.emit)
	if b.Evaluator, err = newEvaluator(cfg, b.events.emit); err != nil {
		return nil, err
	}
	for _, l := range b.lines() {
		if err := l.plug(""); err != nil {
			b.Close()
			return nil, err
		}
	}
	return b, nil
}

// Close unplugs everything and waits for the devices to stop.
func (b *Bench) Close() error {
	for _, l := range b.lines() {
		l.unplug()
	}
	for _, l := range b.lines() {
		l.wait()
	}
	b.Evaluator.stop()
	return nil
}

func (b *Bench) lines() []*line {
	return []*line{b.Reader.line, b.Printer.line, b.Evaluator.line}
}

// line finds a device's line by the device's name.
func (b *Bench) line(device string) (*line, error) {
	for _, l := range b.lines() {
		if l.name == device {
			return l, nil
		}
	}
	return nil, fmt.Errorf("simulator: no device %q", device)
}

// Unplug pulls a device's cable: its port disappears. The device is idcard, printer
// or evaluator.
func (b *Bench) Unplug(device string) error {
	l, err := b.line(device)
	if err != nil {
		return err
	}
	l.unplug()
	l.device.pulled()
	return nil
}

// Plug puts a device's cable in, on a fresh pseudo-terminal. With as it comes back
// under another name, or under the name of another device's port.
func (b *Bench) Plug(device, as string) error {
	l, err := b.line(device)
	if err != nil {
		return err
	}
	return l.plug(as)
}

// Plugged tells whether a device's cable is in.
func (b *Bench) Plugged(device string) bool {
	l, err := b.line(device)
	return err == nil && l.in()
}

// Event is something that happened on the bench, e.g. {"printer", "cut"}.
type Event struct {
	Device string `json:"device"`
	Name   string `json:"name"`
}

// String is the event as scenarios name it: printer.cut.
func (e Event) String() string { return e.Device + "." + e.Name }

// Watch calls f on each event until stop is called. f runs on a device's goroutine and
// must not block; it may call the device.
func (b *Bench) Watch(f func(Event)) (stop func()) { return b.events.watch(f) }

// hub hands events to watchers.
type hub struct {
	mu       sync.Mutex
	next     int
	watchers map[int]func(Event)
}

func (h *hub) watch(f func(Event)) (stop func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.watchers == nil {
		h.watchers = make(map[int]func(Event))
	}
	id := h.next
	h.next++
	h.watchers[id] = f
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.watchers, id)
	}
}

func (h *hub) emit(e Event) {
	h.mu.Lock()
	fs := make([]func(Event), 0, len(h.watchers))
	for _, f := range h.watchers {
		fs = append(fs, f)
	}
	h.mu.Unlock()
	for _, f := range fs {
		f(e)
	}
}

// ErrNoCard is returned for a card that the tray does not hold.
var ErrNoCard = errors.New("simulator: no such card")
