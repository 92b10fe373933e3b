package screen

import (
	"fmt"
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"

	"yeban/kiosk/journey"
	"yeban/kiosk/touch"
)

const margin = 56

// sheet is one page: what is said, and what can be done about it. In portrait the first
// stands above the second, which keeps to the reachable lower part; in landscape they
// stand side by side.
type sheet struct {
	title    string
	lead     func(width float32) []fyne.CanvasObject
	controls func(width float32) []fyne.CanvasObject
	back     bool
	quit     bool
}

// widths are those of the two parts.
func (s *Screen) widths() (lead, controls float32) {
	inner := s.size.Width - 2*margin
	if s.portrait() {
		return inner, inner
	}
	return (inner - margin) * 0.46, (inner - margin) * 0.54
}

// page puts a sheet between band and navigation.
func (s *Screen) page(p sheet) fyne.CanvasObject {
	wl, wc := s.widths()
	lead := []fyne.CanvasObject{}
	if s.view.Step > 0 {
		lead = append(lead, s.steps(wl))
	}
	lead = append(lead, touch.Para(p.title, wl, touch.Look{Size: s.sizes.Title, Bold: true}))
	if p.lead != nil {
		lead = append(lead, p.lead(wl)...)
	}
	var controls []fyne.CanvasObject
	if p.controls != nil {
		controls = p.controls(wc)
	}
	left, right := touch.Column(s.sizes.Gap, lead...), touch.Column(s.sizes.Gap, controls...)
	var body fyne.CanvasObject
	if s.portrait() {
		body = container.NewBorder(left, right, nil, nil)
	} else {
		body = container.New(&split{gap: margin, left: wl}, left, container.NewVBox(layout.NewSpacer(), right))
	}
	return container.NewBorder(s.band(), s.nav(p), nil, nil, touch.Pad(margin, s.sizes.Gap*1.5, body))
}

// split gives the left object a fixed width.
type split struct{ gap, left float32 }

func (l *split) MinSize(o []fyne.CanvasObject) fyne.Size {
	a, b := o[0].MinSize(), o[1].MinSize()
	return fyne.NewSize(l.left+l.gap+b.Width, max(a.Height, b.Height))
}

func (l *split) Layout(o []fyne.CanvasObject, size fyne.Size) {
	o[0].Move(fyne.NewPos(0, 0))
	o[0].Resize(fyne.NewSize(l.left, size.Height))
	o[1].Move(fyne.NewPos(l.left+l.gap, 0))
	o[1].Resize(fyne.NewSize(size.Width-l.left-l.gap, size.Height))
}

// band is the dark strip on top: whose terminal this is, and the time.
func (s *Screen) band() fyne.CanvasObject {
	brand := canvas.NewText(s.say("nav.brand"), touch.White)
	brand.TextSize, brand.TextStyle = 46, fyne.TextStyle{Bold: true}
	pale := color.NRGBA{0xC6, 0xD6, 0xE0, 0xFF}
	hall := canvas.NewText(s.cfg.Station.Hall, touch.White)
	hall.TextSize = 30
	sub := canvas.NewText(s.beside(s.say("nav.night"), s.cfg.Station.Kiosk), pale)
	sub.TextSize = 24
	s.clock = canvas.NewText(s.cfg.Now().Format("15:04"), touch.White)
	s.clock.TextSize, s.clock.TextStyle = 46, fyne.TextStyle{Bold: true}
	names := container.NewVBox(layout.NewSpacer(), hall, sub, layout.NewSpacer())
	line := container.NewHBox(
		container.NewCenter(s.picture("moon", touch.White, 52)), touch.Space(16, 1),
		container.NewCenter(brand), touch.Space(32, 1), names, layout.NewSpacer(), container.NewCenter(s.clock))
	back := canvas.NewRectangle(touch.Night)
	back.SetMinSize(fyne.NewSize(0, 128))
	return container.NewStack(back, touch.Pad(margin, 10, line))
}

// nav is the same strip on every page: 返回 首页 大字版 English 退出, in reach.
func (s *Screen) nav(p sheet) fyne.CanvasObject {
	size, h := s.sizes.Small*1.08, s.sizes.Target*0.88
	var weights []float32
	button := func(id, text, icon string, style touch.Style, tint color.NRGBA, show bool, e journey.Event) fyne.CanvasObject {
		b := touch.NewButton(touch.ButtonSpec{ID: id, Text: text, Size: size, Style: style, Min: h,
			Icon: s.icon(icon, tint), IconSize: size + 6, OnTap: s.send(e)})
		weights = append(weights, b.MinSize().Width)
		if !show {
			return touch.Space(b.MinSize().Width, h) // what is there keeps its place
		}
		return b
	}
	elder, elderText := journey.ElderTapped{On: !s.view.Elder}, s.say("nav.elder")
	if s.view.Elder {
		elderText = s.say("nav.normal")
	}
	other := "en"
	if s.view.Lang == "en" {
		other = "zh"
	}
	home := s.view.State != journey.Home && s.view.State != journey.Submitting
	buttons := []fyne.CanvasObject{
		button("nav:back", s.say("nav.back"), "back", touch.Quiet, touch.Primary, p.back, journey.BackTapped{}),
		button("nav:home", s.say("nav.home"), "home", touch.Quiet, touch.Primary, home, journey.QuitTapped{}),
		button("nav:elder", elderText, "elder", touch.Quiet, touch.Primary, true, elder),
		button("nav:language", s.say("nav.language"), "globe", touch.Quiet, touch.Primary, true, journey.LanguageTapped{Lang: other}),
		button("nav:quit", s.say("nav.quit"), "exit", touch.Danger, touch.Alarm, p.quit, journey.QuitTapped{}),
	}
	row := touch.Row(s.sizes.Gap, weights, buttons...)
	help := touch.Para(s.say("nav.hotline", "number", s.cfg.Station.Hotline), s.size.Width-2*margin,
		touch.Look{Size: s.sizes.Small, Color: touch.Muted, Center: true})
	back := canvas.NewRectangle(color.NRGBA{0xE6, 0xEC, 0xF0, 0xFF})
	return container.NewStack(back, touch.Pad(margin, 16, touch.Column(8, row, help)))
}

// beside is two short texts on one line.
func (s *Screen) beside(a, b string) string { return s.say("text.beside", "a", a, "b", b) }

// steps is 步骤 2/5 with a bar.
func (s *Screen) steps(width float32) fyne.CanvasObject {
	text := s.say("nav.step", "n", fmt.Sprint(s.view.Step), "of", fmt.Sprint(journey.Steps))
	if s.view.State == journey.Form && s.view.PageCount > 1 {
		text = s.beside(text, s.say("nav.page", "n", fmt.Sprint(s.view.PageIndex+1), "of", fmt.Sprint(s.view.PageCount)))
	}
	var parts []fyne.CanvasObject
	for i := 1; i <= journey.Steps; i++ {
		r := canvas.NewRectangle(touch.Line)
		if i <= s.view.Step {
			r.FillColor = touch.Primary
		}
		r.CornerRadius = 5
		r.SetMinSize(fyne.NewSize(20, 10))
		parts = append(parts, r)
	}
	return touch.Column(6, touch.Para(text, width, touch.Look{Size: s.sizes.Small, Color: touch.Muted}),
		touch.Row(10, nil, parts...))
}

// mainButton is the way on.
func (s *Screen) mainButton(id, text string, e journey.Event) fyne.CanvasObject {
	return touch.NewButton(touch.ButtonSpec{ID: id, Text: text, Size: s.sizes.Lead, Style: touch.Main, Min: s.sizes.Target, OnTap: s.send(e)})
}

func (s *Screen) plainButton(id, text string, e journey.Event) fyne.CanvasObject {
	return touch.NewButton(touch.ButtonSpec{ID: id, Text: text, Size: s.sizes.Lead, Style: touch.Quiet, Min: s.sizes.Target, OnTap: s.send(e)})
}

// notice is a coloured card with an icon, a headline and a sentence; the words carry the
// meaning, the colour only helps.
func (s *Screen) notice(width float32, icon, head, more string, ink, fill color.NRGBA) fyne.CanvasObject {
	const pad, side, gap = 28, 56, 20
	text := width - 2*pad - side - gap
	var lines []fyne.CanvasObject
	if head != "" {
		lines = append(lines, touch.Para(head, text, touch.Look{Size: s.sizes.Body, Bold: true, Color: ink}))
	}
	if more != "" {
		lines = append(lines, touch.Para(more, text, touch.Look{Size: s.sizes.Body, Color: ink}))
	}
	row := container.NewHBox(container.NewVBox(touch.Space(1, 4), s.picture(icon, ink, side)), touch.Space(gap, 1), touch.Column(4, lines...))
	return touch.Card(fill, pad, 20, row)
}

// pair is a name and a value, side by side on one card.
func (s *Screen) pair(width float32, name, value string) fyne.CanvasObject {
	label := width * 0.30
	return container.NewHBox(
		touch.Para(name, label, touch.Look{Size: s.sizes.Body, Color: touch.Muted}), touch.Space(16, 1),
		touch.Para(value, width-label-16, touch.Look{Size: s.sizes.Body}))
}

// warning covers the page before a time-out: one tap keeps everything.
func (s *Screen) warning(v journey.View) fyne.CanvasObject {
	width := min(s.size.Width-2*margin, 960) - 2*48
	s.countdown = canvas.NewText(s.say("idle.more", "n", fmt.Sprint(v.SecondsLeft)), touch.Ink)
	s.countdown.TextSize = s.sizes.Body
	if fyne.MeasureText(s.countdown.Text, s.sizes.Body, fyne.TextStyle{}).Width > width {
		s.countdown.TextSize = s.sizes.Small
	}
	s.countdown.Alignment = fyne.TextAlignCenter
	box := touch.Column(28,
		touch.Para(s.say("idle.title"), width, touch.Look{Size: s.sizes.Title, Bold: true, Center: true}),
		s.countdown,
		touch.Space(width, 8),
		s.mainButton("idle:stay", s.say("idle.stay"), journey.StayTapped{}),
		s.plainButton("idle:quit", s.say("idle.quit"), journey.QuitTapped{}))
	card := touch.Card(touch.Surface, 48, 48, box)
	shade := touch.NewShade(touch.Dusk, s.send(journey.StayTapped{}))
	if s.portrait() {
		return container.NewStack(shade, container.NewVBox(layout.NewSpacer(), layout.NewSpacer(), container.NewHBox(layout.NewSpacer(), card, layout.NewSpacer()), layout.NewSpacer()))
	}
	return container.NewStack(shade, container.NewCenter(card))
}
