package screen

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"yeban/kiosk/journey"
	"yeban/kiosk/touch"
)

// submitting is seen for a moment only: the record is being flushed to the disk.
func (s *Screen) submitting(journey.View) fyne.CanvasObject {
	return s.page(sheet{
		title: s.say("submit.working"),
		controls: func(w float32) []fyne.CanvasObject {
			return []fyne.CanvasObject{s.notice(w, "clock", s.say("submit.working.more"), "", touch.Primary, touch.PrimarySoft)}
		},
	})
}

// receipt shows the number, which exists only because the record is durable.
func (s *Screen) receipt(v journey.View) fyne.CanvasObject {
	return s.page(sheet{
		title: s.say("receipt.title"), quit: true,
		lead: func(w float32) []fyne.CanvasObject {
			in := w - 72
			size := s.sizes.Huge
			for size > 30 && fyne.MeasureText(v.Number, size, fyne.TextStyle{Bold: true}).Width > in {
				size -= 2
			}
			sent := s.say("receipt.sent")
			if v.Queued {
				sent = s.say("receipt.queued")
			}
			return []fyne.CanvasObject{
				touch.Card(touch.GoodSoft, 36, 30, touch.Column(10,
					touch.Para(s.say("receipt.number"), in, touch.Look{Size: s.sizes.Body, Color: touch.Good, Center: true}),
					touch.Para(v.Number, in, touch.Look{Size: size, Bold: true, Color: touch.Good, Center: true}),
					touch.Para(sent, in, touch.Look{Size: s.sizes.Body, Color: touch.Good, Center: true}))),
				s.paper(v, w),
			}
		},
		controls: func(w float32) []fyne.CanvasObject {
			in := w - 64
			next := []fyne.CanvasObject{touch.Para(s.say("receipt.next"), in, touch.Look{Size: s.sizes.Body, Bold: true})}
			for _, t := range v.Item.Next {
				next = append(next, touch.Para(s.say("text.point", "a", t.In(v.Lang)), in, touch.Look{Size: s.sizes.Body}))
			}
			parts := []fyne.CanvasObject{touch.Card(touch.Surface, 32, 28, touch.Column(8, next...))}
			if v.PrintPhase == journey.PrintFailed {
				parts = append(parts, s.plainButton("receipt:again", s.say("receipt.again"), journey.RetryTapped{}))
			}
			return append(parts, s.mainButton("receipt:next", s.say("receipt.continue"), journey.NextTapped{}))
		},
	})
}

func (s *Screen) paper(v journey.View, w float32) fyne.CanvasObject {
	switch v.PrintPhase {
	case journey.Printed:
		return s.notice(w, "printer", s.say("receipt.printed"), "", touch.Good, touch.GoodSoft)
	case journey.PrintFailed:
		return s.notice(w, "warning", "", s.say("receipt.failed"), touch.Care, touch.CareSoft)
	case journey.PrintUnproven:
		return s.notice(w, "warning", "", s.say("receipt.unproven"), touch.Care, touch.CareSoft)
	default:
		return s.notice(w, "printer", s.say("receipt.printing"), "", touch.Primary, touch.PrimarySoft)
	}
}

// farewell reminds of the card and the paper, then the terminal is home again.
func (s *Screen) farewell(v journey.View) fyne.CanvasObject {
	return s.page(sheet{
		title: s.say("farewell.title"),
		lead: func(w float32) []fyne.CanvasObject {
			parts := []fyne.CanvasObject{touch.Space(1, s.sizes.Gap*2), container.NewCenter(s.picture("card", touch.Primary, 300))}
			if v.Rated != 0 {
				parts = append(parts, touch.Para(s.say("farewell.rated"), w, touch.Look{Size: s.sizes.Body, Color: touch.Muted, Center: true}))
			}
			return parts
		},
		controls: func(w float32) []fyne.CanvasObject {
			return []fyne.CanvasObject{
				s.notice(w, "warning", s.say("farewell.card"), "", touch.Care, touch.CareSoft),
				s.mainButton("farewell:done", s.say("farewell.done"), journey.NextTapped{}),
			}
		},
	})
}
