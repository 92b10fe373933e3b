package bench

import (
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/widget"
)

// cables plugs and unplugs, and says under which name a device comes back.
type cables struct {
	content fyne.CanvasObject
	rows    map[string]*cable // by device
}

// devices that have a cable, and the name of no device's port.
var devices = []string{"idcard", "printer", "evaluator"}

const otherPort = "ttyUSB7"

func newCables(b *bench) *cables {
	c := &cables{rows: make(map[string]*cable)}
	list := container.New(layout.NewCustomPaddedVBoxLayout(0), heading(b.texts.of("cables")))
	for _, device := range devices {
		row := newCable(b, device)
		c.rows[device] = row
		list.Add(row.content)
	}
	c.content = list
	return c
}

func (c *cables) show(v view) {
	for device, row := range c.rows {
		row.show(v.state.Ports[device])
	}
}

// cable is one device's row: whether the cable is in, and the port that it is in, or that
// it will be put in.
type cable struct {
	b       *bench
	device  string
	content fyne.CanvasObject
	in      *widget.Check
	port    *widget.Select
	names   []string          // of the selector's ports
	back    *canvas.Rectangle // lit where the cable is out
}

func newCable(b *bench, device string) *cable {
	c := &cable{b: b, device: device, names: []string{device, otherPort}, back: newBack()}
	for _, other := range devices {
		if other != device {
			c.names = append(c.names, other)
		}
	}
	c.in = widget.NewCheck(b.texts.of("cable."+device), nil)
	c.port = widget.NewSelect(c.texts(), nil)
	c.port.SetSelectedIndex(0)
	c.in.OnChanged = func(in bool) {
		switch {
		case in == b.sim.Plugged(device):
		case in:
			c.plug()
		default:
			_ = b.sim.Unplug(device) // the device is one of the bench's
		}
	}
	c.port.OnChanged = func(string) { // a cable that is in changes over at once
		if b.sim.Plugged(device) {
			c.plug()
		}
	}
	wide := container.New(layout.NewGridWrapLayout(fyne.NewSize(122, c.port.MinSize().Height)), c.port)
	c.content = container.NewStack(c.back, container.NewBorder(nil, nil, nil, wide, c.in))
	return c
}

func (c *cable) plug() {
	if err := c.b.sim.Plug(c.device, c.names[c.port.SelectedIndex()]); err != nil {
		c.show(c.b.sim.State().Ports[c.device]) // it stays where it was
	}
}

// texts are the selector's options, one for each of names.
func (c *cable) texts() (texts []string) {
	for _, name := range c.names {
		switch {
		case name == c.device:
			texts = append(texts, c.b.texts.of("port.own"))
		case slices.Contains(devices, name):
			texts = append(texts, c.b.spoken("port.taken", c.b.texts.of("tab."+name)))
		default:
			texts = append(texts, c.b.spoken("port.other", name))
		}
	}
	return texts
}

// show takes the name of the port that the device is on, empty where the cable is out. A
// script may have put it into one that the selector does not offer.
func (c *cable) show(port string) {
	set(c.in, port != "")
	light(c.back, port == "")
	if port == "" {
		return // the port that was chosen is for putting it in again
	}
	at := slices.Index(c.names, port)
	if at < 0 {
		at, c.names = len(c.names), append(c.names, port)
		c.port.SetOptions(c.texts())
	}
	if c.port.SelectedIndex() != at {
		act := c.port.OnChanged
		c.port.OnChanged = nil
		c.port.SetSelectedIndex(at)
		c.port.OnChanged = act
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
