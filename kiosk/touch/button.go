package touch

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"
)

// Style is what a button is for.
type Style int

const (
	Plain   Style = iota // a choice among others
	Main                 // the way on; one a page
	Quiet                // navigation
	Danger               // leaves and wipes
	Chosen               // the choice that was made
	OnNight              // on the dark band
)

type paint struct{ fill, down, text, border color.Color }

var paints = map[Style]paint{
	Plain:   {Surface, Pressed, Ink, Line},
	Main:    {Primary, PrimaryDown, White, Primary},
	Quiet:   {Surface, Pressed, Primary, Line},
	Danger:  {Surface, AlarmSoft, Alarm, Line},
	Chosen:  {PrimarySoft, Pressed, PrimaryDown, Primary},
	OnNight: {Night, PrimaryDown, White, color.NRGBA{0x5B, 0x76, 0x88, 0xFF}},
}

// ButtonSpec says what a button shows and does.
type ButtonSpec struct {
	ID       string // for Targets
	Text     string
	Size     float32
	Bold     bool
	Style    Style
	Icon     fyne.Resource
	IconSize float32
	Left     bool    // text at the left, as for a choice
	Min      float32 // least height
	MinWidth float32
	Pad      float32 // beside the text; 24 where it is 0
	OnTap    func()
}

// Button is a large target that shows at once that it was pressed.
type Button struct {
	widget.BaseWidget
	spec ButtonSpec
	down bool
}

var _ desktop.Mouseable = (*Button)(nil)

// NewButton makes a button.
func NewButton(spec ButtonSpec) *Button {
	b := &Button{spec: spec}
	b.ExtendBaseWidget(b)
	return b
}

// TargetID implements Target.
func (b *Button) TargetID() string { return b.spec.ID }

// Tapped implements fyne.Tappable.
func (b *Button) Tapped(*fyne.PointEvent) {
	if b.spec.OnTap != nil {
		b.spec.OnTap()
	}
}

// MouseDown implements desktop.Mouseable; a touch comes this way too.
func (b *Button) MouseDown(*desktop.MouseEvent) { b.press(true) }

// MouseUp implements desktop.Mouseable.
func (b *Button) MouseUp(*desktop.MouseEvent) { b.press(false) }

func (b *Button) press(down bool) {
	if b.down != down {
		b.down = down
		b.Refresh()
	}
}

// CreateRenderer implements fyne.Widget.
func (b *Button) CreateRenderer() fyne.WidgetRenderer {
	r := &buttonRenderer{b: b, back: canvas.NewRectangle(Surface), text: canvas.NewText(b.spec.Text, Ink)}
	r.back.CornerRadius = 16
	r.text.TextSize = b.spec.Size
	r.text.TextStyle = fyne.TextStyle{Bold: b.spec.Bold || b.spec.Style == Main || b.spec.Style == Chosen}
	r.objects = []fyne.CanvasObject{r.back, r.text}
	if b.spec.Icon != nil {
		r.icon = canvas.NewImageFromResource(b.spec.Icon)
		r.icon.FillMode = canvas.ImageFillContain
		r.objects = append(r.objects, r.icon)
	}
	r.Refresh()
	return r
}

type buttonRenderer struct {
	b       *Button
	back    *canvas.Rectangle
	text    *canvas.Text
	icon    *canvas.Image
	objects []fyne.CanvasObject
}

const buttonPad = 24

func (r *buttonRenderer) MinSize() fyne.Size {
	t := r.text.MinSize()
	pad := r.b.spec.Pad
	if pad == 0 {
		pad = buttonPad
	}
	w, h := t.Width+2*pad, t.Height+buttonPad
	if r.icon != nil {
		w += r.b.spec.IconSize + buttonPad/2
		h = max(h, r.b.spec.IconSize+buttonPad)
	}
	return fyne.NewSize(max(w, r.b.spec.MinWidth), max(h, r.b.spec.Min))
}

func (r *buttonRenderer) Layout(size fyne.Size) {
	r.back.Resize(size)
	t := r.text.MinSize()
	w, gap := t.Width, float32(0)
	if r.icon != nil {
		if r.b.spec.Text != "" {
			gap = buttonPad / 2
		}
		w += r.b.spec.IconSize + gap
	}
	x := (size.Width - w) / 2
	if r.b.spec.Left {
		x = buttonPad
	}
	if r.icon != nil {
		s := r.b.spec.IconSize
		r.icon.Move(fyne.NewPos(x, (size.Height-s)/2))
		r.icon.Resize(fyne.NewSize(s, s))
		x += s + gap
	}
	r.text.Move(fyne.NewPos(x, (size.Height-t.Height)/2))
	r.text.Resize(t)
}

func (r *buttonRenderer) Refresh() {
	p := paints[r.b.spec.Style]
	r.back.FillColor = p.fill
	if r.b.down {
		r.back.FillColor = p.down
	}
	r.back.StrokeColor, r.back.StrokeWidth = p.border, 2
	if r.b.spec.Style == Chosen {
		r.back.StrokeWidth = 5
	}
	r.text.Color = p.text
	r.back.Refresh()
	r.text.Refresh()
}

func (r *buttonRenderer) Objects() []fyne.CanvasObject { return r.objects }
func (r *buttonRenderer) Destroy()                     {}
