package bench

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"path"
	"strings"
	"sync"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"yeban/devices/simulator"
)

//go:embed scenarios/*.yaml
var scenarioFiles embed.FS

// scenario is one that comes with the window.
type scenario struct {
	key   string // of its sentence among the texts, behind "scenario."
	steps simulator.Scenario
}

// scenarios reads those that come with the window, by name of file.
func scenarios() ([]scenario, error) {
	files, err := scenarioFiles.ReadDir("scenarios")
	if err != nil {
		return nil, fmt.Errorf("bench scenarios: %w", err)
	}
	all := make([]scenario, 0, len(files))
	for _, file := range files {
		f, err := scenarioFiles.Open(path.Join("scenarios", file.Name()))
		if err != nil {
			return nil, fmt.Errorf("bench scenarios: %w", err)
		}
		steps, err := simulator.ReadScenario(f)
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("bench scenario %s: %w", file.Name(), err)
		}
		all = append(all, scenario{strings.TrimSuffix(file.Name(), ".yaml"), steps})
	}
	return all, nil
}

// plays is the list of scenarios, of which one can be under way.
type plays struct {
	b       *bench
	content fyne.CanvasObject
	state   *widget.Label
	stop    *widget.Button
	buttons map[string]*widget.Button // by key

	mu      sync.Mutex
	running string // key of the one under way, or empty
	failed  error  // of the last one
	cancel  context.CancelFunc
	done    sync.WaitGroup
}

func newPlays(b *bench) *plays {
	p := &plays{b: b, state: widget.NewLabel(""), buttons: make(map[string]*widget.Button), cancel: func() {}}
	p.state.Wrapping = fyne.TextWrapWord
	p.stop = widget.NewButton(b.texts.of("scenario.stop"), func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.cancel()
	})
	list := container.NewVBox()
	all, err := scenarios()
	p.failed = err
	for _, s := range all {
		about := widget.NewLabel(b.texts.of("scenario." + s.key))
		about.Wrapping = fyne.TextWrapWord
		button := widget.NewButton(b.texts.of("scenario.play"), func() { p.play(s) })
		p.buttons[s.key] = button
		list.Add(container.NewBorder(nil, nil, nil, container.NewVBox(button), about))
		list.Add(widget.NewSeparator())
	}
	top := container.NewBorder(nil, nil, nil, container.NewVBox(p.stop), p.state)
	p.content = container.NewBorder(container.NewVBox(top, widget.NewSeparator()), nil, nil, nil, container.NewVScroll(list))
	return p
}

// play starts a scenario where none is under way.
func (p *plays) play(s scenario) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running != "" {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.running, p.failed, p.cancel = s.key, nil, cancel
	p.done.Go(func() {
		defer cancel()
		err := p.b.sim.Play(ctx, s.steps)
		p.mu.Lock()
		p.running = ""
		if !errors.Is(err, context.Canceled) {
			p.failed = err
		}
		p.mu.Unlock()
		p.b.do(p.show)
	})
	p.b.do(p.show)
}

// close ends the one under way and waits for it.
func (p *plays) close() {
	p.mu.Lock()
	p.cancel()
	p.mu.Unlock()
	p.done.Wait()
}

func (p *plays) show() {
	p.mu.Lock()
	running, failed := p.running, p.failed
	p.mu.Unlock()
	switch {
	case running != "":
		p.state.SetText(p.b.texts.of("scenario.running"))
	case failed != nil:
		p.state.SetText(p.b.spoken("scenario.failed", failed))
	default:
		p.state.SetText(p.b.texts.of("scenario.idle"))
	}
	able(p.stop, running != "")
	for key, button := range p.buttons {
		able(button, running == "")
		emphasise(button, key == running)
	}
}

// able enables or disables a button, without a needless redraw.
func able(button *widget.Button, on bool) {
	switch {
	case on && button.Disabled():
		button.Enable()
	case !on && !button.Disabled():
		button.Disable()
	}
}
