package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"yeban/devices"
	"yeban/devices/evaluator"
	"yeban/devices/idcard"
	"yeban/devices/printer"
	"yeban/devices/serialport"
)

type devicesProbeVerb struct {
	Port   string `arg:"" optional:"" help:"Port to ask; without it each configured port is asked for its device."`
	Config string `help:"Settings file; without it the defaults hold." placeholder:"FILE"`
	Lang   string `help:"Language of the remedies: zh or en." default:"zh" enum:"zh,en"`
	JSON   bool   `name:"json" help:"As a JSON array."`
}

// finding is what a probe learned of one port.
type finding struct {
	Port   string         `json:"port"`
	Kind   devices.Kind   `json:"kind,omitempty"` // what answers, or what is configured there
	State  devices.State  `json:"state"`
	Paper  devices.Paper  `json:"paper,omitempty"`
	Reason devices.Reason `json:"reason,omitempty"`
	Baud   int            `json:"baud,omitempty"` // at which it answered
	Error  string         `json:"error,omitempty"`

	Identity     string               `json:"identity,omitempty"` // to configure where two of a kind must be told apart
	Capabilities devices.Capabilities `json:"capabilities,omitempty"`
}

// answers says whether something was heard that makes sense.
func (f finding) answers() bool { return f.Error == "" && f.State != devices.PowerOff }

// Run asks, and exits with 1 where a port stays without an answer.
func (v devicesProbeVerb) Run(s *streams) error {
	cfg, err := loadConfig(v.Config)
	if err != nil {
		return err
	}
	words, err := loadDeviceWords(v.Lang)
	if err != nil {
		return err
	}
	found := []finding{}
	if v.Port != "" {
		found = append(found, probePort(s.ctx, cfg.Ports, v.Port))
	} else {
		for _, kind := range []devices.Kind{devices.IDCard, devices.Printer, devices.Evaluator} {
			if portOf(cfg.Ports, kind).Path != "" {
				found = append(found, probeAs(s.ctx, cfg.Ports, kind))
			}
		}
	}
	silent := 0
	for _, f := range found {
		if !f.answers() {
			silent++
		}
		if !v.JSON {
			fmt.Fprintln(s.out, words.finding(f))
		}
	}
	if v.JSON {
		err = writeJSON(s.out, found)
	}
	if err == nil && silent > 0 {
		return exitCode(1)
	}
	return err
}

func portOf(p Ports, kind devices.Kind) Port {
	switch kind {
	case devices.IDCard:
		return p.IDCard.Port
	case devices.Printer:
		return p.Printer.Port
	default:
		return p.Evaluator.Port
	}
}

// samePort says whether two names lead to the same port.
func samePort(a, b string) bool {
	if a == b {
		return true
	}
	x, errX := filepath.EvalSymlinks(a)
	y, errY := filepath.EvalSymlinks(b)
	return errX == nil && errY == nil && x == y
}

// probePort finds out what hangs on a port: first what is configured there, then by
// questions in the order of the harm that a wrong device would take from them. A printer
// would print another's frames, so its own question, which no device minds, comes first.
func probePort(ctx context.Context, p Ports, path string) finding {
	order := []devices.Kind{devices.Printer, devices.Evaluator, devices.IDCard}
	for _, kind := range order {
		if configured := portOf(p, kind).Path; configured != "" && samePort(configured, path) {
			if f := probeAs(ctx, p, kind); f.answers() {
				return f
			}
		}
	}
	var last finding
	for _, kind := range order {
		try := p
		try.IDCard.Path, try.Printer.Path, try.Evaluator.Path = path, path, path
		last = probeAs(ctx, try, kind)
		if last.answers() && last.State != devices.Offline && last.State != devices.Unknown {
			return last
		}
		if last.State == devices.NoDevice || last.Reason == devices.ReasonPortBusy || last.Reason == devices.ReasonPortDenied {
			break
		}
	}
	last.Kind = ""
	if last.Error == "" {
		last.Error = "nothing that is known here answers"
	}
	return last
}

// probeTimeout bounds one device's probe; a reader may take 2 s to boot, and four more
// rates are tried.
const probeTimeout = 15 * time.Second

// probeAs asks a port in one device's own words.
func probeAs(ctx context.Context, p Ports, kind devices.Kind) finding {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	port := portOf(p, kind)
	f := finding{Port: port.Path, Kind: kind, Baud: port.Baud}
	s, err := ask(ctx, p, kind, &f)
	if err != nil {
		fault := devices.Classify(err)
		f.State, f.Reason, f.Error, f.Baud = fault.State, fault.Reason, err.Error(), 0
		return f
	}
	f.State, f.Paper, f.Reason = s.State, s.Paper, s.Reason
	return f
}

func ask(ctx context.Context, p Ports, kind devices.Kind, f *finding) (s devices.Status, err error) {
	if kind == devices.IDCard {
		r, baud, err := idcard.Dial(ctx, serialConfig(p.IDCard.Port), p.IDCard.options()...)
		if err != nil {
			return s, err
		}
		f.Baud = baud
		defer func() { err = errors.Join(err, r.Close()) }()
		return f.learn(ctx, r, r.Poll)
	}
	line, err := serialport.Open(ctx, serialConfig(portOf(p, kind)))
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, line.Close()) }()
	if kind == devices.Printer {
		d := printer.New(line, printer.Paper80(), printer.Options{Name: "printer", Baud: p.Printer.Baud})
		return f.learn(ctx, d, func(ctx context.Context) (devices.Status, error) {
			said, err := d.Status(ctx) // Poll would also tidy up after a half receipt
			return d.Describe(said), err
		})
	}
	e, err := evaluator.Open(evaluator.Kind(p.Evaluator.Model), line, p.Evaluator.options())
	if err != nil {
		return s, err
	}
	return f.learn(ctx, e, e.Poll)
}

// learn asks a device how it is, and one that answers also who it is and what it can do.
func (f *finding) learn(ctx context.Context, d devices.Driver, poll func(context.Context) (devices.Status, error)) (devices.Status, error) {
	s, err := poll(ctx)
	if err != nil {
		return s, err
	}
	if asked, ok := d.(devices.Identifier); ok && s.State != devices.PowerOff && s.Reason != devices.ReasonGarbled {
		// A device that is unwell may not tell; its condition says so already.
		f.Identity, _ = asked.Identity(ctx)
	}
	if able, ok := d.(devices.Capable); ok {
		f.Capabilities = able.Capabilities()
	}
	return s, nil
}
