package simulator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"
)

// Scenario is a list of steps, each at a time after the start or on an event:
//
//   - at: 3s
//     do: lay
//     card: resident
//   - on: printer.line
//     times: 5
//     do: paper
//     paper: out
//   - on: idcard.selected
//     after: 100ms
//     do: lift
//   - at: 0s
//     do: fault
//     device: printer
//     faults: {chattyASB: true}
type Scenario []Step

// Step is one action. Exactly one of At and On is set. On is an event's name,
// device.event; the step runs once, on the event's Times-th occurrence, After later.
type Step struct {
	At      *Duration `yaml:"at"`
	On      string    `yaml:"on"`
	Times   int       `yaml:"times"`
	After   Duration  `yaml:"after"`
	Request `yaml:",inline"`
	Faults  map[string]any `yaml:"faults"`
}

// maxScenario bounds a scenario file.
const maxScenario = 1 << 20

// ReadScenario reads a scenario file and checks what can be checked before it runs.
func ReadScenario(r io.Reader) (Scenario, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxScenario+1))
	if err != nil {
		return nil, fmt.Errorf("simulator: read scenario: %w", err)
	}
	if len(raw) > maxScenario {
		return nil, fmt.Errorf("simulator: scenario larger than %d bytes", maxScenario)
	}
	d := yaml.NewDecoder(bytes.NewReader(raw))
	d.KnownFields(true)
	var s Scenario
	if err := d.Decode(&s); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("simulator: read scenario: %w", err)
	}
	for i := range s {
		if err := s[i].check(); err != nil {
			return nil, fmt.Errorf("simulator: scenario step %d: %w", i+1, err)
		}
	}
	return s, nil
}

func (s *Step) check() error {
	if (s.At == nil) == (s.On == "") {
		return fmt.Errorf("%w: one of at and on", ErrRequest)
	}
	if s.Do == "" {
		return fmt.Errorf("%w: nothing to do", ErrRequest)
	}
	if s.Faults != nil {
		raw, err := json.Marshal(s.Faults)
		if err != nil {
			return fmt.Errorf("%w: faults: %w", ErrRequest, err)
		}
		s.Request.Faults = raw
	}
	return nil
}

// Play runs a scenario until all its steps are done or ctx ends. Times are divided by
// Config.Speed. The first step that fails ends it.
func (b *Bench) Play(ctx context.Context, s Scenario) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var running sync.WaitGroup
	fired := make([]chan struct{}, len(s))
	counts := make([]int, len(s))
	for i := range s {
		fired[i] = make(chan struct{}, 1)
	}
	var mu sync.Mutex
	stop := b.Watch(func(e Event) {
		mu.Lock()
		defer mu.Unlock()
		for i := range s {
			if s[i].On != e.String() {
				continue
			}
			if counts[i]++; counts[i] == max(1, s[i].Times) {
				fired[i] <- struct{}{}
			}
		}
	})
	defer stop()
	scale := b.Reader.line.scale
	for i, step := range s {
		running.Go(func() {
			wait := step.After.D()
			if step.At != nil {
				wait += step.At.D()
			} else {
				select {
				case <-fired[i]:
				case <-ctx.Done():
					return
				}
			}
			if wait > 0 {
				t := time.NewTimer(scale(wait))
				defer t.Stop()
				select {
				case <-t.C:
				case <-ctx.Done():
					return
				}
			}
			if _, err := b.Do(step.Request); err != nil {
				cancel(fmt.Errorf("simulator: scenario step %d: %w", i+1, err))
			}
		})
	}
	running.Wait()
	return context.Cause(ctx)
}
