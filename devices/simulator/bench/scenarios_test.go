package bench

import (
	"testing"

	"fyne.io/fyne/v2/test"
)

func TestEachScenarioHasASentence(t *testing.T) {
	all, err := scenarios()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("no scenarios")
	}
	for _, lang := range []string{"zh", "en"} {
		texts, err := TextsIn(lang)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range all {
			if texts["scenario."+s.key] == "" || len(s.steps) == 0 {
				t.Errorf("%s: no sentence in %s, or no steps", s.key, lang)
			}
		}
	}
}

// Steps name devices, cards and faults by strings: each must be one that there is.
func TestEachStepOfAScenarioCanBeDone(t *testing.T) {
	all, err := scenarios()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		r := newRig(t, "zh")
		for i, step := range s.steps {
			if _, err := r.sim.Do(step.Request); err != nil {
				t.Errorf("%s, step %d: %v", s.key, i+1, err)
			}
		}
	}
}

func TestScenarioIsPlayedAndStopped(t *testing.T) {
	r := newRig(t, "zh")
	p := r.b.side.plays
	play := p.buttons["1-paper-out"]
	test.Tap(play)
	r.until(t, "the fault of the first step", func() bool { return r.sim.Printer.Faults().PaperOutAfter == 3 })
	r.until(t, "the scene under way", func() bool { return play.Disabled() && !p.stop.Disabled() })
	test.Tap(p.stop)
	r.until(t, "the scene stopped", func() bool { return !play.Disabled() && p.stop.Disabled() })
	if want := r.texts.of("scenario.idle"); p.state.Text != want {
		t.Errorf("the window says %q, want %q", p.state.Text, want)
	}
}

func TestClosingTheWindowEndsTheScenario(t *testing.T) {
	r := newRig(t, "zh")
	test.Tap(r.b.side.plays.buttons["5-bad-evening"])
	r.close() // waits for it
	if p := r.b.side.plays; p.running != "" {
		t.Errorf("%s is still under way", p.running)
	}
}
