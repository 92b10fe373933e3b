package simulator

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestScenarioRuns(t *testing.T) {
	b := newBench(t)
	s, err := ReadScenario(strings.NewReader(`
- at: 10ms
  do: lay
  card: rare
- on: idcard.found
  times: 2
  do: lift
- on: idcard.lifted
  after: 100ms
  do: fault
  device: idcard
  faults: {mute: true, photoGap: 50ms}
`))
	if err != nil {
		t.Fatal(err)
	}
	laid := make(chan struct{})
	stop := b.Watch(func(e Event) {
		if e.String() == "idcard.laid" {
			close(laid)
		}
	})
	defer stop()
	h := openPort(t, b, "idcard", 115200)
	done := make(chan error, 1)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	go func() { done <- b.Play(ctx, s) }()
	<-laid
	for range 2 {
		h.send(find...)
		h.read(15)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if f := b.Reader.Faults(); !f.Mute || f.PhotoGap.D() != 50*time.Millisecond {
		t.Errorf("%+v", f)
	}
	if _, laid := b.Reader.Card(); laid {
		t.Error("card still there")
	}
}

func TestBadScenarioIsRefused(t *testing.T) {
	for name, y := range map[string]string{
		"no time":       "- do: lift",
		"both":          "- {at: 1s, on: idcard.found, do: lift}",
		"nothing":       "- at: 1s",
		"unknown field": "- {at: 1s, do: lift, who: me}",
		"no duration":   "- {at: soon, do: lift}",
		"negative":      "- {at: -1s, do: lift}",
		"no list":       "do: lift",
	} {
		if _, err := ReadScenario(strings.NewReader(y)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	b := newBench(t)
	s, err := ReadScenario(strings.NewReader("- {at: 0s, do: dance}"))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Play(t.Context(), s); !errors.Is(err, ErrRequest) {
		t.Errorf("Play: %v", err)
	}
}

// FuzzScenario: whatever stands in a scenario file, reading it ends, and what is taken has
// only steps with a time or an event, and something to do.
func FuzzScenario(f *testing.F) {
	f.Add("- {at: 3s, do: lay, card: resident}\n- {on: printer.line, times: 5, do: paper, paper: out}\n")
	f.Add("- {at: 0s, do: fault, device: printer, faults: {chattyASB: true}}\n")
	f.Add("- {do: dance}")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ReadScenario(strings.NewReader(text))
		for _, step := range s {
			if err == nil && ((step.At == nil) == (step.On == "") || step.Do == "" || step.After < 0) {
				t.Fatalf("taken: %+v", step)
			}
		}
	})
}
