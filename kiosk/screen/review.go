package screen

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"yeban/catalog"
	"yeban/kiosk/journey"
	"yeban/kiosk/touch"
)

// review is the last look before submission: who, what, every answer with a way to
// change it.
func (s *Screen) review(v journey.View) fyne.CanvasObject {
	submit := s.say("review.submit")
	if v.Trouble == journey.TroubleUnsure {
		submit = s.say("review.retry")
	}
	return s.page(sheet{
		title: s.say("review.title"), back: v.Trouble != journey.TroubleUnsure, quit: true,
		lead: func(w float32) []fyne.CanvasObject {
			parts := []fyne.CanvasObject{s.whoCard(v, w)}
			if s.portrait() {
				parts = append(parts, s.answers(v, w))
			}
			return parts
		},
		controls: func(w float32) []fyne.CanvasObject {
			var parts []fyne.CanvasObject
			if !s.portrait() {
				parts = append(parts, s.answers(v, w))
			}
			if v.Trouble != journey.NoTrouble {
				key := "submit." + string(v.Trouble)
				parts = append(parts, s.notice(w, "warning", s.say(key), s.say(key+".more", "number", s.cfg.Station.Hotline), touch.Alarm, touch.AlarmSoft))
			}
			for _, p := range v.Problems {
				parts = append(parts, s.notice(w, "warning", "", p.Text.In(v.Lang), touch.Care, touch.CareSoft))
			}
			return append(parts, s.mainButton("review:submit", submit, journey.SubmitTapped{}))
		},
	})
}

func (s *Screen) whoCard(v journey.View, w float32) fyne.CanvasObject {
	in := w - 64
	rows := []fyne.CanvasObject{
		s.pair(in, s.say("review.item"), v.Item.Name.In(v.Lang)),
		s.pair(in, s.say("review.applicant"), s.name(v)),
		s.pair(in, s.say("field.id_number"), v.Person.IDNumber),
	}
	if !v.Elder || s.portrait() {
		rows = append(rows, s.pair(in, s.say("field.address"), v.Person.Address))
	}
	return touch.Card(touch.Surface, 32, 24, touch.Column(10, rows...))
}

// name is the one on the card, in the card's own script.
func (s *Screen) name(v journey.View) string {
	if v.Person.Name == "" {
		return v.Person.EnglishName
	}
	return v.Person.Name
}

// answers is a card of lines; each page of the form has one button to change it, unless
// the answers may already be on the disk.
func (s *Screen) answers(v journey.View, w float32) fyne.CanvasObject {
	const pad, gap = 28, 14
	fixed := v.Trouble == journey.TroubleUnsure
	change := fyne.MeasureText(s.say("review.change"), s.sizes.Small, fyne.TextStyle{}).Width + 2*s.sizes.Body + 2
	text := w - 2*pad - change - gap
	var pages []fyne.CanvasObject
	for i := 0; i < len(v.Review); {
		page := v.Review[i].Page
		var lines []fyne.CanvasObject
		for ; i < len(v.Review) && v.Review[i].Page == page; i++ {
			q := v.Review[i].Question
			label := text * 0.52
			lines = append(lines, container.NewHBox(
				touch.Para(q.Label.In(v.Lang), label, touch.Look{Size: s.sizes.Small, Color: touch.Muted}), touch.Space(gap, 1),
				touch.Para(s.value(q, v.Review[i].Value), text-label-gap, touch.Look{Size: s.sizes.Small, Bold: true})))
		}
		if fixed {
			pages = append(pages, touch.Column(4, lines...))
			continue
		}
		button := touch.NewButton(touch.ButtonSpec{ID: "edit:" + page, Text: s.say("review.change"), Size: s.sizes.Small,
			Style: touch.Quiet, Min: max(64, s.sizes.Target*0.62), MinWidth: change, Pad: s.sizes.Body, OnTap: s.send(journey.EditTapped{Page: page})})
		pages = append(pages, container.NewBorder(nil, nil, nil, container.NewCenter(button), container.NewCenter(touch.Column(4, lines...))))
	}
	return touch.Card(touch.Surface, pad, 16, touch.Column(10, pages...))
}

// value is an answer as a person reads it.
func (s *Screen) value(q catalog.Question, value string) string {
	if value == "" {
		return s.say("form.empty")
	}
	switch q.Kind {
	case catalog.Choice:
		for _, o := range q.Options {
			if o.Value == value {
				return o.Label.In(s.view.Lang)
			}
		}
	case catalog.Date:
		return s.dateText(value)
	}
	return value
}

// dateText shows as much of a date as has been typed.
func (s *Screen) dateText(v string) string {
	y, m, d := cut(v, 0, 4), cut(v, 4, 6), cut(v, 6, 8)
	switch {
	case len(d) == 2:
		return s.say("text.date", "y", y, "m", m, "d", d)
	case len(m) == 2:
		return s.say("text.date_month", "y", y, "m", m, "d", d)
	case len(y) == 4:
		return s.say("text.date_year", "y", y, "m", m)
	}
	return y
}

func cut(s string, from, to int) string {
	if len(s) <= from {
		return ""
	}
	return s[from:min(len(s), to)]
}
