package simulator

import (
	"image"
	"sync"
)

// Printer is an ESC/POS receipt printer.
type Printer struct {
	line *line
	face *typeface
	emit func(Event)

	mu       sync.Mutex
	faults   PrinterFaults
	ownBaud  int
	capacity int
	off      bool // no power
	noPaper  bool
	nearEnd  bool
	cover    bool // open
	asb      bool // automatic status back is on
	lastASB  [4]byte
	buffer   []byte // received, not yet interpreted
	overruns int
	tail     []byte // last received bytes, for real-time commands
	interp   interpreter
	paper    paper
	late     lateReply
	events   []Event
}

func newPrinter(cfg Config, face *typeface, emit func(Event)) *Printer {
	p := &Printer{face: face, emit: emit, ownBaud: cfg.PrinterBaud, capacity: cfg.Buffer}
	p.line = newLine(cfg.Dir, "printer", cfg.PrinterBaud, cfg.Speed, p)
	p.interp = interpreter{dots: dotsFor(cfg.Width), paper: &p.paper, say: p.sayMarker, status: p.sensors, asb: p.switchASB, begin: p.nextJob}
	p.interp.reset()
	return p
}

// LoadPaper puts a full roll in and goes on with what is in the buffer, as printers do.
func (p *Printer) LoadPaper() {
	p.change("paper.loaded", func() { p.noPaper, p.nearEnd = false, false })
}

// RemovePaper takes the roll out.
func (p *Printer) RemovePaper() { p.change("paper.out", func() { p.noPaper = true }) }

// SetNearEnd says that the roll is nearly used up, or not.
func (p *Printer) SetNearEnd(low bool) { p.change("paper.low", func() { p.nearEnd = low }) }

// SetCover opens or closes the cover.
func (p *Printer) SetCover(open bool) { p.change("cover", func() { p.cover = open }) }

// SetPower switches the printer off or on. What was in its buffer is lost.
func (p *Printer) SetPower(on bool) {
	p.change("power", func() {
		p.off = !on
		p.wipe()
	})
}

// SetFaults replaces the faults in force.
func (p *Printer) SetFaults(f PrinterFaults) {
	p.change("faults", func() {
		p.faults = f
		p.tune()
	})
}

// Faults are the faults in force.
func (p *Printer) Faults() PrinterFaults {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.faults
}

// PrinterState is what one can see from outside.
type PrinterState struct {
	Power     bool `json:"power"`
	Paper     bool `json:"paper"`
	NearEnd   bool `json:"nearEnd"`
	CoverOpen bool `json:"coverOpen"`
	Receipts  int  `json:"receipts"` // cut off since the start
	Lines     int  `json:"lines"`    // printed since the start
	Buffered  int  `json:"buffered"` // bytes waiting for paper
	Overruns  int  `json:"overruns"` // bytes lost because the buffer was full
}

// State is what one can see from outside.
func (p *Printer) State() PrinterState {
	p.mu.Lock()
	defer p.mu.Unlock()
	return PrinterState{
		Power: !p.off, Paper: !p.noPaper, NearEnd: p.nearEnd, CoverOpen: p.cover,
		Receipts: p.paper.cuts, Lines: p.paper.lines, Buffered: len(p.buffer), Overruns: p.overruns,
	}
}

// Receipts are the pieces that were cut off, oldest first.
func (p *Printer) Receipts() []Receipt {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.paper.pieces()
	return all[:len(all)-1]
}

// Hanging is what came out after the last cut and still hangs in the printer.
func (p *Printer) Hanging() Receipt {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.paper.pieces()
	return all[len(all)-1]
}

// Image draws all paper that came out, at one pixel a dot.
func (p *Printer) Image() image.Image {
	p.mu.Lock()
	marks := append([]mark(nil), p.paper.marks...)
	dots := p.interp.dots
	p.mu.Unlock()
	return p.face.render(marks, dots)
}

// TearOff throws away the paper that came out.
func (p *Printer) TearOff() { p.change("torn", func() { p.paper.marks = nil }) }

// change alters the printer and goes on printing if it can.
func (p *Printer) change(event string, f func()) {
	p.mu.Lock()
	defer p.unlock()
	f()
	p.note(event)
	p.work()
	p.report()
	p.line.nudge()
}

func (p *Printer) note(name string) { p.events = append(p.events, Event{p.line.name, name}) }

func (p *Printer) unlock() {
	events := p.events
	p.events = nil
	p.mu.Unlock()
	for _, e := range events {
		p.emit(e)
	}
}

func (p *Printer) tune() {
	if p.faults.BootBaud != 0 {
		p.line.baud.Store(int64(p.faults.BootBaud))
	} else {
		p.line.baud.Store(int64(p.ownBaud))
	}
}

// wipe is what a loss of power does.
func (p *Printer) wipe() {
	p.buffer, p.tail, p.asb, p.late = nil, nil, false, lateReply{}
	p.interp.reset()
}

func (p *Printer) plugged() {
	p.mu.Lock()
	defer p.unlock()
	p.tune()
	p.note("plugged")
}

func (p *Printer) pulled() {
	p.mu.Lock()
	defer p.unlock()
	p.note("unplugged")
}

func (p *Printer) space() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.faults.StopsReading {
		return 0
	}
	if p.faults.StopsWhenFull && len(p.buffer) >= p.capacity {
		return 0
	}
	return 1 << 10
}

func (p *Printer) receive(data []byte) {
	p.mu.Lock()
	defer p.unlock()
	if p.off {
		return
	}
	for _, b := range data {
		if p.off { // lost on the way
			return
		}
		if p.realTime(b) {
			continue
		}
		if len(p.buffer) >= p.capacity {
			p.overruns++
			continue
		}
		p.buffer = append(p.buffer, b)
		p.work()
	}
}

// work prints what is in the buffer as long as nothing stands in the way.
func (p *Printer) work() {
	for len(p.buffer) > 0 && p.ready() {
		b := p.buffer[0]
		p.buffer = p.buffer[1:]
		cuts := p.paper.cuts
		if !p.interp.feed(b) {
			continue
		}
		if p.paper.cuts > cuts {
			p.note("cut")
		} else {
			p.note("line")
		}
		p.misfortune()
	}
	if len(p.buffer) == 0 {
		p.buffer = nil
	}
}

// ready tells whether paper can move.
func (p *Printer) ready() bool {
	return !p.off && !p.noPaper && !p.cover && !p.faults.CutterStuck && !p.faults.HeadHot && !p.faults.Broken
}

// misfortune lets happen what the faults have in store after so many lines.
func (p *Printer) misfortune() {
	due := func(n *int) bool {
		if *n == 0 {
			return false
		}
		*n--
		return *n == 0
	}
	if due(&p.faults.PaperOutAfter) {
		p.noPaper = true
		p.note("paper.out")
		p.report()
	}
	if due(&p.faults.CoverAfter) {
		p.cover = true
		p.note("cover")
		p.report()
	}
	if due(&p.faults.PowerOffAfter) {
		p.off = true
		p.wipe()
		p.note("power")
	}
	if due(&p.faults.UnplugAfter) {
		p.note("unplugged")
		p.line.unplug()
	}
}
