package main

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

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

func (p *EvaluatorPort) polarity() evaluator.Polarity {
	if p.BestIsLowest {
		return evaluator.BestIsLowest
	}
	return evaluator.BestIsHighest
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

func newHardware(cfg Config, font []byte, logger *slog.Logger) *hardware {
	logger = logger.With("part", "devices")
	worker := func(kind devices.Kind) devices.Config {
		return devices.Config{Name: string(kind), Kind: kind, OpenTimeout: searchTime, Log: logger}
	}
	h, ports := &hardware{}, new(devices.Ports)
	var reader idcard.Dialer
	h.reader = devices.NewWorkerAt(worker(devices.IDCard), place(cfg.Ports.IDCard), ports,
		func(ctx context.Context, c serialport.Config) (*idcard.Reader, error) {
			r, _, err := reader.Dial(ctx, c, idcard.WithAddress())
			return r, err
		})
	h.printer = devices.NewWorkerAt(worker(devices.Printer), place(cfg.Ports.Printer.Port), ports,
		func(ctx context.Context, c serialport.Config) (*printer.Printer, error) {
			raster, err := printer.NewRasterizer(font)
			if err != nil {
				return nil, fmt.Errorf("printer font: %w", err)
			}
			port, err := serialport.Open(ctx, c)
			if err != nil {
				return nil, err
			}
			return printer.New(port, cfg.Ports.Printer.profile(), printer.Options{
				Name: "printer", Baud: c.Baud, Rasterizer: raster,
				Journal: printJournal(filepath.Join(cfg.Data, "print-job")),
			}), nil
		})
	if cfg.Ports.Evaluator.Path != "" {
		h.evaluator = devices.NewWorkerAt(worker(devices.Evaluator), place(cfg.Ports.Evaluator.Port), ports,
			func(ctx context.Context, c serialport.Config) (evaluator.Evaluator, error) {
				port, err := serialport.Open(ctx, c)
				if err != nil {
					return nil, err
				}
				e, err := evaluator.Open(evaluator.Kind(cfg.Ports.Evaluator.Model), port, evaluator.Options{Name: "evaluator", Polarity: cfg.Ports.Evaluator.polarity()})
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

// retries has, for each device by its name, what opens its lost port at once.
func (h *hardware) retries() map[string]func() {
	all := map[string]func(){string(devices.IDCard): h.reader.Retry, string(devices.Printer): h.printer.Retry}
	if h.evaluator != nil {
		all[string(devices.Evaluator)] = h.evaluator.Retry
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
