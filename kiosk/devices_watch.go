package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"yeban/devices"
)

type devicesWatchVerb struct {
	Port   string        `arg:"" optional:"" help:"Only the device that is configured on this port."`
	Config string        `help:"Settings file; without it the defaults hold." placeholder:"FILE"`
	JSON   bool          `name:"json" help:"One JSON object a line."`
	For    time.Duration `help:"End after this time; 0 goes on until Ctrl-C." default:"0" placeholder:"TIME"`
}

// watched is a worker without the type of its device.
type watched interface {
	Run(context.Context) error
	Subscribe() (<-chan devices.Status, func())
	Capabilities() devices.Capabilities
	Port() string
	Stats() devices.Stats
}

// Run looks after the devices as a kiosk does, and prints what they say.
func (v devicesWatchVerb) Run(s *streams) error {
	cfg, err := loadConfig(v.Config)
	if err != nil {
		return err
	}
	h, err := openHardware(cfg, s)
	if err != nil {
		return err
	}
	all := map[devices.Kind]watched{devices.IDCard: h.reader, devices.Printer: h.printer}
	if h.evaluator != nil {
		all[devices.Evaluator] = h.evaluator
	}
	for kind := range all {
		path := portOf(cfg.Ports, kind).Path
		if path == "" || v.Port != "" && !samePort(path, v.Port) {
			delete(all, kind)
		}
	}
	if len(all) == 0 && v.Port != "" {
		return fmt.Errorf("no device is configured on %s; to ask what hangs there: kiosk devices probe %s", v.Port, v.Port)
	}
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	if v.For > 0 {
		ctx, cancel = context.WithTimeout(s.ctx, v.For)
		defer cancel()
	}
	return v.follow(ctx, s, all)
}

// follow prints differences until ctx ends.
func (v devicesWatchVerb) follow(ctx context.Context, s *streams, all map[devices.Kind]watched) error {
	work, ctx := errgroup.WithContext(ctx)
	var line sync.Mutex
	for _, w := range all {
		updates, stop := w.Subscribe()
		work.Go(func() error { return w.Run(ctx) })
		work.Go(func() error {
			defer stop()
			for {
				select {
				case <-ctx.Done():
					return nil
				case u := <-updates:
					line.Lock()
					err := v.print(s, u, w)
					line.Unlock()
					if err != nil {
						return fmt.Errorf("print status: %w", err)
					}
				}
			}
		})
	}
	if err := work.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// statusLine is a status as scripts read it.
type statusLine struct {
	Time   time.Time      `json:"time"`
	Device string         `json:"device"`
	Kind   devices.Kind   `json:"kind"`
	State  devices.State  `json:"state"`
	Paper  devices.Paper  `json:"paper,omitempty"`
	Reason devices.Reason `json:"reason,omitempty"`
	Seq    uint64         `json:"seq"`

	Port         string               `json:"port,omitempty"` // where it was found; it may have been lost since
	Capabilities devices.Capabilities `json:"capabilities,omitempty"`
	Dropped      uint64               `json:"dropped,omitempty"` // answers that came late, twice or unasked
}

func (v devicesWatchVerb) print(s *streams, u devices.Status, w watched) error {
	able, port, dropped := w.Capabilities(), w.Port(), w.Stats().Dropped
	if v.JSON {
		return json.NewEncoder(s.out).Encode(statusLine{
			time.Now(), u.Device, u.Kind, u.State, u.Paper, u.Reason, u.Seq, port, able, dropped})
	}
	where := dash(port)
	if dropped > 0 {
		where += fmt.Sprintf("  %d answers dropped", dropped)
	}
	_, err := fmt.Fprintf(s.out, "%s  %-9s  %-13s  paper %-7s  %-14s  %s\n",
		time.Now().Format("15:04:05.000"), u.Device, u.State, paperWord(u, able), dash(string(u.Reason)), where)
	return err
}

// paperWord tells a printer that has no sensor for its paper from one that has not said.
func paperWord(u devices.Status, able devices.Capabilities) string {
	if u.Paper == devices.PaperUnknown && able.Of(devices.CanTellPaperEnd) == devices.Unsupported {
		return "no sensor"
	}
	return dash(string(u.Paper))
}

// openHardware makes the workers of a terminal for a verb that runs instead of one.
func openHardware(cfg Config, s *streams) (*hardware, error) {
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil { // of the print journal
		return nil, fmt.Errorf("data folder: %w", err)
	}
	return newHardware(cfg, newLogger(s.err, "error")), nil
}
