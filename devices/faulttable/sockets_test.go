package faulttable_test

import (
	"testing"
	"time"

	"yeban/devices"
)

// soon is how long after replugging a device may be looked for in all sockets. It is what
// is promised for a quiet machine; slower ones are given more.
const soon = 3 * time.Second

// socketRows are behaviour 5 with sockets changed: adapters are all alike, so that only
// asking tells what hangs where.
var socketRows = []row{
	{number: 5, behaviour: "back in another socket", device: devices.IDCard, searched: true,
		citizen: nothing, staff: "noDevice port.missing", outcome: "found there: " + reads, play: movedTo("spare")},
	{number: 5, behaviour: "back in another socket", device: devices.Printer, searched: true,
		citizen: nothing, staff: "noDevice port.missing", outcome: "found there: " + prints, play: movedTo("spare")},
	{number: 5, behaviour: "back in another socket", device: devices.Evaluator, make: "ev1", searched: true,
		citizen: nothing, staff: "noDevice port.missing", outcome: "found there: " + rates, play: movedTo("spare")},
	{number: 5, behaviour: "swapped with the printer", device: devices.IDCard, make: "ev1", searched: true,
		citizen: nothing, staff: "offline device.foreign", outcome: "both found, nothing on paper: " + reads, play: swapped(devices.Printer)},
	{number: 5, behaviour: "swapped with the reader", device: devices.Printer, make: "ev1", searched: true,
		citizen: nothing, staff: "powerOff device.silent", outcome: "both found, nothing on paper: " + prints, play: swapped(devices.IDCard)},
	{number: 5, behaviour: "old node opens, printer on it", device: devices.IDCard, searched: true,
		citizen: "tile: reader", staff: "offline device.foreign", outcome: "found elsewhere: " + reads, play: func(s *stand) (string, time.Duration) {
			beside := s.supervise(devices.Printer)
			online(s, beside)
			s.pull(devices.Printer)
			s.pull(devices.IDCard)
			s.await(devices.NoDevice, devices.ReasonNoPort)
			s.must(s.sim.Plug("printer", "idcard"))
			word := tile(s.await(devices.Offline, devices.ReasonForeign))
			s.mend(func() error { return s.sim.Plug("idcard", "spare") })
			took := s.foundSoon()
			s.unmarked()
			s.works()
			return word, took
		}},
	{number: 5, behaviour: "in the socket of an evaluator that cannot be asked (PJ06)", device: devices.IDCard, make: "pj06", searched: true,
		citizen: nothing, staff: "noDevice port.missing", outcome: "found there: " + reads, play: func(s *stand) (string, time.Duration) {
			beside := s.supervise(devices.Evaluator)
			becomes(s, beside, devices.Starting)
			becomes(s, beside, devices.Unknown)
			s.pull(devices.Evaluator)
			becomes(s, beside, devices.NoDevice)
			s.pull(devices.IDCard)
			s.await(devices.NoDevice, devices.ReasonNoPort)
			s.mend(func() error { return s.sim.Plug("idcard", "evaluator") })
			took := s.foundSoon()
			becomes(s, beside, devices.Offline)
			return s.works(), took
		}},
	{number: 5, behaviour: "same kind, another one", device: devices.Printer, outcome: "where an identity is configured; see the tests of devices"},
}

// movedTo pulls a device and puts it into another socket.
func movedTo(socket string) func(*stand) (string, time.Duration) {
	return func(s *stand) (string, time.Duration) {
		s.pull(s.device)
		s.await(devices.NoDevice, devices.ReasonNoPort)
		s.mend(func() error { return s.sim.Plug(string(s.device), socket) })
		took := s.foundSoon()
		return s.works(), took
	}
}

// swapped pulls a device and another, and puts each into the other's socket.
func swapped(other devices.Kind) func(*stand) (string, time.Duration) {
	return func(s *stand) (string, time.Duration) {
		beside := s.supervise(other)
		online(s, beside)
		online(s, s.supervise(devices.Evaluator)) // as a terminal has one: its socket is taken
		s.pull(s.device)
		s.pull(other)
		s.await(devices.NoDevice, devices.ReasonNoPort)
		s.mend(func() error { return s.sim.Plug(string(s.device), string(other)) })
		s.must(s.sim.Plug(string(other), string(s.device)))
		took := s.foundSoon()
		online(s, beside)
		if both := time.Since(s.mended); both > grace(soon) {
			s.t.Errorf("both found after %v", both)
		}
		s.unmarked()
		return s.works(), took
	}
}

func (s *stand) pull(device devices.Kind) { s.must(s.sim.Unplug(string(device))) }

// online waits until a device beside the stand's own works.
func online(s *stand, updates <-chan devices.Status) {
	s.t.Helper()
	becomes(s, updates, devices.Online)
}

// becomes waits until a device beside the stand's own is in a state.
func becomes(s *stand, updates <-chan devices.Status, state devices.State) {
	s.t.Helper()
	for limit := time.After(patience); ; {
		select {
		case u := <-updates:
			if u.State == state {
				return
			}
		case <-limit:
			s.t.Fatalf("the device beside was never %s", state)
		}
	}
}

// foundSoon waits until the device works again.
func (s *stand) foundSoon() time.Duration {
	s.t.Helper()
	took := s.recovered()
	if took > grace(soon) {
		s.t.Errorf("found after %v", took)
	}
	return took
}

// grace is a promise as it is held to beside a dozen other tests.
func grace(d time.Duration) time.Duration {
	if testing.Short() {
		return d
	}
	return 2 * d
}

// works does with the device what it is for.
func (s *stand) works() string {
	s.t.Helper()
	switch s.device {
	case devices.IDCard:
		s.lay()
		err := s.read(nil)
		s.must(err)
		return cardWord(err)
	case devices.Printer:
		before, _ := s.paper()
		err := s.print(5)
		s.must(err)
		if whole, voided := s.paper(); whole != before+1 || voided != 0 {
			s.t.Errorf("%d receipts, %d void", whole-before, voided)
		}
		return printWord(err)
	default:
		level, err := s.rate(patience, s.unguarded(5))
		return s.rated(level, 5, err)
	}
}

// unmarked checks that nobody spoke to the printer but in its own words.
func (s *stand) unmarked() {
	s.t.Helper()
	for _, r := range append(s.sim.Printer.Receipts(), s.sim.Printer.Hanging()) {
		for _, l := range r.Lines {
			if l.Text != "" {
				s.t.Errorf("on paper: %q", l.Text)
			}
		}
	}
}
