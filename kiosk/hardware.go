package main

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"

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

func newHardware(cfg Config, font []byte, logger *slog.Logger) *hardware {
	logger = logger.With("part", "devices")
	h := &hardware{}
	h.reader = devices.NewWorker(devices.Config{Name: "idcard", Kind: devices.IDCard, Log: logger},
		func(ctx context.Context) (*idcard.Reader, error) {
			r, _, err := idcard.Dial(ctx, serialConfig(cfg.Ports.IDCard), idcard.WithAddress())
			return r, err
		})
	h.printer = devices.NewWorker(devices.Config{Name: "printer", Kind: devices.Printer, Log: logger},
		func(ctx context.Context) (*printer.Printer, error) {
			raster, err := printer.NewRasterizer(font)
			if err != nil {
				return nil, fmt.Errorf("printer font: %w", err)
			}
			port, err := serialport.Open(ctx, serialConfig(cfg.Ports.Printer.Port))
			if err != nil {
				return nil, err
			}
			profile := printer.Paper80()
			if cfg.Ports.Printer.WidthMM == 58 {
				profile = printer.Paper58()
			}
			return printer.New(port, profile, printer.Options{
				Name: "printer", Baud: cfg.Ports.Printer.Baud, Rasterizer: raster,
				Journal: printJournal(filepath.Join(cfg.Data, "print-job")),
			}), nil
		})
	if cfg.Ports.Evaluator.Path != "" {
		h.evaluator = devices.NewWorker(devices.Config{Name: "evaluator", Kind: devices.Evaluator, Log: logger},
			func(ctx context.Context) (evaluator.Evaluator, error) {
				port, err := serialport.Open(ctx, serialConfig(cfg.Ports.Evaluator.Port))
				if err != nil {
					return nil, err
				}
				e, err := evaluator.Open(evaluator.Kind(cfg.Ports.Evaluator.Model), port, evaluator.Options{Name: "evaluator"})
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
