// Package bench is the window of the simulated devices: a tray of test cards, the
// paper as it comes out of the printer, the switches that go wrong in a hall, and the
// keys of the evaluator.
package bench

import (
	"fmt"
	"sync"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/widget"

	"yeban/devices/simulator"
)

// Size is the window's size at the start, in logical pixels.
var Size = fyne.NewSize(760, 1000)

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
}

// New makes the window of a bench. It is not shown yet. Closing it stops its updates; the
// devices stay plugged in.
func New(app fyne.App, sim *simulator.Bench, texts Texts) fyne.Window {
	return newWindow(app, &bench{sim: sim, texts: texts, do: fyne.Do})
}

func newWindow(app fyne.App, b *bench) fyne.Window {
	b.reader = newTray(b)
	b.printer = newPrinterPanel(b)
	b.cables = newCables(b)
	b.evaluator = newKeys(b)

	left := container.NewVBox(b.reader.content, widget.NewSeparator(), b.cables.content)
	bordered := container.NewBorder(nil, nil, nil, widget.NewSeparator(), container.NewVScroll(left))
	middle := container.New(columns{first: 270}, bordered, b.printer.content)
	w := app.NewWindow(b.texts.of("title"))
	w.SetContent(container.NewBorder(nil, container.NewVBox(widget.NewSeparator(), b.evaluator.content), nil, nil, middle))
	w.Resize(Size)
	b.show(b.look())
	w.SetOnClosed(b.follow())
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

// columns lays out a first column of fixed width and gives the second the rest.
type columns struct{ first float32 }

var _ fyne.Layout = columns{}

func (c columns) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	objects[0].Move(fyne.NewPos(0, 0))
	objects[0].Resize(fyne.NewSize(c.first, size.Height))
	objects[1].Move(fyne.NewPos(c.first, 0))
	objects[1].Resize(fyne.NewSize(max(0, size.Width-c.first), size.Height))
}

func (c columns) MinSize(objects []fyne.CanvasObject) fyne.Size {
	a, b := objects[0].MinSize(), objects[1].MinSize()
	return fyne.NewSize(c.first+b.Width, max(a.Height, b.Height))
}

// row is a line of buttons of equal width.
func row(objects ...fyne.CanvasObject) *fyne.Container {
	return container.New(layout.NewGridLayoutWithColumns(len(objects)), objects...)
}
