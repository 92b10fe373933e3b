package bench

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"

	"yeban/assets"
	"yeban/devices/simulator"
)

// rig is a window whose UI thread is the test.
type rig struct {
	dir   string // of the ports
	sim   *simulator.Bench
	w     fyne.Window
	texts Texts
	b     *bench
	ui    chan func()
	close func()
}

func newRig(t *testing.T, lang string) *rig { t.Helper(); return newRigIn(t, lang, nil) }

// newRigIn is a rig in a theme; nil is that of Fyne's tests.
func newRigIn(t *testing.T, lang string, look fyne.Theme) *rig {
	t.Helper()
	dir := t.TempDir()
	cfg := simulator.Config{Dir: dir}
	if look != nil {
		cfg.Font = assets.Regular
	}
	sim, err := simulator.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sim.Close() })
	texts, err := TextsIn(lang)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{dir: dir, sim: sim, texts: texts, ui: make(chan func(), 1000)}
	r.b = &bench{sim: sim, texts: texts, do: func(f func()) { r.ui <- f }}
	app := test.NewTempApp(t)
	if look != nil {
		app.Settings().SetTheme(legible{look})
	}
	r.w = newWindow(app, r.b)
	r.close = sync.OnceFunc(r.w.Close) // a second time is Fyne's panic
	t.Cleanup(r.close)
	return r
}

// until redraws as the devices change until what is awaited holds.
func (r *rig) until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for !holds() {
		select {
		case f := <-r.ui:
			f()
		case <-deadline:
			t.Fatalf("the window never showed: %s", what)
		}
	}
}

// button finds a button by its label.
func button(t *testing.T, w fyne.Window, label string) *widget.Button {
	t.Helper()
	for _, o := range test.LaidOutObjects(w.Content()) {
		if b, ok := o.(*widget.Button); ok && b.Text == label {
			return b
		}
	}
	t.Fatalf("no button %q", label)
	return nil
}

func checkbox(t *testing.T, w fyne.Window, label string) *widget.Check {
	t.Helper()
	for _, o := range test.LaidOutObjects(w.Content()) {
		if c, ok := o.(*widget.Check); ok && c.Text == label {
			return c
		}
	}
	t.Fatalf("no checkbox %q", label)
	return nil
}

func TestButtonsWorkTheDevices(t *testing.T) {
	for _, lang := range []string{"zh", "en"} {
		t.Run(lang, func(t *testing.T) {
			r := newRig(t, lang)
			test.Tap(button(t, r.w, simulator.Cards()[1].Name+"  "+r.texts.of("card.longterm")))
			if c, laid := r.sim.Reader.Card(); !laid || c.Key != "longterm" {
				t.Error("card was not laid")
			}
			lift := button(t, r.w, r.texts.of("lift"))
			r.until(t, "card laid", func() bool { return !lift.Disabled() })
			test.Tap(lift)
			if _, laid := r.sim.Reader.Card(); laid {
				t.Error("card was not lifted")
			}
			test.Tap(button(t, r.w, r.texts.of("paper.out")))
			if r.sim.Printer.State().Paper {
				t.Error("paper is still in")
			}
			ask(t, r)
			test.Tap(button(t, r.w, r.texts.of("restart")))
			if r.sim.Evaluator.Asking() {
				t.Error("the evaluator kept its question without power")
			}
		})
	}
}

func TestWindowFollowsTheDevices(t *testing.T) {
	r := newRig(t, "zh")
	load := button(t, r.w, r.texts.of("paper.out"))
	r.sim.Printer.RemovePaper()
	r.until(t, "paper out", func() bool { return load.Text == r.texts.of("paper.load") })
	if err := r.sim.Unplug("printer"); err != nil {
		t.Fatal(err)
	}
	check := checkbox(t, r.w, r.texts.of("cable.printer"))
	r.until(t, "cable out", func() bool { return !check.Checked })
}

func TestEveryLabelIsInBothLanguages(t *testing.T) {
	zh, err := TextsIn("zh")
	if err != nil {
		t.Fatal(err)
	}
	en, err := TextsIn("en")
	if err != nil {
		t.Fatal(err)
	}
	for key := range zh {
		if en[key] == "" || zh[key] == "" {
			t.Errorf("%s is empty", key)
		}
	}
	if _, err := TextsIn("fr"); err == nil {
		t.Error("a language that the catalogue lacks")
	}
}

func TestDeviceComesBackUnderTheChosenName(t *testing.T) {
	r := newRig(t, "zh")
	row := r.b.cables.rows["idcard"]
	check, port := row.in, row.port
	check.SetChecked(false)
	if r.sim.Plugged("idcard") {
		t.Fatal("the cable is still in")
	}
	r.until(t, "the cable's row lit", func() bool { return row.back.FillColor == lit })
	port.SetSelectedIndex(1)
	if r.sim.Plugged("idcard") {
		t.Error("choosing a name plugged it in")
	}
	check.SetChecked(true)
	if _, err := os.Lstat(filepath.Join(r.dir, otherPort)); err != nil {
		t.Error(err)
	}
	port.SetSelectedIndex(2) // a cable that is in changes over at once
	if _, err := os.Lstat(filepath.Join(r.dir, otherPort)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the name before is still there: %v", err)
	}
}

// A script moves a device: the selector goes along, be it to a port that it never offered.
func TestPortSelectorFollowsScripts(t *testing.T) {
	r := newRig(t, "en")
	row := r.b.cables.rows["idcard"]
	for _, c := range []struct{ as, shown string }{
		{otherPort, r.b.spoken("port.other", otherPort)},
		{"printer", r.b.spoken("port.taken", r.texts.of("tab.printer"))},
		{"ttyACM3", r.b.spoken("port.other", "ttyACM3")},
		{"", r.texts.of("port.own")},
	} {
		if _, err := r.sim.Do(simulator.Request{Do: "plug", Device: "idcard", As: c.as}); err != nil {
			t.Fatal(err)
		}
		r.until(t, c.shown, func() bool { return row.port.Selected == c.shown })
	}
	if err := r.sim.Unplug("idcard"); err != nil {
		t.Fatal(err)
	}
	r.until(t, "the cable out", func() bool { return !row.in.Checked })
	row.port.SetSelectedIndex(len(row.names) - 1)
	row.in.SetChecked(true)
	if _, err := os.Lstat(filepath.Join(r.dir, "ttyACM3")); err != nil {
		t.Error(err)
	}
}

// What cannot be done leaves the cable where it is, and the window says so.
func TestPortThatCannotBeStaysUnchosen(t *testing.T) {
	r := newRig(t, "en")
	if err := os.WriteFile(filepath.Join(r.dir, otherPort), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	row := r.b.cables.rows["printer"]
	row.port.SetSelectedIndex(1)
	if !r.sim.Plugged("printer") || !row.in.Checked || row.port.SelectedIndex() != 0 {
		t.Errorf("plugged %v, the window says %v on %q", r.sim.Plugged("printer"), row.in.Checked, row.port.Selected)
	}
}
