package bench

import (
	"reflect"
	"strings"
	"testing"

	"fyne.io/fyne/v2/test"

	"yeban/devices/simulator"
)

// The structs of faults, by device: what the window must offer.
var structs = map[string]reflect.Type{
	"idcard":    reflect.TypeFor[simulator.ReaderFaults](),
	"printer":   reflect.TypeFor[simulator.PrinterFaults](),
	"evaluator": reflect.TypeFor[simulator.EvaluatorFaults](),
}

func TestEveryFaultHasARowAndASentence(t *testing.T) {
	r := newRig(t, "zh")
	en, err := TextsIn("en")
	if err != nil {
		t.Fatal(err)
	}
	if len(r.b.side.pages) != len(structs) {
		t.Fatalf("%d devices, want %d", len(r.b.side.pages), len(structs))
	}
	wanted := make(map[string]bool)
	for _, p := range r.b.side.pages {
		faults := structs[p.of.device]
		if len(p.rows) != faults.NumField() {
			t.Errorf("%s: %d rows for %d faults", p.of.device, len(p.rows), faults.NumField())
		}
		for i, row := range p.rows {
			key := "fault." + p.of.device + "." + faults.Field(i).Tag.Get("yaml")
			wanted[key] = true
			if row.sentence.Text == "" || row.sentence.Text == key || en[key] == "" {
				t.Errorf("%s has no sentence", key)
			}
			if row.check == nil && len(row.values) < 3 {
				t.Errorf("%s has nothing to choose from", key)
			}
		}
	}
	for key := range r.texts {
		if strings.HasPrefix(key, "fault.") && key != "fault.off" && !wanted[key] {
			t.Errorf("%s is a sentence without a fault", key)
		}
	}
	for name := range choices {
		if !wanted["fault."+name] {
			t.Errorf("%s has choices and is no fault", name)
		}
	}
}

// Each control alone: the device gets this fault, no other, and "all off" ends it.
func TestEachSwitchSetsItsFaultAndNoOther(t *testing.T) {
	r := newRig(t, "en")
	for _, p := range r.b.side.pages {
		for i, row := range p.rows {
			var want int64 = 1
			if row.check != nil {
				row.check.SetChecked(true)
			} else {
				row.choice.SetSelectedIndex(len(row.values) - 1)
				want = row.values[len(row.values)-1]
			}
			faults := p.of.get()
			for j, other := range p.rows {
				switch got := other.field.value(faults); {
				case i == j && got != want:
					t.Errorf("%s is %d, want %d", row.field.key, got, want)
				case i != j && got != 0:
					t.Errorf("%s set %s as well", row.field.key, other.field.key)
				}
			}
			// The fault is the row's by name, too.
			if named := faults.FieldByNameFunc(func(n string) bool { return strings.EqualFold(n, row.field.name) }); named.IsZero() {
				t.Errorf("%s set another field", row.field.key)
			}
			r.b.show(r.b.look())
			if row.back.FillColor != lit || p.off.Disabled() {
				t.Errorf("%s is not shown as on", row.field.key)
			}
			test.Tap(p.off)
			if !p.of.get().IsZero() {
				t.Errorf("%s is still on", row.field.key)
			}
			r.b.show(r.b.look())
			if row.back.FillColor == lit || row.check != nil && row.check.Checked || row.choice != nil && row.choice.SelectedIndex() != 0 {
				t.Errorf("%s is not shown as off", row.field.key)
			}
		}
	}
}

// A script, or the device itself, sets what no selector offers.
func TestFaultsSetElsewhereAreShown(t *testing.T) {
	r := newRig(t, "en")
	page := r.b.side.pages[0]
	var chunk *faultRow
	for _, row := range page.rows {
		if row.field.name == "chunk" {
			chunk = row
		}
	}
	r.sim.Reader.SetFaults(simulator.ReaderFaults{Chunk: 13, Mute: true})
	r.until(t, "chunk 13", func() bool { return chunk.choice.Selected == "13" })
	if !strings.Contains(page.active.Text, "chunk 13") || !strings.Contains(page.active.Text, "mute") {
		t.Errorf("the summary says %q", page.active.Text)
	}
	if tab := r.b.side.tabs.Items[0].Text; !strings.Contains(tab, "(2)") {
		t.Errorf("the tab says %q", tab)
	}
	if f := r.sim.Reader.Faults(); f.Chunk != 13 || !f.Mute {
		t.Errorf("showing changed the faults to %+v", f)
	}
	chunk.choice.SetSelectedIndex(0)
	if f := r.sim.Reader.Faults(); f.Chunk != 0 || !f.Mute {
		t.Errorf("off left %+v", f)
	}
}
