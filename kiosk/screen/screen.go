// Package screen draws the moments of a visit, one file a screen, and turns taps into
// journey events. It decides nothing: what a tap means is the journey's business.
//
// All of it runs on Fyne's goroutine; callers wrap Draw in fyne.Do.
package screen

import (
	"bytes"
	"fmt"
	"image/color"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"

	"yeban/assets/messages"
	"yeban/kiosk/journey"
	"yeban/kiosk/touch"
)

// Station is what the screen says of its terminal.
type Station struct {
	Hall    string
	Kiosk   string
	Hotline string
}

// Config is what a screen needs.
type Config struct {
	Station Station
	Width   int // pixels; taller than wide is portrait
	Height  int
	Book    messages.Book
	Icon    func(name string) ([]byte, error)
	Send    func(journey.Event)
	Now     func() time.Time
}

// Screen is the whole picture: band, page, navigation, and a warning over them.
type Screen struct {
	cfg       Config
	size      fyne.Size
	root      *fyne.Container
	sizes     touch.Sizes
	view      journey.View
	drawn     bool
	clock     *canvas.Text
	form      *formPage // while the state is Form
	countdown *canvas.Text
	icons     map[string]fyne.Resource
	active    string // id of the question that the keys write to
}

// New makes a screen; Draw gives it something to show.
func New(cfg Config) *Screen {
	return &Screen{cfg: cfg, size: fyne.NewSize(float32(cfg.Width), float32(cfg.Height)), root: container.NewStack(), icons: map[string]fyne.Resource{}}
}

// Root is what goes into the window.
func (s *Screen) Root() fyne.CanvasObject { return s.root }

func (s *Screen) portrait() bool { return s.size.Height > s.size.Width }

// Draw shows a moment. Where only a digit was typed or a second has passed, only that is
// touched; a new page is built anew, so that nothing of the one before stays in it.
func (s *Screen) Draw(v journey.View) {
	old := s.view
	s.view = v
	if v.State != journey.Form || old.Page == nil || v.Page == nil || old.Page.ID != v.Page.ID || old.Visit != v.Visit {
		s.active = ""
	}
	if s.drawn && samePage(old, v) {
		switch {
		case v.SecondsLeft > 0 && s.countdown != nil:
			s.countdown.Text = s.say("idle.more", "n", fmt.Sprint(v.SecondsLeft))
			s.countdown.Refresh()
			return
		case v.State == journey.Form && s.form != nil && v.SecondsLeft == 0:
			if s.form.update(v) {
				return
			}
		}
	}
	page := s.fitted(v)
	s.drawn = true
	s.root.Objects = []fyne.CanvasObject{canvas.NewRectangle(touch.Paper), page}
	s.root.Refresh()
}

// fitted builds the page as large as it fits. Sizes are set for what pages usually hold;
// an item with long sentences is set a little smaller rather than clipped.
func (s *Screen) fitted(v journey.View) fyne.CanvasObject {
	const step, least = 0.94, 0.60
	for scale := float32(1); ; scale *= step {
		s.sizes = touch.SizesFor(v.Elder).Scaled(scale)
		s.form, s.countdown = nil, nil
		page := s.build(v)
		if v.SecondsLeft > 0 {
			page = container.NewStack(page, s.warning(v))
		}
		if min := page.MinSize(); scale*step < least || min.Width <= s.size.Width && min.Height <= s.size.Height {
			return page
		}
	}
}

// samePage says whether two moments differ only in what can be changed in place.
func samePage(a, b journey.View) bool {
	if a.State != b.State || a.Visit != b.Visit || a.Lang != b.Lang || a.Elder != b.Elder ||
		(a.SecondsLeft > 0) != (b.SecondsLeft > 0) {
		return false
	}
	if b.SecondsLeft > 0 {
		return true
	}
	return b.State == journey.Form && a.Page != nil && b.Page != nil && a.Page.ID == b.Page.ID &&
		a.PageCount == b.PageCount && len(a.Problems) == len(b.Problems)
}

func (s *Screen) build(v journey.View) fyne.CanvasObject {
	switch v.State {
	case journey.Home:
		return s.home(v)
	case journey.Consent:
		return s.consent(v)
	case journey.Card:
		return s.card(v)
	case journey.Form:
		return s.formPage(v)
	case journey.Review:
		return s.review(v)
	case journey.Submitting:
		return s.submitting(v)
	case journey.Receipt:
		return s.receipt(v)
	case journey.Rating:
		return s.rating(v)
	case journey.Asking:
		return s.asking(v)
	case journey.Progress:
		return s.progress(v)
	default:
		return s.farewell(v)
	}
}

// Minute sets the clock; called when the minute changes, because one dirty object
// repaints the whole screen.
func (s *Screen) Minute() {
	if s.clock != nil {
		if text := s.cfg.Now().Format("15:04"); s.clock.Text != text {
			s.clock.Text = text
			s.clock.Refresh()
		}
	}
}

func (s *Screen) say(key string, pairs ...string) string {
	return s.cfg.Book.Say(s.view.Lang, key, pairs...)
}

func (s *Screen) send(e journey.Event) func() { return func() { s.cfg.Send(e) } }

// icon gives a drawing in a colour. A drawing that is missing leaves an empty place.
func (s *Screen) icon(name string, c color.NRGBA) fyne.Resource {
	key := fmt.Sprintf("%s-%02x%02x%02x.svg", name, c.R, c.G, c.B)
	if r, ok := s.icons[key]; ok {
		return r
	}
	raw, err := s.cfg.Icon(name)
	if err != nil {
		raw = []byte(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48"></svg>`)
	}
	tint := fmt.Appendf(nil, "#%02X%02X%02X", c.R, c.G, c.B)
	for _, black := range []string{"#000000", "#000"} {
		raw = bytes.ReplaceAll(raw, []byte(`"`+black+`"`), append(append([]byte(`"`), tint...), '"'))
	}
	r := fyne.NewStaticResource(key, raw)
	s.icons[key] = r
	return r
}

func (s *Screen) picture(name string, c color.NRGBA, side float32) fyne.CanvasObject {
	i := canvas.NewImageFromResource(s.icon(name, c))
	i.FillMode = canvas.ImageFillContain
	i.SetMinSize(fyne.NewSize(side, side))
	return i
}
