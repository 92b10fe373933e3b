package screen

import (
	"fmt"

	"fyne.io/fyne/v2"

	"yeban/kiosk/journey"
	"yeban/kiosk/touch"
	"yeban/sync/record"
)

// rating asks once, steers nobody, and can be skipped (GB/T 39734).
func (s *Screen) rating(v journey.View) fyne.CanvasObject {
	return s.page(sheet{
		title: s.say("rating.title"), quit: true,
		lead: func(w float32) []fyne.CanvasObject {
			return []fyne.CanvasObject{touch.Para(s.say("rating.hint"), w, touch.Look{Size: s.sizes.Body, Color: touch.Muted})}
		},
		controls: func(float32) []fyne.CanvasObject {
			var parts []fyne.CanvasObject
			for level := record.VerySatisfied; level >= record.VeryUnsatisfied; level-- {
				n := fmt.Sprint(int(level))
				parts = append(parts, touch.NewButton(touch.ButtonSpec{
					ID: "rate:" + n, Text: s.say("rating." + n), Size: s.sizes.Lead, Min: s.sizes.Target, Left: true,
					Icon: s.icon("face-"+n, touch.Primary), IconSize: s.sizes.Target * 0.62,
					OnTap: s.send(journey.RateTapped{Level: level}),
				}))
			}
			return append(parts, s.plainButton("rate:skip", s.say("rating.skip"), journey.SkipTapped{}))
		},
	})
}
