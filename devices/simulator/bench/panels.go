package bench

import (
	"fmt"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
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

// cables plugs and unplugs, and says under which name a device comes back.
type cables struct {
	content fyne.CanvasObject
	checks  map[string]*widget.Check
	ports   map[string]*widget.Select
	backs   map[string]*canvas.Rectangle // lit where the cable is out
}

// devices that have a cable, and the name of no device's port.
var devices = []string{"idcard", "printer", "evaluator"}

const otherPort = "ttyUSB7"

func newCables(b *bench) *cables {
	c := &cables{checks: make(map[string]*widget.Check), ports: make(map[string]*widget.Select), backs: make(map[string]*canvas.Rectangle)}
	list := container.New(layout.NewCustomPaddedVBoxLayout(0), heading(b.texts.of("cables")))
	for _, device := range devices {
		names := []string{"", otherPort} // of the ports, as Plug takes them
		texts := []string{b.texts.of("port.own"), b.spoken("port.other", otherPort)}
		for _, other := range devices {
			if other != device {
				names = append(names, other)
				texts = append(texts, b.spoken("port.taken", b.texts.of("tab."+other)))
			}
		}
		check := widget.NewCheck(b.texts.of("cable."+device), nil)
		port := widget.NewSelect(texts, nil)
		port.SetSelectedIndex(0)
		plug := func() {
			if err := b.sim.Plug(device, names[port.SelectedIndex()]); err != nil {
				set(check, false)
			}
		}
		check.OnChanged = func(in bool) {
			switch {
			case in == b.sim.Plugged(device):
			case in:
				plug()
			default:
				_ = b.sim.Unplug(device) // the device is one of the bench's
			}
		}
		port.OnChanged = func(string) { // a cable that is in changes over at once
			if b.sim.Plugged(device) {
				plug()
			}
		}
		back := newBack()
		c.checks[device], c.ports[device], c.backs[device] = check, port, back
		wide := container.New(layout.NewGridWrapLayout(fyne.NewSize(122, port.MinSize().Height)), port)
		list.Add(container.NewStack(back, container.NewBorder(nil, nil, nil, wide, check)))
	}
	c.content = list
	return c
}

func (c *cables) show(v view) {
	for device, check := range c.checks {
		out := slices.Contains(v.state.Unplugged, device)
		set(check, !out)
		light(c.backs[device], out)
	}
}

// set shows a state without acting on it.
func set(check *widget.Check, on bool) {
	if check.Checked != on {
		act := check.OnChanged
		check.OnChanged = nil
		check.SetChecked(on)
		check.OnChanged = act
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
	k.content = container.NewVBox(container.NewHBox(heading(b.texts.of("evaluator")), k.state), row(grid...))
	return k
}

func (k *keys) show(v view) {
	text := "idle"
	if v.state.Asking {
		text = "asking"
	}
	k.state.SetText(k.b.texts.of(text))
	for _, button := range k.buttons {
		emphasise(button, v.state.Asking)
	}
}
