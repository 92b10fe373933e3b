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
	return s.page(sheet{
		title: s.say("review.title"), back: true, quit: true,
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
			return append(parts, s.mainButton("review:submit", s.say("review.submit"), journey.SubmitTapped{}))
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

func (s *Screen) answers(v journey.View, w float32) fyne.CanvasObject {
	in, change := w-64, float32(150)
	var rows []fyne.CanvasObject
	shown := ""
	for _, line := range v.Review {
		text := in - change - 16
		row := touch.Column(2,
			touch.Para(line.Question.Label.In(v.Lang), text, touch.Look{Size: s.sizes.Small, Color: touch.Muted}),
			touch.Para(s.value(line.Question, line.Value), text, touch.Look{Size: s.sizes.Body}))
		var button fyne.CanvasObject = touch.Space(change, 1)
		if line.Page != shown {
			shown = line.Page
			button = touch.NewButton(touch.ButtonSpec{ID: "edit:" + line.Page, Text: s.say("review.change"), Size: s.sizes.Small,
				Style: touch.Quiet, Min: 84, MinWidth: change, OnTap: s.send(journey.EditTapped{Page: line.Page})})
		}
		rows = append(rows, container.NewBorder(nil, nil, nil, container.NewCenter(button), row))
	}
	return touch.Card(touch.Surface, 32, 20, touch.Column(12, rows...))
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
		return dateText(value, s.view.Lang)
	}
	return value
}

// dateText shows as much of a date as has been typed.
func dateText(v, lang string) string {
	y, m, d := cut(v, 0, 4), cut(v, 4, 6), cut(v, 6, 8)
	if lang == "en" {
		text := y
		if m != "" {
			text += "-" + m
		}
		if d != "" {
			text += "-" + d
		}
		return text
	}
	text := y
	if len(y) == 4 {
		text += " 年 " + m
	}
	if len(m) == 2 {
		text += " 月 " + d
	}
	if len(d) == 2 {
		text += " 日"
	}
	return text
}

func cut(s string, from, to int) string {
	if len(s) <= from {
		return ""
	}
	return s[from:min(len(s), to)]
}
