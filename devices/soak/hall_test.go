package soak_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"yeban/devices"
	"yeban/devices/evaluator"
	"yeban/devices/idcard"
	"yeban/devices/printer"
	"yeban/devices/serialport"
	"yeban/devices/simulator"
)

// speed is how many times faster than the wire the devices are.
const speed = 20

// patience bounds every wait.
const patience = time.Minute

// turn is how long a citizen waits for a device that is not there: one whose fault keeps
// it away comes back when it has been mended, which is after that.
const turn = 5 * time.Second

// hall is a terminal's devices, and what happened to its visitors.
type hall struct {
	t         *testing.T
	ctx       context.Context
	random    *rand.Rand
	sim       *simulator.Bench
	reader    *devices.Worker[*idcard.Reader]
	printer   *devices.Worker[*printer.Printer]
	evaluator *devices.Worker[evaluator.Evaluator]
	asked     chan struct{} // a question opened

	visits, read, refused, receipts, again, rated, unrated int
}

// open sets everything up; leave takes it down again and waits for it.
func open(t *testing.T, random *rand.Rand) (h *hall, leave func()) {
	t.Helper()
	dir := t.TempDir()
	sim, err := simulator.New(simulator.Config{Dir: dir, Speed: speed})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	h = &hall{t: t, ctx: ctx, random: random, sim: sim, asked: make(chan struct{}, 64)}
	port := func(kind devices.Kind, baud int) serialport.Config {
		driver := serialport.Bugst
		if random.IntN(2) == 0 {
			driver = serialport.Tarm
		}
		return serialport.Config{Path: filepath.Join(dir, string(kind)), Baud: baud, Driver: driver}
	}
	brisk := func(kind devices.Kind) devices.Config {
		return devices.Config{Name: string(kind), Kind: kind, PollEvery: 50 * time.Millisecond, Backoff: devices.Backoff{
			Presence: 20 * time.Millisecond, Min: 20 * time.Millisecond, Max: 200 * time.Millisecond, Hold: 300 * time.Millisecond,
		}}
	}
	idcardPort, printerPort, evaluatorPort := port(devices.IDCard, 115200), port(devices.Printer, 115200), port(devices.Evaluator, 9600)
	h.reader = devices.NewWorker(brisk(devices.IDCard), func(ctx context.Context) (*idcard.Reader, error) {
		r, _, err := idcard.Dial(ctx, idcardPort, idcard.WithAddress())
		return r, err
	})
	journal := printer.FileJournal(filepath.Join(dir, "job"))
	h.printer = devices.NewWorker(brisk(devices.Printer), func(ctx context.Context) (*printer.Printer, error) {
		line, err := serialport.Open(ctx, printerPort)
		if err != nil {
			return nil, err
		}
		return printer.New(line, printer.Paper80(), printer.Options{Name: "printer", Journal: journal}), nil
	})
	h.evaluator = devices.NewWorker(brisk(devices.Evaluator), func(ctx context.Context) (evaluator.Evaluator, error) {
		line, err := serialport.Open(ctx, evaluatorPort)
		if err != nil {
			return nil, err
		}
		return evaluator.Open(evaluator.EV1, line, evaluator.Options{Name: "evaluator"})
	})
	forget := sim.Watch(func(e simulator.Event) {
		if e.String() == "evaluator.asked" {
			select {
			case h.asked <- struct{}{}:
			default:
			}
		}
	})
	ended := make(chan error, 3)
	for _, run := range []func(context.Context) error{h.reader.Run, h.printer.Run, h.evaluator.Run} {
		go func() { ended <- run(ctx) }()
	}
	return h, func() {
		cancel()
		for range 3 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
		forget()
		sim.Close()
	}
}

// lend borrows a device, waiting a turn for it where it is on its way back.
func lend[D devices.Driver](h *hall, w *devices.Worker[D], f func(context.Context, D) error) error {
	updates, stop := w.Subscribe()
	defer stop()
	for limit := time.After(turn); ; {
		err := w.Use(h.ctx, f)
		if !errors.Is(err, devices.ErrNotReady) {
			return err
		}
		select {
		case <-updates:
		case <-limit:
			return err
		}
	}
}

// works waits until a device is back.
func works[D devices.Driver](h *hall, w *devices.Worker[D]) {
	h.t.Helper()
	updates, stop := w.Subscribe()
	defer stop()
	for limit := time.After(patience); ; {
		select {
		case s := <-updates:
			if s.State == devices.Online {
				return
			}
		case <-limit:
			s := w.Status()
			h.t.Errorf("%s never came back: %s %s", s.Device, s.State, s.Reason)
			return
		}
	}
}

// plug puts a cable back in where it was pulled.
func (h *hall) plug(device string) {
	h.t.Helper()
	if !h.sim.Plugged(device) {
		if err := h.sim.Plug(device, ""); err != nil {
			h.t.Error(err)
		}
	}
}
