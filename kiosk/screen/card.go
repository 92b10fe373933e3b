package screen

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"

	"yeban/kiosk/journey"
	"yeban/kiosk/touch"
)

// card shows what to do with the card, and a way on when it does not work.
func (s *Screen) card(v journey.View) fyne.CanvasObject {
	title := s.say("card.title")
	if v.Inquiry {
		title = s.say("inquiry.card")
	}
	return s.page(sheet{
		title: title, back: true, quit: true,
		lead: func(w float32) []fyne.CanvasObject {
			return []fyne.CanvasObject{touch.Space(1, s.sizes.Gap), s.cardPicture(w, v.CardPhase)}
		},
		controls: func(w float32) []fyne.CanvasObject { return s.cardControls(v, w) },
	})
}

func (s *Screen) cardControls(v journey.View, w float32) []fyne.CanvasObject {
	switch v.CardPhase {
	case journey.CardWaiting:
		waiting := s.notice(w, "card", s.say("card.waiting"), s.say("card.waiting.more"), touch.Primary, touch.PrimarySoft)
		if v.Inquiry {
			return []fyne.CanvasObject{waiting, s.notice(w, "check", "", s.say("inquiry.reads"), touch.Good, touch.GoodSoft)}
		}
		return []fyne.CanvasObject{waiting}
	case journey.CardReading:
		return []fyne.CanvasObject{s.notice(w, "clock", s.say("card.reading"), "", touch.Primary, touch.PrimarySoft)}
	}
	key := "card." + string(v.CardTrouble)
	more := ""
	if v.CardTrouble != journey.CardRefused {
		more = s.say(key+".more", "number", s.cfg.Station.Hotline)
	}
	for _, p := range v.Problems {
		if more != "" {
			more += "\n"
		}
		more += p.Text.In(v.Lang)
	}
	parts := []fyne.CanvasObject{s.notice(w, "warning", s.say(key), more, touch.Care, touch.CareSoft)}
	if v.CardTrouble != journey.CardRefused && v.CardTrouble != journey.CardExpired {
		parts = append(parts, s.mainButton("card:retry", s.say("card.retry"), journey.RetryTapped{}))
	}
	return append(parts, s.plainButton("card:home", s.say("nav.home"), journey.QuitTapped{}))
}

// cardPicture draws a card lying on the reader.
func (s *Screen) cardPicture(width float32, phase journey.CardPhase) fyne.CanvasObject {
	ink, fill := touch.Primary, touch.PrimarySoft
	if phase == journey.CardFailed {
		ink, fill = touch.Care, touch.CareSoft
	}
	h := float32(420)
	if !s.portrait() {
		h = 340
	}
	pad := canvas.NewRectangle(fill)
	pad.CornerRadius, pad.StrokeColor, pad.StrokeWidth = 40, ink, 5
	pad.SetMinSize(fyne.NewSize(min(width*0.72, 620), h))
	plate := canvas.NewRectangle(touch.Surface)
	plate.CornerRadius, plate.StrokeColor, plate.StrokeWidth = 22, ink, 5
	plate.SetMinSize(fyne.NewSize(min(width*0.72, 620)*0.62, h*0.62))
	icon := s.picture("card", ink, h*0.4)
	return container.NewCenter(container.NewStack(pad, container.NewCenter(container.NewStack(plate, container.NewCenter(icon)))))
}
