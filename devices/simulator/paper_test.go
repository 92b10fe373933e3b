package simulator

import (
	"image"
	"os"
	"testing"
)

func TestPaperIsDrawn(t *testing.T) {
	font, err := os.ReadFile("../../assets/fonts/NotoSansSC-Regular.ttf")
	if err != nil {
		t.Skip("no font here: ", err)
	}
	b := newBench(t, func(c *Config) { c.Font, c.Width = font, 58 })
	h := openPort(t, b, "printer", 115200)
	cut := make(chan struct{}, 1)
	b.Watch(func(e Event) {
		if e.String() == "printer.cut" {
			cut <- struct{}{}
		}
	})
	h.send([]byte("\x1b@\x1ba\x01\x1d!\x11Size 2\n\x1d!\x00\x1ba\x00normal\n\x1c&\xca\xdc\xc0\xed\n\x1dV\x00")...)
	<-cut
	got := b.Printer.Receipts()
	if len(got) != 1 || got[0].Text() != "Size 2\nnormal\n受理\n" {
		t.Fatalf("%+v", got)
	}
	img := b.Printer.Image()
	if img.Bounds().Dx() != 384 || !hasInk(img, image.Rect(100, 0, 284, 48)) || hasInk(img, image.Rect(0, 0, 90, 48)) {
		t.Errorf("title is not centred on %v", img.Bounds())
	}
	b.Printer.TearOff()
	if hasInk(b.Printer.Image(), b.Printer.Image().Bounds()) {
		t.Error("paper was torn off, ink is left")
	}
}

func hasInk(img image.Image, r image.Rectangle) bool {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			if v, _, _, _ := img.At(x, y).RGBA(); v < 0x8000 {
				return true
			}
		}
	}
	return false
}
