package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"yeban/assets"
	"yeban/devices"
	"yeban/devices/evaluator"
	"yeban/devices/idcard"
	"yeban/devices/printer"
	"yeban/devices/serialport"
)

// hardware is the terminal's devices, each with the worker that owns its port.
type hardware struct {
	reader    *devices.Worker[*idcard.Reader]
	printer   *devices.Worker[*printer.Printer]
	evaluator *devices.Worker[evaluator.Evaluator] // nil where there is none
}

func serialConfig(p Port) serialport.Config {
	return serialport.Config{Path: p.Path, Baud: p.Baud, Driver: p.Driver}
}

const familySAMV = "samv"

// families are the words of the settings for how a reader wraps its messages.
var families = map[string]idcard.Family{familySAMV: idcard.SAMV, "stx": idcard.STX}

func (p *ReaderPort) check() error {
	if _, known := families[p.Family]; !known {
		return fmt.Errorf("devices.idcard.family: %q is neither samv nor stx", p.Family)
	}
	return nil
}

// options are what a reader is asked for besides the card's text and photo. Fingerprints are
// not: no item needs them.
func (p *ReaderPort) options() []idcard.Option {
	return []idcard.Option{idcard.WithFamily(families[p.Family]), idcard.WithAddress()}
}

// polarities are the scales of evaluators by the key that is the best.
var polarities = map[int]evaluator.Polarity{5: evaluator.BestIsHighest, 1: evaluator.BestIsLowest, 0: evaluator.BestIsZero}

func (p *EvaluatorPort) check() error {
	if _, known := polarities[p.BestKey]; !known {
		return fmt.Errorf("devices.evaluator.best_key: %d is neither 5, 1 nor 0", p.BestKey)
	}
	if p.JT905.Device > 0xFF || p.JT905.Vendor > 0xFF {
		return errors.New("devices.evaluator.jt905: device and vendor are one byte each")
	}
	if err := p.options().Check(evaluator.Kind(p.Model)); err != nil {
		return fmt.Errorf("devices.evaluator: %w", err)
	}
	return nil
}

func (p *EvaluatorPort) options() evaluator.Options {
	v := p.JT905
	return evaluator.Options{Name: "evaluator", Polarity: polarities[p.BestKey], Vendor: evaluator.JT905Vendor{
		Device: byte(v.Device), Vendor: byte(v.Vendor),
		Status: uint16(v.Status), Ask: uint16(v.Ask), Idle: uint16(v.Idle), Result: uint16(v.Result),
	}}
}

func defaultJT905() JT905 {
	v := evaluator.DefaultJT905()
	return JT905{
		Device: code(v.Device), Vendor: code(v.Vendor),
		Status: code(v.Status), Ask: code(v.Ask), Idle: code(v.Idle), Result: code(v.Result),
	}
}

const proofSensor = "sensor"

// proofs are the words of the settings for how a receipt is proven.
var proofs = map[string]printer.Proof{proofSensor: printer.BySensor, "job": printer.ByJobID, "none": printer.Unproven}

// profile is the printer as the settings describe it.
func (p *PrinterPort) profile() printer.Profile {
	profile := printer.Paper80()
	if p.WidthMM == 58 {
		profile = printer.Paper58()
	}
	profile.Proof, profile.BufferBytes, profile.NearEnd = proofs[p.Proof], p.BufferBytes, p.NearEnd
	return profile
}

func place(p Port) devices.Place {
	return devices.Place{Port: serialConfig(p), Identity: p.Identity, Candidates: p.Candidates}
}

// searchTime bounds one look at all candidate ports.
const searchTime = 30 * time.Second

// receiptFont draws what a printer's own font lacks. It is read once, when a printer is first
// opened: it has thousands of glyphs, and a printer may be opened again and again.
var receiptFont = sync.OnceValues(func() (*printer.Font, error) { return printer.NewRasterizer(assets.Regular) })

func newHardware(cfg Config, logger *slog.Logger) *hardware {
	logger = logger.With("part", "devices")
	worker := func(kind devices.Kind) devices.Config {
		return devices.Config{Name: string(kind), Kind: kind, OpenTimeout: searchTime, Log: logger}
	}
	h, ports := &hardware{}, new(devices.Ports)
	var reader idcard.Dialer
	h.reader = devices.NewWorkerAt(worker(devices.IDCard), place(cfg.Ports.IDCard.Port), ports,
		func(ctx context.Context, c serialport.Config) (*idcard.Reader, error) {
			r, _, err := reader.Dial(ctx, c, cfg.Ports.IDCard.options()...)
			return r, err
		})
	profile, forPrinter := cfg.Ports.Printer.profile(), worker(devices.Printer)
	forPrinter.Grace = profile.Grace(cfg.Ports.Printer.Baud)
	h.printer = devices.NewWorkerAt(forPrinter, place(cfg.Ports.Printer.Port), ports,
		func(ctx context.Context, c serialport.Config) (*printer.Printer, error) {
			raster, err := receiptFont()
			if err != nil {
				return nil, err
			}
			port, err := serialport.Open(ctx, c)
			if err != nil {
				return nil, err
			}
			return printer.New(port, profile, printer.Options{
				Name: "printer", Baud: c.Baud, Rasterizer: raster,
				Journal: printer.FileJournal(filepath.Join(cfg.Data, "print-job")),
			}), nil
		})
	if cfg.Ports.Evaluator.Path != "" {
		h.evaluator = devices.NewWorkerAt(worker(devices.Evaluator), place(cfg.Ports.Evaluator.Port), ports,
			func(ctx context.Context, c serialport.Config) (evaluator.Evaluator, error) {
				port, err := serialport.Open(ctx, c)
				if err != nil {
					return nil, err
				}
				e, err := evaluator.Open(evaluator.Kind(cfg.Ports.Evaluator.Model), port, cfg.Ports.Evaluator.options())
				if err != nil {
					port.Close()
				}
				return e, err
			})
	}
	return h
}

// run looks after all devices until ctx ends.
func (h *hardware) run(ctx context.Context) error {
	work, ctx := errgroup.WithContext(ctx)
	work.Go(func() error { return h.reader.Run(ctx) })
	work.Go(func() error { return h.printer.Run(ctx) })
	if h.evaluator != nil {
		work.Go(func() error { return h.evaluator.Run(ctx) })
	}
	return work.Wait()
}

// reopens has, for each device by its name, what opens its port anew.
func (h *hardware) reopens() map[string]func() {
	all := map[string]func(){string(devices.IDCard): h.reader.Reopen, string(devices.Printer): h.printer.Reopen}
	if h.evaluator != nil {
		all[string(devices.Evaluator)] = h.evaluator.Reopen
	}
	return all
}

// faults counts what went wrong in looking after devices by a fault of the program.
func (h *hardware) faults() int {
	count := func(s devices.Stats) int { return s.Panics + s.Abandoned }
	n := count(h.reader.Stats()) + count(h.printer.Stats())
	if h.evaluator != nil {
		n += count(h.evaluator.Stats())
	}
	return n
}

// statuses is the present condition of each device.
func (h *hardware) statuses() []devices.Status {
	all := []devices.Status{h.reader.Status(), h.printer.Status()}
	if h.evaluator != nil {
		all = append(all, h.evaluator.Status())
	}
	return all
}

// changes fires when any device's condition has changed.
func (h *hardware) changes() (<-chan struct{}, func()) {
	out := make(chan struct{}, 1)
	var work sync.WaitGroup
	var stops []func()
	follow := func(updates <-chan devices.Status, stop func()) {
		stops = append(stops, stop)
		work.Go(func() {
			for range updates {
				select {
				case out <- struct{}{}:
				default:
				}
			}
		})
	}
	follow(h.reader.Subscribe())
	follow(h.printer.Subscribe())
	if h.evaluator != nil {
		follow(h.evaluator.Subscribe())
	}
	return out, func() {
		for _, stop := range stops {
			stop()
		}
		work.Wait()
	}
}
