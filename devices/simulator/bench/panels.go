package bench

import (
	"fmt"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"yeban/devices/simulator"
)

// tray is the test cards and what lies on the reader.
type tray struct {
	b       *bench
	content fyne.CanvasObject
	on      *widget.Label
	lift    *widget.Button
	cards   map[string]*widget.Button // by key
}

func newTray(b *bench) *tray {
	t := &tray{b: b, on: widget.NewLabel(""), cards: make(map[string]*widget.Button)}
	t.on.Wrapping = fyne.TextWrapWord
	t.lift = widget.NewButton(b.texts.of("lift"), b.sim.Reader.Lift)
	list := container.NewVBox()
	for _, c := range simulator.Cards() {
		button := widget.NewButton(t.label(c), func() { b.sim.Reader.Lay(c) })
		button.Alignment = widget.ButtonAlignLeading
		t.cards[c.Key] = button
		list.Add(button)
	}
	t.content = container.NewVBox(heading(b.texts.of("reader")), list, t.on, t.lift)
	return t
}

// label is a card's name, kind, and what is special about it.
func (t *tray) label(c simulator.Card) string {
	s := c.Name + "  " + t.b.texts.of("kind."+string(c.Kind))
	if special, ok := t.b.texts["card."+c.Key]; ok {
		s = c.Name + "  " + special
	}
	return s
}

func (t *tray) show(v view) {
	for key, button := range t.cards {
		emphasise(button, key == v.state.Card)
	}
	if v.state.Card == "" {
		t.on.SetText(t.b.texts.of("nocard"))
		t.lift.Disable()
		return
	}
	t.on.SetText(t.b.spoken("laid", v.card.Name))
	t.lift.Enable()
}

// emphasise makes a button stand out, or not, without a needless redraw.
func emphasise(button *widget.Button, on bool) {
	want := widget.MediumImportance
	if on {
		want = widget.HighImportance
	}
	if button.Importance != want {
		button.Importance = want
		button.Refresh()
	}
}

// keys is the evaluator.
type keys struct {
	b       *bench
	content fyne.CanvasObject
	state   *widget.Label
	buttons []*widget.Button
}

func newKeys(b *bench) *keys {
	k := &keys{b: b, state: widget.NewLabel("")}
	grid := make([]fyne.CanvasObject, 0, 5)
	for level := 5; level >= 1; level-- {
		button := widget.NewButton(b.texts.of(fmt.Sprintf("level.%d", level)), func() {
			_ = b.sim.Evaluator.Press(level) // 1 to 5 are keys
		})
		k.buttons = append(k.buttons, button)
		grid = append(grid, button)
	}
	restart := widget.NewButton(b.texts.of("restart"), b.sim.Evaluator.Restart)
	top := container.NewBorder(nil, nil, container.NewHBox(heading(b.texts.of("evaluator")), k.state), restart)
	k.content = container.NewVBox(top, row(grid...))
	return k
}

func (k *keys) show(v view) {
	text := "idle"
	switch {
	case v.state.Ports["evaluator"] == "":
		text = "unplugged"
	case v.state.Asking:
		text = "asking"
	}
	k.state.SetText(k.b.texts.of(text))
	for _, button := range k.buttons {
		emphasise(button, v.state.Asking)
	}
}
