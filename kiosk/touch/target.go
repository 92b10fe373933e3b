package touch

import (
	"fyne.io/fyne/v2"
)

// Target is anything that a finger can hit.
type Target interface {
	fyne.CanvasObject
	TargetID() string
}

// Place is where a target stands on the screen, in canvas units.
type Place struct {
	ID string  `json:"id"`
	X  float32 `json:"x"`
	Y  float32 `json:"y"`
	W  float32 `json:"w"`
	H  float32 `json:"h"`
}

// Targets lists what can be tapped under root, in drawing order; a later one lies on top.
func Targets(root fyne.CanvasObject) []Place {
	var places []Place
	walk(root, fyne.NewPos(0, 0), func(o fyne.CanvasObject, at fyne.Position) {
		if t, ok := o.(Target); ok && t.TargetID() != "" {
			s := o.Size()
			places = append(places, Place{ID: t.TargetID(), X: at.X, Y: at.Y, W: s.Width, H: s.Height})
		}
	})
	return places
}

// walk visits visible objects with their absolute positions.
func walk(o fyne.CanvasObject, parent fyne.Position, visit func(fyne.CanvasObject, fyne.Position)) {
	if o == nil || !o.Visible() {
		return
	}
	at := parent.Add(o.Position())
	visit(o, at)
	if c, ok := o.(*fyne.Container); ok {
		for _, child := range c.Objects {
			walk(child, at, visit)
		}
	}
}
