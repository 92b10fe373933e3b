package bench

import (
	"context"
	"flag"
	"image/png"
	"os"
	"path/filepath"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"

	"yeban/assets"
	"yeban/devices/serialport"
	"yeban/devices/simulator"
	"yeban/kiosk/touch"
)

var pictures = flag.String("pictures", "", "folder to write a picture of the window in each moment to")

// moments are what can be seen of the bench, one after the other on the same devices.
var moments = []struct {
	name string
	do   func(t *testing.T, r *rig)
}{
	{"1-start", func(*testing.T, *rig) {}},
	{"2-question", func(t *testing.T, r *rig) {
		ask(t, r)
		r.sim.Reader.Lay(simulator.Cards()[1])
	}},
	{"3-cover-open", func(t *testing.T, r *rig) {
		write(t, r, "printer", 115200, receipt)
		r.until(t, "the receipt", func() bool { return r.sim.Printer.State().Receipts > 0 })
		r.sim.Printer.SetCover(true)
		r.sim.Printer.SetNearEnd(true)
	}},
	{"4-power-off", func(t *testing.T, r *rig) {
		r.sim.Printer.SetPower(false)
		r.sim.Printer.RemovePaper()
		if err := r.sim.Unplug("evaluator"); err != nil {
			t.Fatal(err)
		}
		if err := r.sim.Plug("idcard", "evaluator"); err != nil {
			t.Fatal(err)
		}
	}},
	{"5-faults", func(t *testing.T, r *rig) {
		r.sim.Reader.SetFaults(simulator.ReaderFaults{SelfTest: 0x66, Chunk: 13, Noise: 40, FrameInPhoto: true, BadChecksum: true, DeafFor: simulator.Duration(15e9)})
		r.b.side.tabs.SelectIndex(0)
	}},
	{"6-printer-faults", func(t *testing.T, r *rig) { r.b.side.tabs.SelectIndex(1) }},
	{"7-evaluator-faults", func(t *testing.T, r *rig) {
		r.sim.Evaluator.SetFaults(simulator.EvaluatorFaults{FromZero: true})
		r.b.side.tabs.SelectIndex(2)
	}},
	{"8-scenarios", func(t *testing.T, r *rig) {
		r.b.side.tabs.SelectIndex(3)
		r.b.side.plays.failed = simulator.ErrRequest
	}},
}

// ask opens a question on the evaluator, as a kiosk would.
func ask(t *testing.T, r *rig) {
	t.Helper()
	write(t, r, "evaluator", 9600, "\x55\xAA\x00\x11\x01\x01\x01\x03\x00\x00\x00\x00\x00\x00\x00\x01\x02\x58\x00\x46\x61")
	r.until(t, "the question", r.sim.Evaluator.Asking)
}

const receipt = "\x1B@\x1Ba\x01\x1D!\x11Receipt\n\x1D!\x00No. 34010326000123\n\x1Ba\x00Thank you for coming.\n\n\n\n\x1DV\x00"

// write says something to a device, as a program that has its port open.
func write(t *testing.T, r *rig, device string, baud int, said string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	port, err := serialport.Open(ctx, serialport.Config{Path: filepath.Join(r.dir, device), Baud: baud})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { port.Close() })
	if _, err := port.Write(ctx, []byte(said)); err != nil {
		t.Fatal(err)
	}
}

// TestWindowHoldsEverything holds each moment, in the fonts of the program, against the
// window's size at the start: what is larger would be clipped.
func TestWindowHoldsEverything(t *testing.T) {
	for _, lang := range []string{"zh", "en"} {
		r := newRigIn(t, lang, touch.NewBenchTheme(assets.Regular, assets.SemiBold))
		r.w.Resize(Size)
		for _, m := range moments {
			m.do(t, r)
			r.b.show(r.b.look())
			r.w.Content().Refresh() // as a real canvas does by itself where a text has grown
			if least := r.w.Content().MinSize(); least.Width > Size.Width || least.Height > Size.Height {
				t.Errorf("%s, %s: needs %v, the window is %v", lang, m.name, least, Size)
			}
			if *pictures != "" {
				draw(t, r, lang+"-"+m.name)
			}
		}
		const room = 80 // of a selector's text
		for _, row := range r.b.cables.rows {
			for _, text := range row.port.Options {
				if size := fyne.MeasureText(text, theme.TextSize(), fyne.TextStyle{}); size.Width > room {
					t.Errorf("%s: %q is %v wide, the selector has room for %v", lang, text, size.Width, room)
				}
			}
		}
	}
}

func draw(t *testing.T, r *rig, name string) {
	t.Helper()
	if err := os.MkdirAll(*pictures, 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(*pictures, name+".png"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := png.Encode(f, r.w.Canvas().Capture()); err != nil {
		t.Fatal(err)
	}
}
