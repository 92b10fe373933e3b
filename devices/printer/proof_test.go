package printer_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"yeban/devices"
	"yeban/devices/printer"
	"yeban/devices/serialport"
	"yeban/devices/simulator"
)

// TestPrinterWithoutProofIsRefused: a profile that counts on a marker, a printer that
// answers none.
func TestPrinterWithoutProofIsRefused(t *testing.T) {
	t.Parallel()
	for name, proof := range bothProofs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			profile := printer.Paper80()
			profile.Proof = proof
			r := newRig(t, profile, impatient)
			r.bench.Printer.SetFaults(simulator.PrinterFaults{MarkerMute: true})
			err := r.p.Print(r.ctx, receipt(1))
			if !errors.Is(err, printer.ErrNotPrinted) || !errors.Is(err, printer.ErrNoProof) || !strings.Contains(err.Error(), "paper80") {
				t.Errorf("Print: %v", err)
			}
			if s := r.bench.Printer.State(); s.Lines != 0 {
				t.Errorf("%d lines came out", s.Lines)
			}
		})
	}
}

// TestUnprovenProfileNeverSaysSuccess: such a printer prints, and no slip voids what it
// printed; but nobody is told that it did.
func TestUnprovenProfileNeverSaysSuccess(t *testing.T) {
	t.Parallel()
	profile := printer.Paper80()
	profile.Proof = printer.Unproven
	for name, f := range map[string]simulator.PrinterFaults{
		"clears":           {MarkerMute: true},
		"knows no DLE DC4": {MarkerMute: true, IgnoresClear: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, profile)
			r.bench.Printer.SetFaults(f)
			for i := range 2 {
				err := r.p.Print(r.ctx, receipt(3))
				if !errors.Is(err, printer.ErrUnconfirmed) || !errors.Is(err, printer.ErrNoProof) {
					t.Fatalf("Print: %v", err)
				}
				if _, err := r.p.Poll(r.ctx); err != nil {
					t.Fatal(err)
				}
				if n := len(r.bench.Printer.Receipts()); n != i+1 {
					t.Fatalf("%d pieces of paper after %d jobs", n, i+1)
				}
			}
			f.PaperOutAfter = 2
			r.bench.Printer.SetFaults(f)
			err := r.p.Print(r.ctx, receipt(30))
			if !errors.Is(err, printer.ErrUnconfirmed) || !errors.Is(err, printer.ErrPaperOut) {
				t.Errorf("paper out: %v", err)
			}
			if err := r.p.Print(r.ctx, receipt(1)); !errors.Is(err, printer.ErrNotPrinted) {
				t.Errorf("without paper: %v", err)
			}
		})
	}
}

func TestUnprovenDocumentMustFitTheBuffer(t *testing.T) {
	t.Parallel()
	profile := printer.Paper80()
	profile.Proof, profile.BufferBytes = printer.Unproven, 512
	r := newRig(t, profile)
	err := r.p.Print(r.ctx, receipt(40))
	if !errors.Is(err, printer.ErrNotPrinted) || !errors.Is(err, printer.ErrNoProof) {
		t.Errorf("Print: %v", err)
	}
}

// TestWholeReceiptIsNotVoided: all lines came out, the answer behind the cut did not. The
// citizen holds a valid receipt; nothing may say otherwise, not even after a restart.
func TestWholeReceiptIsNotVoided(t *testing.T) {
	t.Parallel()
	for name, proof := range bothProofs {
		for after, restart := range map[string]bool{"": false, ", restarted": true} {
			t.Run(name+after, func(t *testing.T) {
				t.Parallel()
				profile := printer.Paper80()
				profile.Proof = proof
				var at serialport.Config
				var opt printer.Options
				r := newRig(t, profile, func(c *simulator.Config, o *printer.Options, p *serialport.Config) {
					o.Journal = printer.FileJournal(filepath.Join(c.Dir, "printing"))
					at, opt = *p, *o
					at.Path = filepath.Join(c.Dir, "printer")
				})
				// Title, 3 lines, code, its line feed, the feed, the cut: then all stands still.
				r.bench.Printer.SetFaults(simulator.PrinterFaults{CoverAfter: 8})
				err := r.p.Print(r.ctx, receipt(3))
				if !errors.Is(err, printer.ErrUnconfirmed) || !errors.Is(err, printer.ErrUncut) {
					t.Fatalf("Print: %v; hanging %q", err, r.bench.Printer.Hanging().Text())
				}
				if restart {
					r.p.Close()
					r.open(t, at, profile, opt)
				}
				r.repair()
				if _, err := r.p.Poll(r.ctx); err != nil {
					t.Fatal(err)
				}
				var text strings.Builder
				for _, piece := range r.bench.Printer.Receipts() {
					text.WriteString(piece.Text())
				}
				if strings.Contains(text.String(), "VOID") || strings.Count(text.String(), "办件编号") != 3 {
					t.Errorf("paper: %q", text.String())
				}
				if err := r.p.Print(r.ctx, receipt(1)); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// sick is a FileJournal whose disk fails from a moment on.
type sick struct {
	printer.FileJournal
	begin, end error
}

func (j *sick) Begin(void string) error {
	if j.begin != nil {
		return j.begin
	}
	return j.FileJournal.Begin(void)
}

func (j *sick) End() error {
	if j.end != nil {
		return j.end
	}
	return j.FileJournal.End()
}

func TestJournalThatFailsIsToldApart(t *testing.T) {
	t.Parallel()
	j := &sick{}
	r := newRig(t, printer.Paper80(), func(c *simulator.Config, o *printer.Options, _ *serialport.Config) {
		j.FileJournal = printer.FileJournal(filepath.Join(c.Dir, "printing"))
		o.Journal = j
	})
	j.end = errors.New("no space")
	err := r.p.Print(r.ctx, receipt(1))
	if !errors.Is(err, printer.ErrJournal) || errors.Is(err, printer.ErrNotPrinted) || errors.Is(err, printer.ErrUnconfirmed) {
		t.Errorf("note not ended: %v", err)
	}
	if err := r.p.Print(r.ctx, receipt(1)); !errors.Is(err, printer.ErrNotPrinted) || !errors.Is(err, printer.ErrJournal) {
		t.Errorf("still not ended: %v", err)
	}
	j.end = nil
	if err := r.p.Print(r.ctx, receipt(1)); err != nil {
		t.Errorf("mended: %v", err)
	}
	if _, pending, err := j.Pending(); pending || err != nil {
		t.Errorf("pending %v %v", pending, err)
	}
	j.begin = errors.New("no space")
	if err := r.p.Print(r.ctx, receipt(1)); !errors.Is(err, printer.ErrNotPrinted) || !errors.Is(err, printer.ErrJournal) {
		t.Errorf("note not begun: %v", err)
	}
	if n := len(r.bench.Printer.Receipts()); n != 2 {
		t.Errorf("%d receipts, want the first and the one after the mending", n)
	}
}

func TestCapabilitiesAreWhatThePrinterShowed(t *testing.T) {
	t.Parallel()
	r := newRig(t, printer.Paper80())
	want := func(when string, c devices.Capability, s devices.Support) {
		t.Helper()
		if got := r.p.Capabilities().Of(c); got != s {
			t.Errorf("%s: %s is %s, want %s", when, c, got, s)
		}
	}
	want("new", devices.CanProveBySensor, devices.UnknownSupport)
	want("new", devices.CanProveByID, devices.Unsupported)
	want("new", devices.CanTellPaperEnd, devices.UnknownSupport)
	if err := r.p.Print(r.ctx, receipt(1)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.p.Poll(r.ctx); err != nil {
		t.Fatal(err)
	}
	want("printed", devices.CanProveBySensor, devices.Supported)
	want("printed", devices.CanTellPaperEnd, devices.Supported)
	want("printed", devices.CanTellPaperNearEnd, devices.Supported)
	want("printed", devices.CanTellIdentity, devices.UnknownSupport)
	for range 2 {
		if who, err := r.p.Identity(r.ctx); err != nil || who != "YEBAN/SIM-ESCPOS/0000000001" {
			t.Fatalf("Identity: %q %v", who, err)
		}
	}
	want("asked", devices.CanTellIdentity, devices.Supported)
	r.bench.Printer.RemovePaper()
	if who, err := r.p.Identity(r.ctx); !errors.Is(err, printer.ErrPaperOut) || who != "" {
		t.Errorf("Identity without paper: %q %v", who, err)
	}
}

func TestNamelessPrinterHasNoIdentity(t *testing.T) {
	t.Parallel()
	r := newRig(t, printer.Paper80())
	r.bench.Printer.SetFaults(simulator.PrinterFaults{MarkerMute: true})
	if who, err := r.p.Identity(r.ctx); err != nil || who != "" {
		t.Errorf("Identity: %q %v", who, err)
	}
	if got := r.p.Capabilities().Of(devices.CanTellIdentity); got != devices.Unsupported {
		t.Errorf("identity is %s", got)
	}
}
