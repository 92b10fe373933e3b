package screen

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"fyne.io/fyne/v2"

	"yeban/kiosk/journey"
	"yeban/kiosk/touch"
)

// Window is the terminal's one window. Draw may be called from any goroutine; Run must
// be on the main one.
type Window struct {
	app     fyne.App
	window  fyne.Window
	screen  *Screen
	targets string // file for a scripted citizen, or empty
	logger  *slog.Logger
	drawn   uint64

	mu     sync.Mutex
	next   journey.View
	queued bool

	minute chan struct{}
	ended  sync.WaitGroup
}

// WindowConfig says how the window stands on the display.
type WindowConfig struct {
	Fullscreen bool
	Targets    string // file that is kept up to date with what can be tapped, or empty
	Logger     *slog.Logger
}

// Open makes the window; it is seen once Run is called.
func Open(app fyne.App, theme fyne.Theme, cfg Config, wc WindowConfig) *Window {
	app.Settings().SetTheme(theme)
	w := &Window{app: app, targets: wc.Targets, logger: wc.Logger, minute: make(chan struct{})}
	w.screen = New(cfg)
	w.window = app.NewWindow(cfg.Book.Say("zh", "nav.brand"))
	w.window.SetPadded(false)
	w.window.SetMaster()
	w.window.SetContent(w.screen.Root())
	w.window.Resize(w.screen.size)
	w.window.SetFullScreen(wc.Fullscreen)
	if !wc.Fullscreen {
		w.window.SetFixedSize(true)
	} else {
		w.window.SetCloseIntercept(func() {}) // a hall's window is not closed by a key
	}
	return w
}

// Run shows the window and returns when it is closed or Close is called.
func (w *Window) Run() {
	w.ended.Go(w.ticks)
	w.window.ShowAndRun()
	close(w.minute)
	w.ended.Wait()
}

// Close ends Run.
func (w *Window) Close() { fyne.Do(w.app.Quit) }

// Draw shows a moment soon. Of several that come faster than they can be drawn, the
// latest wins.
func (w *Window) Draw(v journey.View) {
	w.mu.Lock()
	w.next = v
	due := !w.queued
	w.queued = true
	w.mu.Unlock()
	if due {
		fyne.Do(w.draw)
	}
}

func (w *Window) draw() {
	w.mu.Lock()
	v := w.next
	w.next, w.queued = journey.View{}, false
	w.mu.Unlock()
	w.screen.Draw(v)
	w.drawn++
	if w.targets != "" {
		if err := w.writeTargets(v.State); err != nil {
			w.logger.Error("targets not written", "error", err)
		}
	}
}

// Repaint draws the present page again, so that the toolkit looks through its caches.
func (w *Window) Repaint() { fyne.Do(w.screen.root.Refresh) }

// ticks lets the clock show the minute.
func (w *Window) ticks() {
	for {
		now := w.screen.cfg.Now()
		timer := time.NewTimer(now.Truncate(time.Minute).Add(time.Minute).Sub(now))
		select {
		case <-w.minute:
			timer.Stop()
			return
		case <-timer.C:
			fyne.Do(w.screen.Minute)
		}
	}
}

// writeTargets tells a scripted citizen where fingers can go. It holds ids and places
// only: no text, nothing of a citizen.
func (w *Window) writeTargets(state journey.State) error {
	raw, err := json.Marshal(struct {
		Seq    uint64        `json:"seq"`
		State  string        `json:"state"`
		Scale  float32       `json:"scale"`
		Places []touch.Place `json:"places"`
	}{w.drawn, state.String(), w.window.Canvas().Scale(), touch.Targets(w.screen.Root())})
	if err != nil {
		return fmt.Errorf("encode targets: %w", err)
	}
	next := w.targets + ".next"
	if err := os.WriteFile(next, raw, 0o600); err != nil {
		return err
	}
	return os.Rename(next, w.targets)
}
