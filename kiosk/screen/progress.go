package screen

import (
	"fmt"
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"yeban/kiosk/journey"
	"yeban/kiosk/touch"
)

// asking is seen while the province is being asked.
func (s *Screen) asking(journey.View) fyne.CanvasObject {
	return s.page(sheet{
		title: s.say("inquiry.title"), quit: true,
		controls: func(w float32) []fyne.CanvasObject {
			return []fyne.CanvasObject{s.notice(w, "clock", s.say("inquiry.asking"), "", touch.Primary, touch.PrimarySoft)}
		},
	})
}

// progress shows how the citizen's applications stand, or that nobody could say. In
// landscape the applications stand side by side.
func (s *Screen) progress(v journey.View) fyne.CanvasObject {
	if s.portrait() || len(v.Standings) == 0 {
		return s.page(sheet{
			title: s.say("inquiry.title"), quit: true,
			lead:     func(w float32) []fyne.CanvasObject { return s.standings(v, w) },
			controls: func(w float32) []fyne.CanvasObject { return s.progressControls(v, w) },
		})
	}
	inner := s.size.Width - 2*margin
	cards := s.standings(v, (inner-s.sizes.Gap*(journey.StandingsAPage-1))/journey.StandingsAPage)
	for len(cards) < journey.StandingsAPage {
		cards = append(cards, touch.Space(1, 1))
	}
	top := touch.Column(s.sizes.Gap*1.5,
		touch.Para(s.say("inquiry.title"), inner, touch.Look{Size: s.sizes.Title, Bold: true}),
		touch.Row(s.sizes.Gap, nil, cards...))
	body := container.NewBorder(top, touch.Column(s.sizes.Gap, s.progressControls(v, inner)...), nil, nil)
	return container.NewBorder(s.band(), s.nav(sheet{quit: true}), nil, nil, touch.Pad(margin, s.sizes.Gap*1.5, body))
}

func (s *Screen) progressControls(v journey.View, w float32) []fyne.CanvasObject {
	if v.Untold {
		return []fyne.CanvasObject{
			s.mainButton("inquiry:retry", s.say("card.retry"), journey.RetryTapped{}),
			s.plainButton("inquiry:home", s.say("nav.home"), journey.QuitTapped{}),
		}
	}
	var parts []fyne.CanvasObject
	if v.ListPages > 1 {
		parts = append(parts, s.turnPage("inquiry", v.ListPage, v.ListPages, w,
			func(page int) journey.Event { return journey.ListPageTapped{Page: page} }))
	}
	return append(parts, s.mainButton("inquiry:done", s.say("farewell.done"), journey.NextTapped{}))
}

func (s *Screen) standings(v journey.View, w float32) []fyne.CanvasObject {
	hotline := s.cfg.Station.Hotline
	switch {
	case v.Untold:
		return []fyne.CanvasObject{s.notice(w, "wifi-off", s.say("inquiry.failed"), s.say("inquiry.failed.more", "number", hotline), touch.Care, touch.CareSoft)}
	case len(v.Standings) == 0:
		return []fyne.CanvasObject{s.notice(w, "check", s.say("inquiry.none"), s.say("inquiry.none.more", "number", hotline), touch.Primary, touch.PrimarySoft)}
	}
	var cards []fyne.CanvasObject
	for _, one := range v.Standings {
		cards = append(cards, s.standing(one, w))
	}
	return cards
}

// stageLook is how a stage looks; its words carry the meaning.
var stageLook = map[journey.Stage]struct {
	icon      string
	ink, fill color.NRGBA
}{
	journey.StageReceived:  {"clock", touch.Primary, touch.PrimarySoft},
	journey.StageAccepted:  {"clock", touch.Primary, touch.PrimarySoft},
	journey.StageNeedsMore: {"warning", touch.Care, touch.CareSoft},
	journey.StageDone:      {"check", touch.Good, touch.GoodSoft},
	journey.StageRejected:  {"warning", touch.Alarm, touch.AlarmSoft},
}

func (s *Screen) standing(one journey.Standing, w float32) fyne.CanvasObject {
	const pad = 28
	in := w - 2*pad
	look, known := stageLook[one.Stage]
	if !known { // from a newer hub: what it said is still true
		look = stageLook[journey.StageReceived]
		one.Stage = journey.StageReceived
	}
	state := s.say("inquiry." + string(one.Stage))
	if !one.At.IsZero() {
		state = s.beside(state, s.day(one))
	}
	lines := []fyne.CanvasObject{
		touch.Para(one.ItemName, in, touch.Look{Size: s.sizes.Body, Bold: true}),
		touch.Para(s.say("inquiry.submitted", "number", one.Number, "day", one.Submitted.In(s.cfg.Now().Location()).Format("2006-01-02")), in,
			touch.Look{Size: s.sizes.Small, Color: touch.Muted}),
		s.notice(in, look.icon, state, one.Reason, look.ink, look.fill),
	}
	return touch.Card(touch.Surface, pad, 20, touch.Column(8, lines...))
}

func (s *Screen) day(one journey.Standing) string {
	return one.At.In(s.cfg.Now().Location()).Format("2006-01-02")
}

// turnPage is the row under a list that has more pages than one.
func (s *Screen) turnPage(id string, page, pages int, width float32, to func(page int) journey.Event) fyne.CanvasObject {
	number := touch.Para(fmt.Sprintf("%d / %d", page+1, pages), width*0.2, touch.Look{Size: s.sizes.Body, Center: true, Color: touch.Muted})
	return touch.Row(s.sizes.Gap, []float32{2, 1, 2},
		s.plainButton(id+":previous", s.say("home.previous"), to(page-1)),
		container.NewCenter(number),
		s.plainButton(id+":following", s.say("home.following"), to(page+1)))
}
