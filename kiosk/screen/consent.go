package screen

import (
	"fmt"
	"strings"

	"fyne.io/fyne/v2"

	"yeban/catalog"
	"yeban/kiosk/journey"
	"yeban/kiosk/touch"
)

// consent says what will be read and why, what it costs and how long it takes, before
// anything is read (PIPL; the item's own words).
func (s *Screen) consent(v journey.View) fyne.CanvasObject {
	names := make([]string, 0, len(v.Item.Reads))
	for _, f := range v.Item.Reads {
		names = append(names, s.say("field."+string(f)))
	}
	return s.page(sheet{
		title: v.Item.Name.In(v.Lang), back: true, quit: true,
		lead: func(w float32) []fyne.CanvasObject {
			in := w - 64
			return []fyne.CanvasObject{
				touch.Para(v.Item.Summary.In(v.Lang), w, touch.Look{Size: s.sizes.Body, Color: touch.Muted}),
				touch.Card(touch.Surface, 32, 26, touch.Column(14,
					s.pair(in, s.say("consent.time"), s.limit(v.Item)),
					s.pair(in, s.say("consent.fee"), s.fee(v.Item)))),
			}
		},
		controls: func(w float32) []fyne.CanvasObject {
			in := w - 64
			return []fyne.CanvasObject{
				touch.Card(touch.Surface, 32, 30, touch.Column(16,
					touch.Para(s.say("consent.reads"), in, touch.Look{Size: s.sizes.Body, Color: touch.Muted}),
					touch.Para(strings.Join(names, s.say("text.comma")), in, touch.Look{Size: s.sizes.Lead, Bold: true}),
					touch.Para(s.say("consent.why"), in, touch.Look{Size: s.sizes.Body, Color: touch.Muted}),
					touch.Para(v.Item.Purpose.In(v.Lang), in, touch.Look{Size: s.sizes.Body}))),
				s.notice(w, "check", "", s.say("consent.keep"), touch.Good, touch.GoodSoft),
				s.mainButton("consent:agree", s.say("consent.agree"), journey.AgreeTapped{}),
			}
		},
	})
}

func (s *Screen) limit(item *catalog.Item) string {
	if item.Project == catalog.Instant || item.Promise.N == 0 {
		return s.say("consent.instant")
	}
	return s.say("consent."+string(item.Promise.Unit), "n", fmt.Sprint(item.Promise.N))
}

func (s *Screen) fee(item *catalog.Item) string {
	if item.Fee.Fen == 0 {
		return s.say("consent.free")
	}
	return s.say("consent.yuan", "n", fmt.Sprintf("%d.%02d", item.Fee.Fen/100, item.Fee.Fen%100))
}
