package touch

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
)

// Column sets objects below one another, each as wide as the column.
func Column(gap float32, objects ...fyne.CanvasObject) *fyne.Container {
	return container.New(layout.NewCustomPaddedVBoxLayout(gap), objects...)
}

// Pad keeps a margin around an object: left and right x, above and below y.
func Pad(x, y float32, o fyne.CanvasObject) *fyne.Container {
	return container.New(layout.NewCustomPaddedLayout(y, y, x, x), o)
}

// Space is an empty place of a given size.
func Space(w, h float32) fyne.CanvasObject {
	r := canvas.NewRectangle(color.Transparent)
	r.SetMinSize(fyne.NewSize(w, h))
	return r
}

// Card is a rounded surface with an object on it.
func Card(fill color.Color, x, y float32, o fyne.CanvasObject) *fyne.Container {
	r := canvas.NewRectangle(fill)
	r.CornerRadius = 20
	return container.NewStack(r, Pad(x, y, o))
}

// Grid sets objects in equal cells of a fixed height.
func Grid(columns int, gap, cellHeight float32, objects ...fyne.CanvasObject) *fyne.Container {
	return container.New(&grid{columns, gap, cellHeight}, objects...)
}

type grid struct {
	columns   int
	gap, cell float32
}

func (g *grid) rows(n int) int { return (n + g.columns - 1) / g.columns }

func (g *grid) MinSize(objects []fyne.CanvasObject) fyne.Size {
	w := float32(0)
	for _, o := range objects {
		w = max(w, o.MinSize().Width)
	}
	rows := float32(g.rows(len(objects)))
	return fyne.NewSize(w*float32(g.columns)+g.gap*float32(g.columns-1), max(0, rows*g.cell+(rows-1)*g.gap))
}

func (g *grid) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	w := (size.Width - g.gap*float32(g.columns-1)) / float32(g.columns)
	for i, o := range objects {
		o.Move(fyne.NewPos(float32(i%g.columns)*(w+g.gap), float32(i/g.columns)*(g.cell+g.gap)))
		o.Resize(fyne.NewSize(w, g.cell))
	}
}

// Row sets objects beside one another in widths that share the row by weight.
func Row(gap float32, weights []float32, objects ...fyne.CanvasObject) *fyne.Container {
	return container.New(&row{gap, weights}, objects...)
}

type row struct {
	gap     float32
	weights []float32
}

func (r *row) MinSize(objects []fyne.CanvasObject) fyne.Size {
	size := fyne.NewSize(r.gap*float32(max(0, len(objects)-1)), 0)
	for _, o := range objects {
		m := o.MinSize()
		size.Width += m.Width
		size.Height = max(size.Height, m.Height)
	}
	return size
}

func (r *row) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	total := float32(0)
	for i := range objects {
		total += r.weight(i)
	}
	x, free := float32(0), size.Width-r.gap*float32(max(0, len(objects)-1))
	for i, o := range objects {
		w := free * r.weight(i) / total
		o.Move(fyne.NewPos(x, 0))
		o.Resize(fyne.NewSize(w, size.Height))
		x += w + r.gap
	}
}

func (r *row) weight(i int) float32 {
	if i < len(r.weights) {
		return r.weights[i]
	}
	return 1
}
