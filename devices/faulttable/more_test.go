package faulttable_test

import (
	"time"

	"yeban/devices"
	"yeban/devices/simulator"
)

// moreRows are what else a device can do to its host.
var moreRows = []row{
	{number: 3, behaviour: "every checksum wrong", device: devices.IDCard,
		citizen: "tile: reader", staff: "offline device.garbled", outcome: "mended: " + reads,
		play: unwell(simulator.ReaderFaults{BadChecksum: true}, devices.Offline, devices.ReasonGarbled)},

	{number: 6, behaviour: "stops reading while its buffer is full", device: devices.Printer,
		citizen: nothing, staff: "online", outcome: prints, play: func(s *stand) (string, time.Duration) {
			s.sim.Printer.SetFaults(simulator.PrinterFaults{StopsWhenFull: true})
			word := printWord(s.print(300))
			if whole, voided := s.paper(); whole != 1 || voided != 0 {
				s.t.Errorf("%d receipts, %d void", whole, voided)
			}
			return word, 0
		}},

	{number: 7, behaviour: "cover opened in mid-receipt", device: devices.Printer,
		citizen: "receipt unproven", staff: "userError cover.open", outcome: "half receipt void, then " + prints,
		play: halfway(simulator.PrinterFaults{CoverAfter: 3}, devices.UserError, devices.ReasonCoverOpen,
			func(p *simulator.Printer) { p.SetCover(false) })},

	{number: 8, behaviour: "marker never answered", device: devices.Printer,
		citizen: "receipt failed", staff: "online", outcome: "nothing printed: a profile with another proof is needed", play: func(s *stand) (string, time.Duration) {
			s.sim.Printer.SetFaults(simulator.PrinterFaults{MarkerMute: true})
			word := printWord(s.print(5))
			if whole, _ := s.paper(); whole != 0 {
				s.t.Error("printed without proof")
			}
			return word, 0
		}},
	{number: 8, behaviour: "buffer cannot be cleared", device: devices.Printer,
		citizen: "receipt unproven", staff: "offline paper.out", outcome: "its rest comes out after the refill, a void slip behind it", play: func(s *stand) (string, time.Duration) {
			s.sim.Printer.SetFaults(simulator.PrinterFaults{IgnoresClear: true, PaperOutAfter: 3})
			word := printWord(s.print(40))
			s.await(devices.Offline, devices.ReasonPaperOut)
			s.mend(func() error { s.sim.Printer.LoadPaper(); return nil })
			took := s.recovered()
			if _, voided := s.paper(); voided != 1 {
				s.t.Errorf("%d void", voided)
			}
			s.must(s.print(3))
			return word, took
		}},

	{number: 10, behaviour: "says nothing", device: devices.IDCard,
		citizen: "tile: reader", staff: "powerOff device.silent", outcome: "mended: " + reads,
		play: unwell(simulator.ReaderFaults{Mute: true}, devices.PowerOff, devices.ReasonSilent)},
	{number: 10, behaviour: "says nothing", device: devices.Printer,
		citizen: "tile: printer", staff: "powerOff device.silent", outcome: "mended: " + prints,
		play: ill(simulator.PrinterFaults{Mute: true}, devices.PowerOff, devices.ReasonSilent)},
	{number: 10, behaviour: "says nothing", device: devices.Evaluator, make: "ev1",
		citizen: "rating on screen", staff: "powerOff device.silent", outcome: "then " + rates, play: func(s *stand) (string, time.Duration) {
			s.sim.Evaluator.SetFaults(simulator.EvaluatorFaults{Mute: true})
			_, err := s.rate(time.Second, func() {})
			s.await(devices.PowerOff, devices.ReasonSilent)
			s.mend(func() error { s.sim.Evaluator.SetFaults(simulator.EvaluatorFaults{}); return nil })
			took := s.recovered()
			s.works()
			return rateWord(err), took
		}},
	{number: 10, behaviour: "power lost in mid-receipt", device: devices.Printer,
		citizen: "receipt unproven", staff: "powerOff device.silent", outcome: "half receipt void, then " + prints,
		play: halfway(simulator.PrinterFaults{PowerOffAfter: 3}, devices.PowerOff, devices.ReasonSilent,
			func(p *simulator.Printer) { p.SetPower(true) })},
	{number: 10, behaviour: "cutter stuck", device: devices.Printer,
		citizen: "tile: printer", staff: "hardwareError cutter.stuck", outcome: "mended: " + prints,
		play: ill(simulator.PrinterFaults{CutterStuck: true}, devices.HardwareError, devices.ReasonCutter)},
	{number: 10, behaviour: "print head too hot", device: devices.Printer,
		citizen: "tile: printer", staff: "offline head.hot", outcome: "by itself: " + prints,
		play: ill(simulator.PrinterFaults{HeadHot: true}, devices.Offline, devices.ReasonHeadHot)},
	{number: 10, behaviour: "unrecoverable error", device: devices.Printer,
		citizen: "tile: printer", staff: "hardwareError printer.fault", outcome: "mended: " + prints,
		play: ill(simulator.PrinterFaults{Broken: true}, devices.HardwareError, devices.ReasonPrinterFault)},
}

// ill has a printer be unwell, and mends it.
func ill(f simulator.PrinterFaults, state devices.State, reason devices.Reason) func(*stand) (string, time.Duration) {
	return func(s *stand) (string, time.Duration) {
		s.sim.Printer.SetFaults(f)
		word := tile(s.await(state, reason))
		s.mend(func() error { s.sim.Printer.SetFaults(simulator.PrinterFaults{}); return nil })
		took := s.recovered()
		s.works()
		return word, took
	}
}

// halfway has a printer stop in mid-receipt, and mends it.
func halfway(f simulator.PrinterFaults, state devices.State, reason devices.Reason, mend func(*simulator.Printer)) func(*stand) (string, time.Duration) {
	return func(s *stand) (string, time.Duration) {
		s.sim.Printer.SetFaults(f)
		word := printWord(s.print(40))
		s.await(state, reason)
		s.mend(func() error { mend(s.sim.Printer); return nil })
		took := s.recovered()
		s.onceAfterVoid()
		return word, took
	}
}
