package printer_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"yeban/devices"
	"yeban/devices/printer"
	"yeban/devices/serialport"
	"yeban/devices/simulator"
)

// TestMain lets the tests wait side by side: they wait for time-outs, not for the
// processor. Fuzzing does use the processor.
func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("test.fuzz"); f == nil || f.Value.String() == "" {
		flag.Set("test.parallel", "16")
	}
	os.Exit(m.Run())
}

// rig is a printer driver on a simulated printer, at twenty times the wire's speed.
type rig struct {
	bench *simulator.Bench
	p     *printer.Printer
	ctx   context.Context
}

func newRig(t testing.TB, profile printer.Profile, alter ...func(*simulator.Config, *printer.Options, *serialport.Config)) *rig {
	t.Helper()
	cfg := simulator.Config{Dir: t.TempDir(), Speed: 20, Width: 80, Buffer: profile.BufferBytes}
	if profile.DotsWide == 384 {
		cfg.Width = 58
	}
	o := printer.Options{Name: "printer", Patience: 30 * time.Second, Reply: time.Second}
	port := serialport.Config{Baud: 115200}
	for _, f := range alter {
		f(&cfg, &o, &port)
	}
	b, err := simulator.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	port.Path = filepath.Join(cfg.Dir, "printer")
	r := &rig{bench: b, ctx: ctx}
	r.open(t, port, profile, o)
	return r
}

// open starts a driver, as a program does after a restart.
func (r *rig) open(t testing.TB, at serialport.Config, profile printer.Profile, o printer.Options) {
	t.Helper()
	port, err := serialport.Open(r.ctx, at)
	if err != nil {
		t.Fatal(err)
	}
	r.p = printer.New(port, profile, o)
	t.Cleanup(func() { r.p.Close() })
}

func receipt(lines int) printer.Document {
	d := printer.Document{VoidText: "此回执无效 VOID"}
	d.Lines = append(d.Lines, printer.Line{Text: "受理回执", Align: printer.Center, Size: 2, Bold: true})
	for range lines {
		d.Lines = append(d.Lines, printer.Line{Text: "办件编号 0123456789"})
	}
	d.Lines = append(d.Lines, printer.Line{QR: "YB0123456789", Align: printer.Center})
	return d
}

func TestReceiptComesOutOnceAndIsProven(t *testing.T) {
	t.Parallel()
	for name, alter := range map[string]func(*printer.Profile){
		"sensor marker": func(*printer.Profile) {},
		"job id":        func(p *printer.Profile) { p.Proof = printer.ByJobID },
		"45 byte buffer": func(p *printer.Profile) {
			p.BufferBytes = 45
		},
		"own QR": func(p *printer.Profile) { p.NoQR = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			profile := printer.Paper58()
			alter(&profile)
			r := newRig(t, profile)
			if err := r.p.Print(r.ctx, receipt(5)); err != nil {
				t.Fatal(err)
			}
			got := r.bench.Printer.Receipts()
			if len(got) != 1 {
				t.Fatalf("%d receipts", len(got))
			}
			text := got[0].Text()
			if !strings.HasPrefix(text, "受理回执\n") || strings.Count(text, "办件编号 0123456789\n") != 5 {
				t.Errorf("receipt says %q", text)
			}
			if l := got[0].Lines[0]; l.Size != 2 || !l.Bold || l.Align != simulator.Center {
				t.Errorf("title is %+v", l)
			}
			if !profile.NoQR && got[0].Lines[6].QR != "YB0123456789" {
				t.Errorf("code is %+v", got[0].Lines[6])
			}
			if s := r.bench.Printer.State(); s.Overruns != 0 {
				t.Errorf("%d bytes overran the buffer", s.Overruns)
			}
		})
	}
}

func TestNothingIsSentToAPrinterThatCannotPrint(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		harm   func(*simulator.Printer)
		want   error
		state  devices.State
		reason devices.Reason
	}{
		"paper out":  {func(p *simulator.Printer) { p.RemovePaper() }, printer.ErrPaperOut, devices.Offline, devices.ReasonPaperOut},
		"cover open": {func(p *simulator.Printer) { p.SetCover(true) }, printer.ErrCoverOpen, devices.UserError, devices.ReasonCoverOpen},
		"no power":   {func(p *simulator.Printer) { p.SetPower(false) }, printer.ErrSilent, devices.PowerOff, devices.ReasonSilent},
		"cutter": {func(p *simulator.Printer) { p.SetFaults(simulator.PrinterFaults{CutterStuck: true}) },
			printer.ErrFault, devices.HardwareError, devices.ReasonCutter},
		"head hot": {func(p *simulator.Printer) { p.SetFaults(simulator.PrinterFaults{HeadHot: true}) },
			printer.ErrFault, devices.Offline, devices.ReasonHeadHot},
		"broken": {func(p *simulator.Printer) { p.SetFaults(simulator.PrinterFaults{Broken: true}) },
			printer.ErrFault, devices.HardwareError, devices.ReasonPrinterFault},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, printer.Paper80())
			c.harm(r.bench.Printer)
			err := r.p.Print(r.ctx, receipt(1))
			if !errors.Is(err, c.want) || !errors.Is(err, printer.ErrNotPrinted) {
				t.Errorf("Print: %v, want %v", err, c.want)
			}
			s, err := r.p.Poll(r.ctx)
			if err != nil || s.State != c.state || s.Reason != c.reason {
				t.Errorf("Poll: %s %s %v, want %s %s", s.State, s.Reason, err, c.state, c.reason)
			}
			if s := r.bench.Printer.State(); s.Lines != 0 || s.Buffered != 0 {
				t.Errorf("the printer got something: %+v", s)
			}
		})
	}
}

// TestHalfReceiptIsVoidedAfterRefill: the paper ends in mid-receipt; after the refill
// nothing of the old job may pour out, and the half receipt must say that it is void.
func TestHalfReceiptIsVoidedAfterRefill(t *testing.T) {
	t.Parallel()
	for name, faults := range map[string]simulator.PrinterFaults{
		"paper ends":   {PaperOutAfter: 3},
		"cover opened": {CoverAfter: 3},
		"power lost":   {PowerOffAfter: 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, printer.Paper80())
			r.bench.Printer.SetFaults(faults)
			err := r.p.Print(r.ctx, receipt(30))
			if !errors.Is(err, printer.ErrUnconfirmed) || errors.Is(err, printer.ErrNotPrinted) {
				t.Fatalf("Print: %v", err)
			}
			r.repair()
			if got := r.bench.Printer.Hanging(); len(got.Lines) != 3 {
				t.Errorf("%d lines after the refill, want the 3 from before", len(got.Lines))
			}
			if s, err := r.p.Poll(r.ctx); err != nil || s.State != devices.Online {
				t.Fatalf("Poll: %v %v", s.State, err)
			}
			r.wantVoided(t, 3)
			if err := r.p.Print(r.ctx, receipt(1)); err != nil {
				t.Fatal(err)
			}
			if n := len(r.bench.Printer.Receipts()); n != 2 {
				t.Errorf("%d pieces of paper, want the void one and the new one", n)
			}
		})
	}
}

func (r *rig) repair() {
	r.bench.Printer.SetCover(false)
	r.bench.Printer.LoadPaper()
	r.bench.Printer.SetPower(true)
}

func (r *rig) wantVoided(t *testing.T, lines int) {
	t.Helper()
	got := r.bench.Printer.Receipts()
	if len(got) != 1 {
		t.Fatalf("%d pieces of paper, want one", len(got))
	}
	if n := len(got[0].Lines); n != lines+1 || got[0].Lines[n-1].Text != "此回执无效 VOID" {
		t.Errorf("half receipt is %q", got[0].Text())
	}
}

func TestHalfReceiptIsVoidedAfterRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	journal := printer.FileJournal(filepath.Join(dir, "printing"))
	o := printer.Options{Patience: 30 * time.Second, Reply: time.Second, Journal: journal}
	r := newRig(t, printer.Paper80(), func(c *simulator.Config, po *printer.Options, _ *serialport.Config) { c.Dir, *po = dir, o })
	r.bench.Printer.SetFaults(simulator.PrinterFaults{PaperOutAfter: 2, IgnoresClear: true})
	if err := r.p.Print(r.ctx, receipt(9)); !errors.Is(err, printer.ErrUnconfirmed) {
		t.Fatal(err)
	}
	r.p.Close()
	r.open(t, serialport.Config{Path: filepath.Join(dir, "printer"), Baud: 115200}, printer.Paper80(), o)
	r.repair()
	r.bench.Printer.SetFaults(simulator.PrinterFaults{})
	if _, err := r.p.Poll(r.ctx); err != nil {
		t.Fatal(err)
	}
	got := r.bench.Printer.Receipts()
	last := got[len(got)-1].Lines
	if last[len(last)-1].Text != "此回执无效 VOID" {
		t.Errorf("last piece says %q", got[len(got)-1].Text())
	}
	if _, pending, err := journal.Pending(); pending || err != nil {
		t.Errorf("journal still pending: %v %v", pending, err)
	}
}

func TestJobsSurviveChattyAndDoubledAnswers(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]simulator.PrinterFaults{
		"automatic status between": {ChattyASB: true},
		"doubled":                  {DoubledReplies: true},
		"both":                     {ChattyASB: true, DoubledReplies: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, printer.Paper80())
			r.bench.Printer.SetFaults(f)
			for i := range 3 {
				if err := r.p.Print(r.ctx, receipt(3)); err != nil {
					t.Fatalf("job %d: %v", i, err)
				}
			}
			if n := len(r.bench.Printer.Receipts()); n != 3 {
				t.Errorf("%d receipts, want 3", n)
			}
			r.bench.Printer.RemovePaper()
			if err := r.p.Print(r.ctx, receipt(1)); !errors.Is(err, printer.ErrPaperOut) {
				t.Errorf("Print without paper: %v", err)
			}
		})
	}
}

func TestProofThatNeverComesIsNotSuccess(t *testing.T) {
	t.Parallel()
	r := newRig(t, printer.Paper80(), func(_ *simulator.Config, o *printer.Options, _ *serialport.Config) { o.Patience = 2 * time.Second })
	if _, err := r.p.Poll(r.ctx); err != nil {
		t.Fatal(err)
	}
	r.bench.Printer.SetFaults(simulator.PrinterFaults{MarkerMute: true})
	if err := r.p.Print(r.ctx, receipt(1)); !errors.Is(err, printer.ErrNotPrinted) {
		t.Errorf("Print: %v", err)
	}
	if s := r.bench.Printer.State(); s.Lines != 0 {
		t.Errorf("%d lines came out of a job that was told not to have begun", s.Lines)
	}
}

func TestBlockedWriteEnds(t *testing.T) {
	t.Parallel()
	r := newRig(t, printer.Paper80(), func(_ *simulator.Config, o *printer.Options, _ *serialport.Config) { o.Patience = 2 * time.Second })
	if _, err := r.p.Poll(r.ctx); err != nil {
		t.Fatal(err)
	}
	stop := r.bench.Watch(func(e simulator.Event) {
		if e.String() == "printer.line" {
			r.bench.Printer.SetFaults(simulator.PrinterFaults{StopsReading: true})
		}
	})
	defer stop()
	doc := receipt(300)
	if err := r.p.Print(r.ctx, doc); !errors.Is(err, printer.ErrUnconfirmed) {
		t.Errorf("Print: %v", err)
	}
}

func TestUnplugInMidReceipt(t *testing.T) {
	t.Parallel()
	r := newRig(t, printer.Paper80())
	r.bench.Printer.SetFaults(simulator.PrinterFaults{UnplugAfter: 3})
	err := r.p.Print(r.ctx, receipt(30))
	if !errors.Is(err, printer.ErrUnconfirmed) || !errors.Is(err, serialport.ErrGone) {
		t.Fatalf("Print: %v", err)
	}
	if _, err := r.p.Poll(r.ctx); !errors.Is(err, serialport.ErrGone) {
		t.Errorf("Poll: %v", err)
	}
}

func TestCancelStopsAJobAndClearsIt(t *testing.T) {
	t.Parallel()
	r := newRig(t, printer.Paper80(), func(c *simulator.Config, _ *printer.Options, _ *serialport.Config) { c.Speed = 1 })
	ctx, cancel := context.WithCancel(r.ctx)
	stop := r.bench.Watch(func(e simulator.Event) {
		if e.String() == "printer.line" {
			cancel()
		}
	})
	defer stop()
	if err := r.p.Print(ctx, receipt(200)); !errors.Is(err, printer.ErrUnconfirmed) || !errors.Is(err, context.Canceled) {
		t.Fatalf("Print: %v", err)
	}
	if _, err := r.p.Poll(r.ctx); err != nil {
		t.Fatal(err)
	}
	got := r.bench.Printer.Receipts()
	if len(got) != 1 || !strings.HasSuffix(got[0].Text(), "此回执无效 VOID\n") {
		t.Errorf("paper: %d pieces", len(got))
	}
}

func TestRareCharactersArePrintedAsPictures(t *testing.T) {
	ttf, err := os.ReadFile("../../assets/fonts/NotoSansSC-Regular.ttf")
	if err != nil {
		t.Skip("no font here: ", err)
	}
	raster, err := printer.NewRasterizer(ttf)
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, printer.Paper58(), func(_ *simulator.Config, o *printer.Options, _ *serialport.Config) { o.Rasterizer = raster })
	doc := printer.Document{Lines: []printer.Line{
		{Text: "申请人 㑇𠱃", Align: printer.Center},
		{Text: "地址 \ue5c8塘村"},
		{Text: "申请人 程试一"},
	}}
	if err := r.p.Print(r.ctx, doc); err != nil {
		t.Fatal(err)
	}
	lines := r.bench.Printer.Receipts()[0].Lines
	if len(lines) != 3 || !lines[0].Picture || !lines[1].Picture || lines[2].Text != "申请人 程试一" {
		t.Errorf("receipt is %+v", lines)
	}
}

func TestStatusKeepsPaceWithThePrinter(t *testing.T) {
	t.Parallel()
	r := newRig(t, printer.Paper80())
	r.bench.Printer.SetNearEnd(true)
	if s, err := r.p.Poll(r.ctx); err != nil || s.State != devices.Online || s.Paper != devices.PaperLow {
		t.Errorf("near end: %+v %v", s, err)
	}
	r.bench.Printer.LoadPaper()
	if s, err := r.p.Poll(r.ctx); err != nil || s.Paper != devices.PaperFull || s.Reason != devices.ReasonNone {
		t.Errorf("loaded: %+v %v", s, err)
	}
	r.bench.Printer.SetFaults(simulator.PrinterFaults{BootBaud: 9600})
	if s, err := r.p.Poll(r.ctx); err != nil || s.State == devices.Online || s.Paper == devices.PaperOut {
		t.Errorf("wrong baud: %+v %v", s, err)
	}
}

func TestPrinterThatBeginsToSayThingsTwiceProvesNothingEarly(t *testing.T) {
	t.Parallel()
	r := newRig(t, printer.Paper80(), func(c *simulator.Config, _ *printer.Options, _ *serialport.Config) { c.Speed = 1 })
	for range 2 { // until it is trusted to answer once
		if _, err := r.p.Poll(r.ctx); err != nil {
			t.Fatal(err)
		}
	}
	r.bench.Printer.SetFaults(simulator.PrinterFaults{DoubledReplies: true})
	for i := range 3 {
		if err := r.p.Print(r.ctx, receipt(10)); err != nil {
			t.Fatal(err)
		}
		if got := len(r.bench.Printer.Receipts()); got != i+1 {
			t.Fatalf("proven with %d receipts cut, want %d", got, i+1)
		}
	}
}
