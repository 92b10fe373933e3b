package touch

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/widget"
)

// FieldSpec says what a field shows.
type FieldSpec struct {
	ID, Text, Hint string
	Active         bool // the keys below write here
	Size, Width    float32
	OnTap          func()
}

// Field shows one answer; tapping it brings up its keys.
type Field struct {
	widget.BaseWidget
	spec FieldSpec
}

// NewField makes a field.
func NewField(spec FieldSpec) *Field {
	f := &Field{spec: spec}
	f.ExtendBaseWidget(f)
	return f
}

// TargetID implements Target.
func (f *Field) TargetID() string { return f.spec.ID }

// Tapped implements fyne.Tappable.
func (f *Field) Tapped(*fyne.PointEvent) { f.spec.OnTap() }

// CreateRenderer implements fyne.Widget.
func (f *Field) CreateRenderer() fyne.WidgetRenderer {
	back := canvas.NewRectangle(Surface)
	back.CornerRadius, back.StrokeColor, back.StrokeWidth = 14, Line, 2
	if f.spec.Active {
		back.StrokeColor, back.StrokeWidth = Primary, 5
	}
	back.SetMinSize(fyne.NewSize(0, f.spec.Size*2.1))
	text, ink := f.spec.Text, Ink
	if text == "" {
		text, ink = f.spec.Hint, Muted
	}
	size := f.spec.Size
	for size > 22 && fyne.MeasureText(text, size, fyne.TextStyle{}).Width > f.spec.Width-70 {
		size--
	}
	t := canvas.NewText(text, ink)
	t.TextSize = size
	line := container.NewHBox(Space(26, 1), container.NewCenter(t))
	if f.spec.Active && f.spec.Text != "" {
		caret := canvas.NewRectangle(Primary)
		caret.SetMinSize(fyne.NewSize(4, size*1.1))
		line.Add(container.NewCenter(caret))
	}
	line.Add(layout.NewSpacer())
	return widget.NewSimpleRenderer(container.NewStack(back, line))
}
