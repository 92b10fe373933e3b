package touch

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"
)

// TileSpec says what a tile shows. A tile with a Cause cannot be done now: it says so
// in words and still answers a tap, by explaining.
type TileSpec struct {
	ID, Name, Cause   string
	Icon              fyne.Resource
	Size              fyne.Size
	NameText, SubText float32
	OnTap             func()
}

// Tile is one service item on the home screen.
type Tile struct {
	widget.BaseWidget
	spec TileSpec
	back *canvas.Rectangle
}

var _ desktop.Mouseable = (*Tile)(nil)

// NewTile makes a tile.
func NewTile(spec TileSpec) *Tile {
	t := &Tile{spec: spec, back: canvas.NewRectangle(Surface)}
	t.ExtendBaseWidget(t)
	return t
}

// TargetID implements Target.
func (t *Tile) TargetID() string { return t.spec.ID }

// Tapped implements fyne.Tappable.
func (t *Tile) Tapped(*fyne.PointEvent) { t.spec.OnTap() }

// MouseDown implements desktop.Mouseable.
func (t *Tile) MouseDown(*desktop.MouseEvent) { t.fill(Pressed) }

// MouseUp implements desktop.Mouseable.
func (t *Tile) MouseUp(*desktop.MouseEvent) { t.fill(t.rest()) }

func (t *Tile) rest() color.Color {
	if t.spec.Cause != "" {
		return Faint
	}
	return Surface
}

func (t *Tile) fill(c color.Color) {
	t.back.FillColor = c
	t.back.Refresh()
}

// MinSize implements fyne.Widget.
func (t *Tile) MinSize() fyne.Size { return t.spec.Size }

// CreateRenderer implements fyne.Widget.
func (t *Tile) CreateRenderer() fyne.WidgetRenderer {
	t.back.FillColor = t.rest()
	t.back.CornerRadius = 22
	t.back.StrokeColor, t.back.StrokeWidth = Line, 2
	icon := canvas.NewImageFromResource(t.spec.Icon)
	icon.FillMode = canvas.ImageFillContain
	side := min(t.spec.Size.Height*0.30, 88)
	icon.SetMinSize(fyne.NewSize(side, side))
	width := t.spec.Size.Width - 32
	ink := color.Color(Ink)
	if t.spec.Cause != "" {
		ink = Muted
	}
	parts := []fyne.CanvasObject{
		container.NewCenter(icon), Space(0, 8),
		Para(t.spec.Name, width, Look{Size: t.spec.NameText, Bold: true, Color: ink, Center: true}),
	}
	if t.spec.Cause != "" {
		parts = append(parts, Para(t.spec.Cause, width, Look{Size: t.spec.SubText, Color: Care, Center: true}))
	}
	return widget.NewSimpleRenderer(container.NewStack(t.back, container.NewCenter(Column(2, parts...))))
}
