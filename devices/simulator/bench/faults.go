package bench

import (
	"fmt"
	"image/color"
	"reflect"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// lit is behind a fault that is on; the sentence is bold as well.
var lit = color.NRGBA{0xFF, 0xE8, 0xB8, 0xFF}

// newBack is what lies behind a row; light it where something is wrong.
func newBack() *canvas.Rectangle {
	back := canvas.NewRectangle(color.Transparent)
	back.CornerRadius = 4
	return back
}

// light changes a row's background, without a needless redraw.
func light(back *canvas.Rectangle, on bool) {
	var want color.Color = color.Transparent
	if on {
		want = lit
	}
	if back.FillColor != want {
		back.FillColor = want
		back.Refresh()
	}
}

// faultPage is the faults of one device: a row for each, which are on, all off.
type faultPage struct {
	b       *bench
	of      faulty
	content fyne.CanvasObject
	active  *widget.Label
	off     *widget.Button
	rows    []*faultRow
}

func newFaultPage(b *bench, of faulty) *faultPage {
	p := &faultPage{b: b, of: of, active: widget.NewLabel("")}
	p.active.Wrapping = fyne.TextWrapWord
	p.active.SizeName = theme.SizeNameCaptionText
	p.off = widget.NewButton(b.texts.of("faults.off"), of.clear)
	list := container.New(layout.NewCustomPaddedVBoxLayout(1))
	for _, f := range of.fields {
		r := newFaultRow(b, of, f)
		p.rows = append(p.rows, r)
		list.Add(r.content)
	}
	// The summary grows by lines: at the bottom it moves no row from under the mouse.
	summary := container.NewBorder(nil, nil, nil, container.NewVBox(p.off), p.active)
	p.content = container.NewBorder(nil, container.NewVBox(widget.NewSeparator(), summary), nil, nil, container.NewVScroll(list))
	return p
}

// show gives how many faults are on.
func (p *faultPage) show(v view) (on int) {
	faults := reflect.ValueOf(v.state.Faults[p.of.device])
	var said []string
	for _, r := range p.rows {
		value := r.field.value(faults)
		r.show(value)
		if value == 0 {
			continue
		}
		on++
		s := r.field.name
		if !r.field.isSwitch() {
			s += " " + r.field.text(value)
		}
		said = append(said, s)
	}
	if on == 0 {
		p.active.SetText(p.b.texts.of("faults.none"))
		p.off.Disable()
		return 0
	}
	p.active.SetText(fmt.Sprintf(p.b.texts.of("faults.on"), on, strings.Join(said, ", ")))
	p.off.Enable()
	return on
}

// faultRow is a sentence and its switch or numbers.
type faultRow struct {
	content  fyne.CanvasObject
	field    field
	off      string // how the selector says so
	back     *canvas.Rectangle
	sentence *widget.Label
	check    *widget.Check  // nil for a number
	choice   *widget.Select // nil for a switch
	values   []int64        // of the selector's options, the first is off
}

func newFaultRow(b *bench, of faulty, f field) *faultRow {
	r := &faultRow{field: f, off: b.texts.of("fault.off"), back: newBack()}
	r.sentence = widget.NewLabel(b.texts.of(f.key))
	r.sentence.Wrapping = fyne.TextWrapWord
	var control fyne.CanvasObject
	if f.isSwitch() {
		r.check = widget.NewCheck("", func(on bool) {
			value := int64(0)
			if on {
				value = 1
			}
			of.change(f, value)
		})
		control = r.check
	} else {
		r.choice = widget.NewSelect(nil, func(string) { of.change(f, r.values[r.choice.SelectedIndex()]) })
		r.offer(0)
		control = container.New(layout.NewGridWrapLayout(fyne.NewSize(98, r.choice.MinSize().Height)), r.choice)
	}
	middle := container.NewVBox(layout.NewSpacer(), control, layout.NewSpacer())
	r.content = container.NewStack(r.back, container.NewBorder(nil, nil, nil, middle, r.sentence))
	return r
}

// offer fills the selector with off, the usual values, and the value now.
func (r *faultRow) offer(now int64) {
	r.values = append([]int64{0}, r.field.offered(now)...)
	options := []string{r.off}
	for _, value := range r.values[1:] {
		options = append(options, r.field.text(value))
	}
	if len(options) != len(r.choice.Options) || strings.Join(options, "|") != strings.Join(r.choice.Options, "|") {
		r.choice.SetOptions(options)
	}
}

func (r *faultRow) show(value int64) {
	on := value != 0
	if r.check != nil {
		set(r.check, on)
	} else {
		r.offer(value)
		text := r.off
		if on {
			text = r.field.text(value)
		}
		if r.choice.Selected != text {
			act := r.choice.OnChanged
			r.choice.OnChanged = nil
			r.choice.SetSelected(text)
			r.choice.OnChanged = act
		}
	}
	if r.sentence.TextStyle.Bold == on {
		return
	}
	r.sentence.TextStyle.Bold = on
	r.sentence.Refresh()
	light(r.back, on)
}

// side is the tabs of what can go wrong: one for each device, and the scenarios.
type side struct {
	b       *bench
	content fyne.CanvasObject
	tabs    *container.AppTabs
	pages   []*faultPage
	plays   *plays
}

func newSide(b *bench) *side {
	s := &side{b: b, tabs: container.NewAppTabs()}
	for _, of := range faultyDevices(b.sim) {
		p := newFaultPage(b, of)
		s.pages = append(s.pages, p)
		s.tabs.Append(container.NewTabItem(b.texts.of("tab."+of.device), p.content))
	}
	s.plays = newPlays(b)
	s.tabs.Append(container.NewTabItem(b.texts.of("tab.scenarios"), s.plays.content))
	s.content = s.tabs
	return s
}

// show writes the number of faults behind the device's name.
func (s *side) show(v view) {
	changed := false
	for i, p := range s.pages {
		text := s.b.texts.of("tab." + p.of.device)
		if on := p.show(v); on > 0 {
			text = fmt.Sprintf("%s (%d)", text, on)
		}
		if tab := s.tabs.Items[i]; tab.Text != text {
			tab.Text, changed = text, true
		}
	}
	if changed {
		s.tabs.Refresh()
	}
	s.plays.show()
}
