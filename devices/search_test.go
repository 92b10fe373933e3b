package devices_test

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"yeban/devices"
	"yeban/devices/evaluator"
	"yeban/devices/idcard"
	"yeban/devices/printer"
	"yeban/devices/serialport"
	"yeban/devices/simulator"
)

// TestMain lets the tests wait side by side: they wait for time-outs, not for the processor.
func TestMain(m *testing.M) {
	flag.Parse()
	flag.Set("test.parallel", "8")
	os.Exit(m.Run())
}

// soon bounds how long after replugging a device may be looked for.
const soon = 3 * time.Second

// hall is a terminal's devices on a simulated bench, each with a socket of its own name
// and all looked for in all sockets of the folder.
type hall struct {
	dir     string
	sim     *simulator.Bench
	driver  serialport.Driver
	ports   devices.Ports
	updates map[devices.Kind]<-chan devices.Status
	waiting []func() // workers that have not begun
	reader  *devices.Worker[*idcard.Reader]
	printer *devices.Worker[*printer.Printer]
	rating  *devices.Worker[evaluator.Evaluator]
}

func newHall(t *testing.T, driver serialport.Driver) *hall {
	t.Helper()
	h := &hall{dir: t.TempDir(), driver: driver, updates: map[devices.Kind]<-chan devices.Status{}}
	var err error
	if h.sim, err = simulator.New(simulator.Config{Dir: h.dir}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.sim.Close() })
	return h
}

func (h *hall) place(socket string, baud int) devices.Place {
	return devices.Place{
		Port:       serialport.Config{Path: filepath.Join(h.dir, socket), Baud: baud, Driver: h.driver},
		Candidates: []string{filepath.Join(h.dir, "*")},
	}
}

func (h *hall) cfg(kind devices.Kind) devices.Config {
	return devices.Config{Name: string(kind), Kind: kind}
}

func (h *hall) withReader(t *testing.T, identity string) {
	var dialer idcard.Dialer
	place := h.place("idcard", 115200)
	place.Identity = identity
	h.reader = devices.NewWorkerAt(h.cfg(devices.IDCard), place, &h.ports,
		func(ctx context.Context, c serialport.Config) (*idcard.Reader, error) {
			r, _, err := dialer.Dial(ctx, c)
			return r, err
		})
	look(t, h, devices.IDCard, h.reader)
}

func (h *hall) withPrinter(t *testing.T) {
	h.printer = devices.NewWorkerAt(h.cfg(devices.Printer), h.place("printer", 115200), &h.ports,
		func(ctx context.Context, c serialport.Config) (*printer.Printer, error) {
			line, err := serialport.Open(ctx, c)
			if err != nil {
				return nil, err
			}
			return printer.New(line, printer.Paper80(), printer.Options{}), nil
		})
	look(t, h, devices.Printer, h.printer)
}

func (h *hall) withEvaluator(t *testing.T) {
	h.rating = devices.NewWorkerAt(h.cfg(devices.Evaluator), h.place("evaluator", 9600), &h.ports,
		func(ctx context.Context, c serialport.Config) (evaluator.Evaluator, error) {
			line, err := serialport.Open(ctx, c)
			if err != nil {
				return nil, err
			}
			return evaluator.Open(evaluator.EV1, line, evaluator.Options{})
		})
	look(t, h, devices.Evaluator, h.rating)
}

// look has a worker run, from begin until the test ends.
func look[D devices.Driver](t *testing.T, h *hall, kind devices.Kind, w *devices.Worker[D]) {
	updates, stop := w.Subscribe()
	h.updates[kind] = updates
	h.waiting = append(h.waiting, func() {
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- w.Run(ctx) }()
		t.Cleanup(func() { cancel(); <-ended; stop() })
	})
}

// begin lets the workers look that have not begun. As in a terminal, each knows then that
// there is a printer: one that does not would speak to it.
func (h *hall) begin() {
	for _, run := range h.waiting {
		run()
	}
	h.waiting = nil
}

// move puts a device into a socket.
func (h *hall) move(t *testing.T, device, socket string) {
	t.Helper()
	if err := h.sim.Plug(device, socket); err != nil {
		t.Fatal(err)
	}
}

func (h *hall) pull(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := h.sim.Unplug(name); err != nil {
			t.Fatal(err)
		}
		until(t, h.updates[devices.Kind(name)], devices.NoDevice)
	}
}

func (h *hall) found(t *testing.T, kind devices.Kind, within time.Duration) {
	t.Helper()
	h.begin()
	start := time.Now()
	until(t, h.updates[kind], devices.Online)
	if took := time.Since(start); took > within {
		t.Errorf("%s found after %v", kind, took)
	} else {
		t.Logf("%s found after %v", kind, took)
	}
}

// reason waits until a device is said to be so for a reason.
func (h *hall) reason(t *testing.T, kind devices.Kind, want devices.Reason) {
	t.Helper()
	h.begin()
	for limit := time.After(30 * time.Second); ; {
		select {
		case s := <-h.updates[kind]:
			if s.Reason == want {
				return
			}
		case <-limit:
			t.Fatalf("%s: never %s", kind, want)
		}
	}
}

func on(t *testing.T, port func() string, socket string) {
	t.Helper()
	if got := filepath.Base(port()); got != socket {
		t.Errorf("works on %q, was put into %q", got, socket)
	}
}

func (h *hall) cleanPaper(t *testing.T) {
	t.Helper()
	for _, r := range append(h.sim.Printer.Receipts(), h.sim.Printer.Hanging()) {
		for _, l := range r.Lines {
			if strings.TrimSpace(l.Text) != "" {
				t.Errorf("on paper: %q", l.Text)
			}
		}
	}
}

func eachDriver(t *testing.T, f func(t *testing.T, h *hall)) {
	t.Parallel()
	for _, driver := range []serialport.Driver{serialport.Bugst, serialport.Tarm} {
		t.Run(string(driver), func(t *testing.T) {
			t.Parallel()
			f(t, newHall(t, driver))
		})
	}
}

func TestDeviceIsFoundInAnotherSocket(t *testing.T) {
	eachDriver(t, func(t *testing.T, h *hall) {
		h.withReader(t, "")
		h.found(t, devices.IDCard, time.Minute)
		h.pull(t, "idcard")
		h.move(t, "idcard", "spare")
		h.found(t, devices.IDCard, soon)
		on(t, h.reader.Port, "spare")
		h.pull(t, "idcard")
		if p := h.reader.Port(); p != "" {
			t.Errorf("lost, and said to be on %s", p)
		}
		h.move(t, "idcard", "idcard")
		h.found(t, devices.IDCard, soon)
		on(t, h.reader.Port, "idcard")
	})
}

func TestReaderAndPrinterSwappedAreBothFound(t *testing.T) {
	eachDriver(t, func(t *testing.T, h *hall) {
		h.withReader(t, "05.01-20200101-0000000001-0000000002")
		h.withPrinter(t)
		h.withEvaluator(t)
		for kind := range h.updates {
			h.found(t, kind, time.Minute)
		}
		h.pull(t, "idcard", "printer")
		h.move(t, "idcard", "printer")
		h.move(t, "printer", "idcard")
		start := time.Now()
		h.reason(t, devices.IDCard, devices.ReasonForeign)
		h.found(t, devices.Printer, soon)
		h.found(t, devices.IDCard, soon)
		if took := time.Since(start); took > soon {
			t.Errorf("both found after %v", took)
		}
		on(t, h.reader.Port, "printer")
		on(t, h.printer.Port, "idcard")
		h.cleanPaper(t)
	})
}

func TestReaderAndEvaluatorSwappedAreBothFound(t *testing.T) {
	eachDriver(t, func(t *testing.T, h *hall) {
		h.withReader(t, "")
		h.withEvaluator(t)
		h.found(t, devices.IDCard, time.Minute)
		h.found(t, devices.Evaluator, time.Minute)
		h.pull(t, "idcard", "evaluator")
		h.move(t, "idcard", "evaluator")
		h.move(t, "evaluator", "idcard")
		start := time.Now()
		h.found(t, devices.Evaluator, time.Minute)
		h.found(t, devices.IDCard, time.Minute)
		if took := time.Since(start); took > 2*soon { // neither is as polite as a printer
			t.Errorf("both found after %v", took)
		}
		on(t, h.reader.Port, "evaluator")
		on(t, h.rating.Port, "idcard")
	})
}

func TestAllThreeInTheNextOnesSocket(t *testing.T) {
	eachDriver(t, func(t *testing.T, h *hall) {
		h.move(t, "idcard", "evaluator") // before anybody has looked
		h.move(t, "printer", "idcard")
		h.move(t, "evaluator", "printer")
		h.withReader(t, "")
		h.withPrinter(t)
		h.withEvaluator(t)
		for kind := range h.updates {
			h.found(t, kind, time.Minute)
		}
		on(t, h.reader.Port, "evaluator")
		on(t, h.printer.Port, "idcard")
		on(t, h.rating.Port, "printer")
		h.cleanPaper(t)
	})
}

func TestReaderThatBootsBadlyIsFoundAmongManySockets(t *testing.T) {
	t.Parallel()
	for name, faults := range map[string]simulator.ReaderFaults{
		"at 9600 baud":   {BootBaud: 9600},
		"deaf for 1.5 s": {DeafFor: simulator.Duration(1500 * time.Millisecond)},
	} {
		for _, socket := range []string{"idcard", "spare"} {
			t.Run(name+" in "+socket, func(t *testing.T) {
				t.Parallel()
				h := newHall(t, serialport.Bugst)
				h.withReader(t, "")
				h.withPrinter(t)
				h.withEvaluator(t)
				for kind := range h.updates {
					h.found(t, kind, time.Minute)
				}
				h.pull(t, "idcard")
				h.sim.Reader.SetFaults(faults)
				h.move(t, "idcard", socket)
				h.found(t, devices.IDCard, 2*soon) // soon, on a quiet machine
				on(t, h.reader.Port, socket)
			})
		}
	}
}

func TestAnotherDeviceOnTheOldNodeIsForeign(t *testing.T) {
	eachDriver(t, func(t *testing.T, h *hall) {
		h.withReader(t, "")
		h.withPrinter(t)
		h.found(t, devices.IDCard, time.Minute)
		h.found(t, devices.Printer, time.Minute)
		h.pull(t, "printer", "idcard")
		h.move(t, "printer", "idcard")
		h.reason(t, devices.IDCard, devices.ReasonForeign)
		h.found(t, devices.Printer, soon)
		h.move(t, "idcard", "spare")
		h.found(t, devices.IDCard, soon)
		h.cleanPaper(t)
	})
}

func TestTwoReadersAreToldApartByIdentity(t *testing.T) {
	eachDriver(t, func(t *testing.T, h *hall) {
		other := &adapter{link: filepath.Join(h.dir, "left"), sam: idcard.MakeSAMID(5, 1, 20210202, 3, 4)}
		h.withReader(t, other.sam.String()) // whose own socket has another reader in it
		h.reason(t, devices.IDCard, devices.ReasonForeign)
		other.plug(t)
		defer other.unplug(t)
		h.found(t, devices.IDCard, soon)
		on(t, h.reader.Port, "left")
	})
}
