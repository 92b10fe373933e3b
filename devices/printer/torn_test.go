package printer_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"yeban/devices/printer"
	"yeban/devices/serialport"
	"yeban/devices/simulator"
)

// beheader is a line on which the first byte of every automatic status is lost.
type beheader struct{ printer.Port }

func (b beheader) Read(ctx context.Context, p []byte) (int, error) {
	for {
		n, err := b.Port.Read(ctx, p)
		rest := slices.DeleteFunc(p[:n], func(c byte) bool { return c&0x93 == 0x10 })
		if len(rest) > 0 || err != nil {
			return len(rest), err
		}
	}
}

// TestTornStatusProvesNothing: the paper ends in mid-receipt, the printer says so by itself,
// and what arrives of that looks like the answers to the markers.
func TestTornStatusProvesNothing(t *testing.T) {
	t.Parallel()
	var at serialport.Config
	var opt printer.Options
	r := newRig(t, printer.Paper80(), func(c *simulator.Config, o *printer.Options, p *serialport.Config) {
		at, opt = *p, *o
		at.Path = filepath.Join(c.Dir, "printer")
	})
	r.p.Close()
	line, err := serialport.Open(r.ctx, at)
	if err != nil {
		t.Fatal(err)
	}
	r.p = printer.New(beheader{line}, printer.Paper80(), opt)
	defer r.p.Close()
	if err := r.p.Print(r.ctx, receipt(3)); err != nil {
		t.Fatal(err)
	}
	r.poll(t) // automatic status is on from here
	r.bench.Printer.SetFaults(simulator.PrinterFaults{PaperOutAfter: 2})
	err = r.p.Print(r.ctx, receipt(3))
	if !errors.Is(err, printer.ErrUnconfirmed) || !errors.Is(err, printer.ErrPaperOut) || errors.Is(err, printer.ErrUncut) {
		t.Errorf("Print: %v", err)
	}
	r.bench.Printer.SetFaults(simulator.PrinterFaults{})
	r.repair()
	r.poll(t)
	pieces := r.bench.Printer.Receipts()
	if text := pieces[len(pieces)-1].Text(); len(pieces) != 2 || !strings.Contains(text, "VOID") {
		t.Errorf("%d pieces, the last says %q", len(pieces), text)
	}
}

// TestAutomaticStatusIsOffWhileAJobLasts, for makes that know how to switch it.
func TestAutomaticStatusIsOffWhileAJobLasts(t *testing.T) {
	t.Parallel()
	for asb, want := range map[bool]string{true: "\x1b@\x1c&\x1da\x00", false: "\x1b@\x1c&"} {
		profile := printer.Paper80()
		profile.ASB = asb
		atoms, err := printer.Encode(receipt(1), profile, nil)
		if err != nil || string(atoms[0]) != want {
			t.Errorf("automatic status %v: a job begins with %q, %v", asb, atoms[0], err)
		}
	}
}
