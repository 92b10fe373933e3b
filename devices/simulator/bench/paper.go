package bench

import (
	"image"
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// printerPanel is the printer's switches and the paper that came out.
type printerPanel struct {
	b       *bench
	content fyne.CanvasObject
	load    *widget.Button
	low     *widget.Check
	cover   *widget.Check
	power   *widget.Check
	backs   map[*widget.Check]*canvas.Rectangle // lit where a switch is not as it should be
	tear    *widget.Button
	none    *widget.Label
	paper   *canvas.Image
	scroll  *container.Scroll
	lines   int
}

func newPrinterPanel(b *bench) *printerPanel {
	p := &printerPanel{b: b}
	printer := b.sim.Printer
	p.load = widget.NewButton("", func() {
		if printer.State().Paper {
			printer.RemovePaper()
		} else {
			printer.LoadPaper()
		}
	})
	p.low = widget.NewCheck(b.texts.of("paper.low"), printer.SetNearEnd)
	p.cover = widget.NewCheck(b.texts.of("cover"), printer.SetCover)
	p.power = widget.NewCheck(b.texts.of("power"), printer.SetPower)
	p.tear = widget.NewButton(b.texts.of("tear"), printer.TearOff)
	p.none = widget.NewLabelWithStyle(b.texts.of("paper.none"), fyne.TextAlignCenter, fyne.TextStyle{})
	p.paper = canvas.NewImageFromImage(nil)
	p.paper.FillMode = canvas.ImageFillContain
	p.scroll = container.NewVScroll(container.New(strip{p}, p.paper))
	p.scroll.SetMinSize(fyne.NewSize(200, 200))
	switches := container.NewGridWithColumns(2)
	p.backs = make(map[*widget.Check]*canvas.Rectangle)
	for _, check := range []*widget.Check{p.power, p.cover, p.low} {
		p.backs[check] = newBack()
		switches.Add(container.NewStack(p.backs[check], check))
	}
	tray := canvas.NewRectangle(color.Gray{Y: 0xD8})
	top := container.NewVBox(heading(b.texts.of("printer")), row(p.load, p.tear), switches)
	p.content = container.NewBorder(top, nil, widget.NewSeparator(), widget.NewSeparator(),
		container.NewStack(tray, container.NewCenter(p.none), p.scroll))
	return p
}

func (p *printerPanel) show(v view) {
	s := v.state.Printer
	text := "paper.load"
	if s.Paper {
		text = "paper.out"
	}
	p.load.SetText(p.b.texts.of(text))
	emphasise(p.load, !s.Paper)
	set(p.low, s.NearEnd)
	set(p.cover, s.CoverOpen)
	set(p.power, s.Power)
	light(p.backs[p.low], s.NearEnd)
	light(p.backs[p.cover], s.CoverOpen)
	light(p.backs[p.power], !s.Power)
	if v.paper.empty {
		p.none.Show()
		p.paper.Hide()
		p.tear.Disable()
		return
	}
	p.none.Hide()
	p.tear.Enable()
	p.paper.Image = v.paper.img
	p.paper.Show()
	p.paper.Refresh()
	p.scroll.Refresh()
	if s.Lines != p.lines { // follow the paper, but let people scroll back
		p.lines = s.Lines
		p.scroll.ScrollToBottom()
	}
}

// picture is the end of the printed paper, ready for the screen.
type picture struct {
	img   image.Image
	empty bool
}

const (
	paperScale = 0.7  // logical pixels a dot at most
	tallest    = 4000 // dots of paper that are shown; a texture has its limits
)

// strip lays the paper out as wide as there is room for.
type strip struct{ p *printerPanel }

var _ fyne.Layout = strip{}

func (s strip) size() fyne.Size {
	if s.p.paper.Image == nil {
		return fyne.Size{}
	}
	dots := s.p.paper.Image.Bounds()
	scale := max(0.1, min(paperScale, (s.p.scroll.Size().Width-2*theme.Padding())/float32(dots.Dx())))
	return fyne.NewSize(float32(dots.Dx())*scale, float32(dots.Dy())*scale)
}

func (s strip) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	paper := s.size()
	objects[0].Resize(paper)
	objects[0].Move(fyne.NewPos((size.Width-paper.Width)/2, 0))
}

func (s strip) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(0, s.size().Height) }

// paperPicture cuts the newest part off what was printed.
func paperPicture(img image.Image) picture {
	b := img.Bounds()
	if b.Dy() <= 1 {
		return picture{empty: true}
	}
	if part, ok := img.(interface {
		SubImage(image.Rectangle) image.Image
	}); ok && b.Dy() > tallest {
		b.Min.Y = b.Max.Y - tallest
		img = part.SubImage(b)
	}
	return picture{img: img}
}
