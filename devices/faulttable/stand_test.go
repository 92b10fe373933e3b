package faulttable_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
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

// patience bounds every wait: far above what is measured, for slow machines.
const patience = 60 * time.Second

// stand is one simulated device under its worker, as a terminal has it.
type stand struct {
	t         *testing.T
	ctx       context.Context
	row       row
	dir       string
	driver    serialport.Driver
	ports     devices.Ports
	sim       *simulator.Bench
	device    devices.Kind
	reader    *devices.Worker[*idcard.Reader]
	printer   *devices.Worker[*printer.Printer]
	evaluator *devices.Worker[evaluator.Evaluator]
	updates   <-chan devices.Status
	last      devices.Status
	mended    time.Time
	session   uint64
}

func newStand(t *testing.T, r row, driver serialport.Driver) *stand {
	t.Helper()
	dir := t.TempDir()
	sim, err := simulator.New(simulator.Config{Dir: dir, Evaluator: simulator.EvaluatorKind(r.make)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sim.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	s := &stand{t: t, ctx: ctx, row: r, dir: dir, driver: driver, sim: sim, device: r.device}
	t.Cleanup(cancel)
	s.updates = s.supervise(r.device)
	if r.device != devices.Evaluator || r.make != "pj06" { // which cannot be asked how it is
		s.await(devices.Online, devices.ReasonNone)
	} else {
		s.await(devices.Starting, devices.ReasonNone)
		s.await(devices.Unknown, devices.ReasonNone)
	}
	return s
}

// place is where a device belongs. Where the row says so it is looked for elsewhere, too.
func (s *stand) place(device devices.Kind, baud int) devices.Place {
	p := devices.Place{Port: serialport.Config{Path: s.socket(string(device)), Baud: baud, Driver: s.driver}}
	if s.row.searched {
		p.Candidates = []string{s.socket("idcard"), s.socket("printer"), s.socket("evaluator"), s.socket("spare")}
	}
	return p
}

func (s *stand) socket(name string) string { return filepath.Join(s.dir, name) }

// supervise runs a device's worker until the test ends.
func (s *stand) supervise(device devices.Kind) <-chan devices.Status {
	log := slog.New(slog.NewTextHandler(s.t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})) // shown where the row fails
	cfg := devices.Config{Name: string(device), Kind: device, Log: log}
	switch device {
	case devices.IDCard:
		var dialer idcard.Dialer
		s.reader = devices.NewWorkerAt(cfg, s.place(device, 115200), &s.ports,
			func(ctx context.Context, c serialport.Config) (*idcard.Reader, error) {
				d, _, err := dialer.Dial(ctx, c)
				return d, err
			})
		return run(s, s.reader)
	case devices.Printer:
		journal := printer.FileJournal(filepath.Join(s.dir, "job"))
		s.printer = devices.NewWorkerAt(cfg, s.place(device, 115200), &s.ports,
			func(ctx context.Context, c serialport.Config) (*printer.Printer, error) {
				line, err := serialport.Open(ctx, c)
				if err != nil {
					return nil, err
				}
				return printer.New(line, printer.Paper80(), printer.Options{Name: "printer", Journal: journal}), nil
			})
		return run(s, s.printer)
	default:
		s.evaluator = devices.NewWorkerAt(cfg, s.place(device, 9600), &s.ports,
			func(ctx context.Context, c serialport.Config) (evaluator.Evaluator, error) {
				line, err := serialport.Open(ctx, c)
				if err != nil {
					return nil, err
				}
				return evaluator.Open(evaluator.Kind(s.row.make), line, evaluator.Options{Name: "evaluator", Polarity: s.row.polarity})
			})
		return run(s, s.evaluator)
	}
}

func run[D devices.Driver](s *stand, w *devices.Worker[D]) <-chan devices.Status {
	ctx, cancel := context.WithCancel(s.ctx)
	ended := make(chan error, 1)
	updates, stop := w.Subscribe()
	go func() { ended <- w.Run(ctx) }()
	s.t.Cleanup(func() { cancel(); <-ended; stop() })
	return updates
}

// await waits until the device is said to be in a condition.
func (s *stand) await(state devices.State, reason devices.Reason) devices.Status {
	s.t.Helper()
	for limit := time.After(patience); ; {
		if s.last.State == state && s.last.Reason == reason {
			return s.last
		}
		select {
		case s.last = <-s.updates:
		case <-limit:
			s.t.Fatalf("never %s %s, last %s %s", state, reason, s.last.State, s.last.Reason)
		}
	}
}

// calm checks that staff were shown nothing but a device that works.
func (s *stand) calm() {
	s.t.Helper()
	for {
		select {
		case s.last = <-s.updates:
			if st := s.last.State; st != devices.Online && st != devices.DeviceBusy && st != devices.Unknown {
				s.t.Errorf("staff saw %s %s", st, s.last.Reason)
			}
		default:
			return
		}
	}
}

// mend undoes a fault and starts the clock of the recovery.
func (s *stand) mend(f func() error) {
	s.t.Helper()
	s.mended = time.Now()
	if err := f(); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stand) replug() { s.mend(func() error { return s.sim.Plug(string(s.device), "") }) }

// recovered waits until the device works and says how long that took.
func (s *stand) recovered() time.Duration {
	s.t.Helper()
	s.await(devices.Online, devices.ReasonNone)
	return time.Since(s.mended)
}

// read reads the card that lies there, and checks that it is that card.
func (s *stand) read(found func()) error {
	var got idcard.Record
	err := s.reader.Use(s.ctx, func(ctx context.Context, r *idcard.Reader) error {
		var err error
		got, err = r.WaitCard(ctx, 50*time.Millisecond, found)
		return err
	})
	card, laid := s.sim.Reader.Card()
	if err == nil && (!laid || got.Name != card.Name || got.IDNumber != card.IDNumber || got.Address != card.Address) {
		return errors.New("another card was read")
	}
	return err
}

// lay lays the tray's first card.
func (s *stand) lay() { s.sim.Reader.Lay(simulator.Cards()[0]) }

const (
	mark = "YB340103260001" // in the code below a receipt
	void = "VOID"
)

// print prints a receipt of so many lines.
func (s *stand) print(lines int) error {
	doc := printer.Document{VoidText: void}
	for i := range lines {
		doc.Lines = append(doc.Lines, printer.Line{Text: fmt.Sprintf("办件编号 %010d", i)})
	}
	doc.Lines = append(doc.Lines, printer.Line{QR: mark, Align: printer.Center})
	return s.printer.Use(s.ctx, func(ctx context.Context, p *printer.Printer) error { return p.Print(ctx, doc) })
}

// paper counts the whole receipts and the void pieces that were cut off.
func (s *stand) paper() (whole, voided int) {
	for _, r := range s.sim.Printer.Receipts() {
		good, bad := false, false
		for _, l := range r.Lines {
			good = good || l.QR == mark
			bad = bad || l.Text == void
		}
		switch {
		case bad:
			voided++
		case good:
			whole++
		}
	}
	return whole, voided
}

// rate asks, has f happen when the question is open, and gives the answer.
func (s *stand) rate(wait time.Duration, f func()) (evaluator.Level, error) {
	asked := make(chan struct{}, 8)
	forget := s.sim.Watch(func(e simulator.Event) {
		if e.String() == "evaluator.asked" {
			asked <- struct{}{}
		}
	})
	defer forget()
	done := make(chan struct{})
	ctx, cancel := context.WithCancel(s.ctx)
	go func() {
		defer close(done)
		select {
		case <-asked:
			f()
		case <-ctx.Done():
		}
	}()
	s.session++
	question := evaluator.Ask{Timeout: wait}
	binary.BigEndian.PutUint64(question.Session[:], s.session)
	var answer evaluator.Answer
	err := s.evaluator.Use(ctx, func(ctx context.Context, e evaluator.Evaluator) error {
		var err error
		answer, err = e.Ask(ctx, question)
		return err
	})
	cancel()
	<-done
	return answer.Level, err
}

func (s *stand) press(level int) func() {
	return func() {
		if err := s.sim.Evaluator.Press(level); err != nil {
			s.t.Error(err)
		}
	}
}

// must fails the row on an error that should not be.
func (s *stand) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}
