package faulttable_test

import (
	"errors"
	"sync"
	"time"

	"yeban/devices"
	"yeban/devices/evaluator"
	"yeban/devices/simulator"
)

const (
	reads  = "card read right"
	prints = "one receipt, proven"
	rates  = "the right rating"
)

// tenRows are the ten behaviours in their order. Where one does not apply, outcome says why.
var tenRows = []row{
	{number: 1, behaviour: "reply in crumbs, gap of 900 ms in the photo", device: devices.IDCard,
		citizen: nothing, staff: "online", outcome: reads, play: readsInSpiteOf(simulator.ReaderFaults{Chunk: 17, PhotoGap: simulator.Duration(900 * time.Millisecond)})},
	{number: 1, behaviour: "reply in crumbs", device: devices.Printer, outcome: "replies of one to seven bytes"},
	{number: 1, behaviour: "reply in crumbs", device: devices.Evaluator, outcome: "no reply is long"},

	{number: 2, behaviour: "reply comes during the next command", device: devices.IDCard,
		citizen: nothing, staff: "online", outcome: reads, play: readsInSpiteOf(simulator.ReaderFaults{LateReply: true})},
	{number: 2, behaviour: "status comes during the next question", device: devices.Printer,
		citizen: nothing, staff: "online", outcome: prints, play: func(s *stand) (string, time.Duration) {
			s.sim.Printer.SetFaults(simulator.PrinterFaults{LateReply: true})
			word := printWord(s.print(5))
			s.must(s.print(5))
			if whole, voided := s.paper(); whole != 2 || voided != 0 {
				s.t.Errorf("%d receipts, %d void", whole, voided)
			}
			return word, 0
		}},
	{number: 2, behaviour: "reply comes during the next command", device: devices.Evaluator, outcome: "see 9"},

	{number: 3, behaviour: "noise, frame in the photo, LEN = FFFF", device: devices.IDCard,
		citizen: nothing, staff: "online", outcome: reads, play: readsInSpiteOf(simulator.ReaderFaults{Noise: 20, FrameInPhoto: true, HugeLength: true})},
	{number: 3, behaviour: "noise", device: devices.Printer, outcome: "the printer's bytes have no frame; see 8"},
	{number: 3, behaviour: "noise before the answer", device: devices.Evaluator, make: "ev1",
		citizen: nothing, staff: "online", outcome: rates, play: func(s *stand) (string, time.Duration) {
			level, err := s.rate(patience, func() {
				s.sim.Evaluator.SayRaw(0x55, 0xAA, 0x00, 0xFF, 0x55, 0x55, 0xAA)
				s.press(4)()
			})
			return s.rated(level, 4, err), 0
		}},

	{number: 4, behaviour: "card lifted between select and read", device: devices.IDCard,
		citizen: "card.moved", staff: "online", outcome: "laid again: " + reads, play: func(s *stand) (string, time.Duration) {
			s.sim.Reader.SetFaults(simulator.ReaderFaults{LiftOnRead: true})
			s.lay()
			word := cardWord(s.read(nil))
			s.sim.Reader.SetFaults(simulator.ReaderFaults{})
			s.mend(func() error { s.lay(); return s.read(nil) })
			return word, time.Since(s.mended)
		}},
	{number: 4, behaviour: "card lifted", device: devices.Printer, outcome: "has no card"},
	{number: 4, behaviour: "card lifted", device: devices.Evaluator, outcome: "has no card"},

	{number: 5, behaviour: "unplugged in mid-frame, back under another number", device: devices.IDCard,
		citizen: "card.reader", staff: "noDevice port.missing", outcome: "plugged in: " + reads, play: func(s *stand) (string, time.Duration) {
			s.lay()
			var once sync.Once
			word := cardWord(s.read(func() {
				once.Do(func() { s.sim.Reader.SetFaults(simulator.ReaderFaults{UnplugAfter: 600}) })
			}))
			s.await(devices.NoDevice, devices.ReasonNoPort)
			s.sim.Reader.SetFaults(simulator.ReaderFaults{})
			s.replug()
			took := s.recovered()
			s.must(s.read(nil))
			return word, took
		}},
	{number: 5, behaviour: "unplugged in mid-receipt, back under another number", device: devices.Printer,
		citizen: "receipt unproven", staff: "noDevice port.missing", outcome: "half receipt void, then " + prints, play: func(s *stand) (string, time.Duration) {
			s.sim.Printer.SetFaults(simulator.PrinterFaults{UnplugAfter: 3})
			word := printWord(s.print(40))
			s.await(devices.NoDevice, devices.ReasonNoPort)
			s.sim.Printer.SetFaults(simulator.PrinterFaults{})
			s.replug()
			took := s.recovered()
			s.onceAfterVoid()
			return word, took
		}},
	{number: 5, behaviour: "unplugged while asking, back under another number", device: devices.Evaluator, make: "ev1",
		citizen: "rating on screen", staff: "noDevice port.missing", outcome: "plugged in: " + rates, play: func(s *stand) (string, time.Duration) {
			_, err := s.rate(patience, func() {
				if err := s.sim.Unplug("evaluator"); err != nil {
					s.t.Error(err)
				}
			})
			s.await(devices.NoDevice, devices.ReasonNoPort)
			s.replug()
			took := s.recovered()
			level, again := s.rate(patience, s.press(5))
			s.rated(level, 5, again)
			return rateWord(err), took
		}},

	{number: 6, behaviour: "stops reading, writes block", device: devices.IDCard, outcome: "requests are shorter than any buffer"},
	{number: 6, behaviour: "stops reading in mid-receipt, writes block", device: devices.Printer,
		citizen: "receipt unproven", staff: "powerOff device.silent", outcome: "half receipt void, then " + prints, play: func(s *stand) (string, time.Duration) {
			var once sync.Once
			defer s.sim.Watch(func(e simulator.Event) {
				if e.String() == "printer.line" {
					once.Do(func() { s.sim.Printer.SetFaults(simulator.PrinterFaults{StopsReading: true}) })
				}
			})()
			word := printWord(s.print(300))
			s.await(devices.PowerOff, devices.ReasonSilent)
			s.mend(func() error { s.sim.Printer.SetFaults(simulator.PrinterFaults{}); return nil })
			took := s.recovered()
			s.onceAfterVoid()
			return word, took
		}},
	{number: 6, behaviour: "stops reading, writes block", device: devices.Evaluator, outcome: "requests are shorter than any buffer"},

	{number: 7, behaviour: "paper runs out", device: devices.IDCard, outcome: "has no paper"},
	{number: 7, behaviour: "paper runs out in mid-receipt, refill", device: devices.Printer,
		citizen: "receipt unproven", staff: "offline paper.out", outcome: "half receipt void, then " + prints, play: func(s *stand) (string, time.Duration) {
			s.sim.Printer.SetFaults(simulator.PrinterFaults{PaperOutAfter: 3})
			word := printWord(s.print(40))
			if got := s.await(devices.Offline, devices.ReasonPaperOut); got.Paper != devices.PaperOut {
				s.t.Errorf("paper is %s", got.Paper)
			}
			s.mend(func() error { s.sim.Printer.LoadPaper(); return nil })
			took := s.recovered()
			s.onceAfterVoid()
			return word, took
		}},
	{number: 7, behaviour: "paper runs out", device: devices.Evaluator, outcome: "has no paper"},

	{number: 8, behaviour: "status between replies", device: devices.IDCard, outcome: "says nothing unasked"},
	{number: 8, behaviour: "automatic status between replies, all replies twice", device: devices.Printer,
		citizen: nothing, staff: "online, once plugged in", outcome: prints, play: func(s *stand) (string, time.Duration) {
			s.must(s.sim.Unplug("printer"))
			s.await(devices.NoDevice, devices.ReasonNoPort)
			s.sim.Printer.SetFaults(simulator.PrinterFaults{ChattyASB: true, DoubledReplies: true})
			s.replug()
			s.recovered()
			word := printWord(s.print(5))
			if whole, voided := s.paper(); whole != 1 || voided != 0 {
				s.t.Errorf("%d receipts, %d void", whole, voided)
			}
			return word, 0
		}},
	{number: 8, behaviour: "status never answered", device: devices.Printer,
		citizen: "receipt failed", staff: "powerOff device.silent", outcome: "nothing sent; then " + prints, play: func(s *stand) (string, time.Duration) {
			s.sim.Printer.SetFaults(simulator.PrinterFaults{StatusMute: true})
			s.await(devices.PowerOff, devices.ReasonSilent)
			word := printWord(s.print(5))
			if whole, _ := s.paper(); whole != 0 {
				s.t.Error("printed blindly")
			}
			s.await(devices.PowerOff, devices.ReasonSilent)
			s.mend(func() error { s.sim.Printer.SetFaults(simulator.PrinterFaults{}); return nil })
			took := s.recovered()
			s.must(s.print(5))
			if whole, voided := s.paper(); whole != 1 || voided != 0 {
				s.t.Errorf("%d receipts, %d void", whole, voided)
			}
			return word, took
		}},
	{number: 8, behaviour: "status between replies", device: devices.Evaluator, outcome: "see 9"},

	{number: 9, behaviour: "byte late, twice or unasked", device: devices.IDCard, outcome: "see 2"},
	{number: 9, behaviour: "byte late, twice or unasked", device: devices.Printer, outcome: "see 8"},
	{number: 9, behaviour: "answers late, twice, unasked (EV1)", device: devices.Evaluator, make: "ev1",
		citizen: nothing, staff: "online", outcome: "nobody else's session is rated", play: strayAnswers},
	{number: 9, behaviour: "bare bytes late, twice, unasked (PJ06)", device: devices.Evaluator, make: "pj06",
		citizen: nothing, staff: "online", outcome: "nobody else's session is rated", play: strayAnswers},
	{number: 9, behaviour: "polarity reversed (PJ06)", device: devices.Evaluator, make: "pj06", polarity: evaluator.BestIsLowest,
		citizen: nothing, staff: "online", outcome: rates, play: func(s *stand) (string, time.Duration) {
			s.sim.Evaluator.SetFaults(simulator.EvaluatorFaults{Reversed: true})
			level, err := s.rate(patience, s.unguarded(2))
			return s.rated(level, 2, err), 0
		}},

	{number: 10, behaviour: "boots at 9600 baud", device: devices.IDCard,
		citizen: nothing, staff: "noDevice port.missing", outcome: "found at its rate: " + reads, play: boots(simulator.ReaderFaults{BootBaud: 9600})},
	{number: 10, behaviour: "deaf for 1.5 s", device: devices.IDCard,
		citizen: nothing, staff: "noDevice port.missing", outcome: "waited for: " + reads, play: boots(simulator.ReaderFaults{DeafFor: simulator.Duration(1500 * time.Millisecond)})},
	{number: 10, behaviour: "self-test fails (60)", device: devices.IDCard,
		citizen: "tile: reader", staff: "hardwareError sam.selftest", outcome: "mended: " + reads,
		play: unwell(simulator.ReaderFaults{SelfTest: 0x60}, devices.HardwareError, devices.ReasonSelfTest)},
	{number: 10, behaviour: "not licensed (66)", device: devices.IDCard,
		citizen: "tile: reader", staff: "hardwareError sam.unlicensed", outcome: "mended: " + reads,
		play: unwell(simulator.ReaderFaults{SelfTest: 0x66}, devices.HardwareError, devices.ReasonUnlicensed)},
	{number: 10, behaviour: "malformed time-out notice", device: devices.IDCard,
		citizen: "tile: reader", staff: "offline device.garbled", outcome: "mended: " + reads,
		play: unwell(simulator.ReaderFaults{TimeoutNotice: true}, devices.Offline, devices.ReasonGarbled)},
	{number: 10, behaviour: "wrong baud rate", device: devices.Printer,
		citizen: "tile: printer", staff: "powerOff device.silent", outcome: "nothing sent; then " + prints, play: func(s *stand) (string, time.Duration) {
			s.sim.Printer.SetFaults(simulator.PrinterFaults{BootBaud: 9600})
			word := tile(s.await(devices.PowerOff, devices.ReasonSilent))
			s.mend(func() error { s.sim.Printer.SetFaults(simulator.PrinterFaults{}); return nil })
			took := s.recovered()
			s.must(s.print(5))
			return word, took
		}},
	{number: 10, behaviour: "wrong baud rate", device: devices.Evaluator, make: "ev1",
		citizen: "rating on screen", staff: "powerOff device.silent", outcome: "then " + rates, play: func(s *stand) (string, time.Duration) {
			s.sim.Evaluator.SetFaults(simulator.EvaluatorFaults{BootBaud: 115200})
			s.await(devices.PowerOff, devices.ReasonSilent)
			_, err := s.rate(time.Second, func() {})
			s.await(devices.PowerOff, devices.ReasonSilent)
			s.mend(func() error { s.sim.Evaluator.SetFaults(simulator.EvaluatorFaults{}); return nil })
			took := s.recovered()
			level, again := s.rate(patience, s.press(5))
			s.rated(level, 5, again)
			return rateWord(err), took
		}},
}

// readsInSpiteOf reads a card from a faulty reader.
func readsInSpiteOf(f simulator.ReaderFaults) func(*stand) (string, time.Duration) {
	return func(s *stand) (string, time.Duration) {
		s.sim.Reader.SetFaults(f)
		s.lay()
		err := s.read(nil)
		s.must(err)
		return cardWord(err), 0
	}
}

// boots plugs a reader in that starts badly.
func boots(f simulator.ReaderFaults) func(*stand) (string, time.Duration) {
	return func(s *stand) (string, time.Duration) {
		s.must(s.sim.Unplug("idcard"))
		s.await(devices.NoDevice, devices.ReasonNoPort)
		s.sim.Reader.SetFaults(f)
		s.replug()
		took := s.recovered()
		s.lay()
		err := s.read(nil)
		s.must(err)
		return cardWord(err), took
	}
}

// unwell has a reader be unwell, and mends it.
func unwell(f simulator.ReaderFaults, state devices.State, reason devices.Reason) func(*stand) (string, time.Duration) {
	return func(s *stand) (string, time.Duration) {
		s.sim.Reader.SetFaults(f)
		word := tile(s.await(state, reason))
		s.mend(func() error { s.sim.Reader.SetFaults(simulator.ReaderFaults{}); return nil })
		took := s.recovered()
		s.lay()
		s.must(s.read(nil))
		return word, took
	}
}

// tile is the cause on the tiles of what needs the device.
func tile(st devices.Status) string {
	name := "reader"
	if st.Kind == devices.Printer {
		name = "printer"
	}
	switch {
	case st.Paper == devices.PaperOut:
		name = "paper"
	case st.State == devices.Unknown || st.State == devices.Starting:
		name = "checking"
	case st.State == devices.Online || st.State == devices.DeviceBusy:
		return nothing
	}
	return "tile: " + name
}

// onceAfterVoid checks that the lost job left no whole receipt and one void, and that
// the next, which is asked for, comes out once.
func (s *stand) onceAfterVoid() {
	s.t.Helper()
	if whole, voided := s.paper(); whole != 0 || voided != 1 {
		s.t.Errorf("after recovery: %d whole receipts, %d void", whole, voided)
	}
	s.must(s.print(3))
	if whole, voided := s.paper(); whole != 1 || voided != 1 {
		s.t.Errorf("after printing again: %d whole receipts, %d void", whole, voided)
	}
}

// rated checks an answer.
func (s *stand) rated(got, want evaluator.Level, err error) string {
	s.t.Helper()
	s.must(err)
	if got != want {
		s.t.Errorf("rated %d, the key was %d", got, want)
	}
	return rateWord(err)
}

// unguarded presses a key when answers without a name are believed: makes without
// sessions are not, for 300 ms after a question opens.
func (s *stand) unguarded(level int) func() {
	return func() {
		select {
		case <-time.After(time.Second):
			s.press(level)()
		case <-s.ctx.Done():
		}
	}
}

// strayAnswers: a key before any question, a doubled one, and one that comes after its
// question has ended. None may rate another question.
func strayAnswers(s *stand) (string, time.Duration) {
	s.sim.Evaluator.SetFaults(simulator.EvaluatorFaults{Unasked: true, Twice: true})
	s.press(1)()
	level, err := s.rate(patience, s.unguarded(4))
	s.rated(level, 4, err)
	level, err = s.rate(patience, s.unguarded(5)) // the second copy of 4 is nobody's
	s.rated(level, 5, err)
	s.sim.Evaluator.SetFaults(simulator.EvaluatorFaults{LateBy: simulator.Duration(1500 * time.Millisecond)})
	if level, err := s.rate(time.Second, s.press(1)); !errors.Is(err, evaluator.ErrTimeout) {
		s.t.Errorf("late key: rated %d, %v", level, err)
	}
	s.sim.Evaluator.SetFaults(simulator.EvaluatorFaults{})
	level, err = s.rate(patience, s.unguarded(3))
	return s.rated(level, 3, err), 0
}
