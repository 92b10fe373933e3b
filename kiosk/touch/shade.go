package touch

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"
)

// Shade covers a page and takes every tap on it.
type Shade struct {
	widget.BaseWidget
	fill  color.Color
	onTap func()
}

// NewShade makes a shade; a tap anywhere on it calls onTap.
func NewShade(fill color.Color, onTap func()) *Shade {
	s := &Shade{fill: fill, onTap: onTap}
	s.ExtendBaseWidget(s)
	return s
}

// Tapped implements fyne.Tappable.
func (s *Shade) Tapped(*fyne.PointEvent) { s.onTap() }

// CreateRenderer implements fyne.Widget.
func (s *Shade) CreateRenderer() fyne.WidgetRenderer {
	return widget.NewSimpleRenderer(canvas.NewRectangle(s.fill))
}
