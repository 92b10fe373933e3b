package screen

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"yeban/catalog"
	"yeban/kiosk/journey"
	"yeban/kiosk/touch"
)

// formPage is one page of questions: the questions with their answers, and below them
// the keys or choices of the one that is being answered.
type formPage struct {
	s      *Screen
	view   journey.View
	fields *fyne.Container
	input  *fyne.Container
	wl, wc float32
}

func (s *Screen) formPage(v journey.View) fyne.CanvasObject {
	f := &formPage{s: s, view: v, fields: container.NewStack(), input: container.NewStack()}
	f.wl, f.wc = s.widths()
	if f.question(s.active) == nil {
		s.active = f.firstOpen(v)
	}
	s.form = f
	f.drawFields()
	f.drawInput()
	return s.page(sheet{
		title: v.Page.Title.In(v.Lang), back: true, quit: true,
		lead: func(w float32) []fyne.CanvasObject {
			who := s.beside(s.beside(s.say("form.your"), s.name(v)), v.Person.IDNumber)
			return []fyne.CanvasObject{
				touch.Para(who, w, touch.Look{Size: s.sizes.Small, Color: touch.Good}),
				f.fields,
			}
		},
		controls: func(float32) []fyne.CanvasObject {
			return []fyne.CanvasObject{f.input, touch.Space(1, 2), s.mainButton("form:next", s.say("nav.next"), journey.NextTapped{})}
		},
	})
}

// update shows new answers without building the page again; it refuses where more than
// a text has changed.
func (f *formPage) update(v journey.View) bool {
	before := f.view
	f.view = v
	q := f.question(f.s.active)
	if q != nil && q.Kind == catalog.Choice && before.Answers[q.ID] != v.Answers[q.ID] {
		if next := f.nextOpen(q.ID); next != "" {
			f.s.active = next
		}
		return false
	}
	f.drawFields()
	return true
}

func (f *formPage) question(id string) *catalog.Question {
	for i := range f.view.Page.Questions {
		if f.view.Page.Questions[i].ID == id {
			return &f.view.Page.Questions[i]
		}
	}
	return nil
}

// firstOpen is the first question with a problem, else the first without an answer, else
// the first.
func (f *formPage) firstOpen(v journey.View) string {
	for _, p := range v.Problems {
		if f.question(p.Question) != nil {
			return p.Question
		}
	}
	for _, q := range v.Page.Questions {
		if v.Answers[q.ID] == "" {
			return q.ID
		}
	}
	if len(v.Page.Questions) == 0 {
		return ""
	}
	return v.Page.Questions[0].ID
}

// nextOpen is the next question after id that has no answer.
func (f *formPage) nextOpen(id string) string {
	seen := false
	for _, q := range f.view.Page.Questions {
		if seen && f.view.Answers[q.ID] == "" {
			return q.ID
		}
		seen = seen || q.ID == id
	}
	return ""
}

// activate brings up the keys of another question. The page may need other sizes then.
func (f *formPage) activate(id string) {
	s := f.s
	if s.active != id {
		s.active, s.drawn = id, false
		s.Draw(s.view)
	}
	s.cfg.Send(journey.Touched{})
}

// drawFields sets every question of the page with its present answer.
func (f *formPage) drawFields() {
	s, v := f.s, f.view
	var parts []fyne.CanvasObject
	for _, q := range v.Page.Questions {
		label := q.Label.In(v.Lang)
		if q.Optional {
			label = s.say("text.note", "a", label, "b", s.say("form.optional"))
		}
		parts = append(parts, touch.Para(label, f.wl, touch.Look{Size: s.sizes.Body, Bold: true}))
		if hint := q.Hint.In(v.Lang); hint != "" && q.ID == s.active {
			parts = append(parts, touch.Para(hint, f.wl, touch.Look{Size: s.sizes.Small, Color: touch.Muted}))
		}
		mark := ""
		if q.ID == s.active {
			mark = "*" // for the scripted citizen: the keys write here
		}
		if v.Answers[q.ID] != "" {
			mark = "+" + mark // and there is an answer already
		}
		parts = append(parts, touch.NewField(touch.FieldSpec{
			ID: "field:" + string(q.Kind) + ":" + q.ID + mark, Text: f.shown(q), Hint: f.hint(q), Active: q.ID == s.active,
			Size: s.sizes.Lead, Width: f.wl, OnTap: func() { f.activate(q.ID) },
		}))
		for _, p := range v.Problems {
			if p.Question == q.ID {
				parts = append(parts, s.problem(p.Text.In(v.Lang), f.wl))
			}
		}
	}
	for _, p := range v.Problems {
		if f.question(p.Question) == nil {
			parts = append(parts, s.problem(p.Text.In(v.Lang), f.wl))
		}
	}
	f.fields.Objects = []fyne.CanvasObject{touch.Column(s.sizes.Gap*0.6, parts...)}
	f.fields.Refresh()
}

func (s *Screen) problem(text string, w float32) fyne.CanvasObject {
	return container.NewHBox(s.picture("warning", touch.Alarm, s.sizes.Body), touch.Space(10, 1),
		touch.Para(text, w-s.sizes.Body-10, touch.Look{Size: s.sizes.Body, Color: touch.Alarm}))
}

func (f *formPage) shown(q catalog.Question) string {
	v := f.view.Answers[q.ID]
	switch {
	case v == "":
		return ""
	case q.Kind == catalog.Line:
		return v
	default:
		return f.s.value(q, v)
	}
}

func (f *formPage) hint(q catalog.Question) string {
	switch q.Kind {
	case catalog.Choice:
		return f.s.say("form.choose")
	case catalog.Date:
		return f.s.say("form.date.shape")
	default:
		return f.s.say("form.type")
	}
}

// drawInput sets the keys or choices of the active question.
func (f *formPage) drawInput() {
	s := f.s
	var input fyne.CanvasObject = touch.Space(1, 1)
	if q := f.question(s.active); q != nil {
		id := q.ID
		value := func() string { return f.view.Answers[id] }
		change := func(text string) {
			f.view.Answers[id] = text // a second key may come before the next Draw
			s.cfg.Send(journey.Answered{Question: id, Value: text})
		}
		keyboard := touch.KeyboardSpec{Clear: s.say("form.clear"), Sizes: s.sizes, Value: value, Change: change, Max: 40}
		switch {
		case q.Kind == catalog.Choice:
			input = f.choices(q)
		case q.Kind == catalog.Date:
			keyboard.Keys, keyboard.NoX, keyboard.Max = touch.Digits, true, 8
			input = touch.Column(s.sizes.Gap*0.6,
				touch.Para(s.say("form.date"), f.wc, touch.Look{Size: s.sizes.Small, Color: touch.Muted}), touch.NewKeyboard(keyboard))
		case q.Keyboard == catalog.KeysLetters:
			keyboard.Keys = touch.Letters
			input = touch.NewKeyboard(keyboard)
		default:
			keyboard.Keys, keyboard.NoX = touch.Digits, true
			input = touch.NewKeyboard(keyboard)
		}
	}
	f.input.Objects = []fyne.CanvasObject{input}
	f.input.Refresh()
}

func (f *formPage) choices(q *catalog.Question) fyne.CanvasObject {
	s := f.s
	var rows []fyne.CanvasObject
	columns := 1
	if len(q.Options) > 5 {
		columns = 2
	}
	for _, o := range q.Options {
		style, icon := touch.Plain, "ring"
		if f.view.Answers[q.ID] == o.Value {
			style, icon = touch.Chosen, "check"
		}
		label := o.Label.In(f.view.Lang)
		size, room := s.sizes.Lead, f.wc/float32(columns)-150
		for size > 24 && fyne.MeasureText(label, size, fyne.TextStyle{Bold: true}).Width > room {
			size--
		}
		rows = append(rows, touch.NewButton(touch.ButtonSpec{
			ID: "option:" + q.ID + ":" + o.Value, Text: label, Size: size, Style: style, Left: true, Min: s.sizes.Target * 0.9,
			Icon: s.icon(icon, touch.Primary), IconSize: s.sizes.Lead + 6,
			OnTap: s.send(journey.Answered{Question: q.ID, Value: o.Value}),
		}))
	}
	return touch.Grid(columns, s.sizes.Gap*0.8, s.sizes.Target*0.9, rows...)
}
