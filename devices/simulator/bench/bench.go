// Package bench is the window of the simulated devices: a tray of test cards, the
// paper as it comes out of the printer, everything that goes wrong in a hall, and the
// keys of the evaluator.
package bench

import (
	"fmt"
	"sync"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"yeban/devices/simulator"
)

// Size is the window's size at the start, in logical pixels.
var Size = fyne.NewSize(780, 740)

// calm is the least time between two redraws: a receipt makes dozens of events.
const calm = 80 * time.Millisecond

// bench is the window's content and what it shows.
type bench struct {
	sim   *simulator.Bench
	texts Texts
	do    func(func()) // runs on the UI thread

	reader    *tray
	printer   *printerPanel
	cables    *cables
	evaluator *keys
	side      *side
}

// New makes the window of a bench. It is not shown yet. Closing it stops its updates; the
// devices stay plugged in. The application's theme is made more legible for it.
func New(app fyne.App, sim *simulator.Bench, texts Texts) fyne.Window {
	app.Settings().SetTheme(legible{app.Settings().Theme()})
	return newWindow(app, &bench{sim: sim, texts: texts, do: fyne.Do})
}

func newWindow(app fyne.App, b *bench) fyne.Window {
	b.reader = newTray(b)
	b.printer = newPrinterPanel(b)
	b.cables = newCables(b)
	b.evaluator = newKeys(b)

	b.side = newSide(b)

	left := container.NewVScroll(container.NewVBox(b.reader.content, widget.NewSeparator(), b.cables.content))
	middle := container.New(columns{}, left, b.printer.content, b.side.content)
	w := app.NewWindow(b.texts.of("title"))
	w.SetContent(container.NewBorder(nil, container.NewVBox(widget.NewSeparator(), b.evaluator.content), nil, nil, middle))
	w.Resize(Size)
	b.show(b.look())
	stop := b.follow()
	w.SetOnClosed(func() {
		b.side.plays.close()
		stop()
	})
	return w
}

// view is everything that the window shows of the bench.
type view struct {
	state simulator.State
	card  simulator.Card
	paper picture
}

// look takes stock of the bench; it may draw for a while and needs no UI thread.
func (b *bench) look() view {
	v := view{state: b.sim.State(), paper: paperPicture(b.sim.Printer.Image())}
	v.card, _ = b.sim.Reader.Card()
	return v
}

// show puts a view on the window; on the UI thread.
func (b *bench) show(v view) {
	b.reader.show(v)
	b.printer.show(v)
	b.cables.show(v)
	b.evaluator.show(v)
	b.side.show(v)
}

// follow redraws after changes until stop is called.
func (b *bench) follow() (stop func()) {
	changed := make(chan struct{}, 1)
	done := make(chan struct{})
	unwatch := b.sim.Watch(func(simulator.Event) {
		select {
		case changed <- struct{}{}:
		default:
		}
	})
	go func() {
		t := time.NewTimer(0)
		defer t.Stop()
		for {
			select {
			case <-changed:
			case <-done:
				return
			}
			v := b.look()
			b.do(func() { b.show(v) })
			t.Reset(calm)
			select {
			case <-t.C:
			case <-done:
				return
			}
		}
	}()
	return sync.OnceFunc(func() {
		unwatch()
		close(done)
	})
}

// heading is a section's title.
func heading(text string) *widget.Label {
	return widget.NewLabelWithStyle(text, fyne.TextAlignLeading, fyne.TextStyle{Bold: true})
}

// spoken is a label with a value in it.
func (b *bench) spoken(key string, value any) string { return fmt.Sprintf(b.texts.of(key), value) }

// columns lays out three columns: the first of fixed width, and of the rest two fifths
// for the second where that leaves the third its least.
type columns struct{}

var _ fyne.Layout = columns{}

const (
	firstColumn = 222
	thirdColumn = 300
)

func (columns) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	rest := max(0, size.Width-firstColumn)
	second := min(rest*2/5, max(0, rest-thirdColumn))
	gap, x := theme.Padding(), float32(0)
	for i, width := range []float32{firstColumn, second, rest - second} {
		objects[i].Move(fyne.NewPos(x, 0))
		objects[i].Resize(fyne.NewSize(max(0, width-gap), size.Height))
		x += width
	}
}

func (columns) MinSize(objects []fyne.CanvasObject) fyne.Size {
	size := fyne.NewSize(firstColumn+thirdColumn, 0)
	for _, o := range objects {
		size.Height = max(size.Height, o.MinSize().Height)
	}
	size.Width += objects[1].MinSize().Width
	return size
}

// row is a line of buttons of equal width.
func row(objects ...fyne.CanvasObject) *fyne.Container {
	return container.New(layout.NewGridLayoutWithColumns(len(objects)), objects...)
}
