package printer

import (
	"bytes"
	"image"
	"image/color"

	"rsc.io/qr"
)

// bandHigh is how many rows one GS v 0 carries, so that a picture can stop and be
// asked about in between.
const bandHigh = 24

// picture prints an image in bands. It is moved to its place by white dots, since
// not every make lets ESC a act on pictures.
func (e *encoder) picture(img image.Image, align Align) {
	b := img.Bounds()
	wide := min(b.Dx(), e.profile.DotsWide)
	left := 0
	switch align {
	case Center:
		left = (e.profile.DotsWide - wide) / 2
	case Right:
		left = e.profile.DotsWide - wide
	}
	row := (left + wide + 7) / 8
	e.add([]byte{0x1B, 'a', 0})
	for top := 0; top < b.Dy(); top += bandHigh {
		high := min(bandHigh, b.Dy()-top)
		band := []byte{0x1D, 'v', '0', 0, byte(row), byte(row >> 8), byte(high), 0}
		dots := make([]byte, row*high)
		for y := range high {
			for x := range wide {
				if dark(img.At(b.Min.X+x, b.Min.Y+top+y)) {
					at := left + x
					dots[y*row+at/8] |= 0x80 >> (at % 8)
				}
			}
		}
		e.add(append(band, harmless(dots)...))
	}
}

func dark(c color.Color) bool { return color.GrayModel.Convert(c).(color.Gray).Y < 0x80 }

// harmless changes dots that a printer would take for a real-time command (DLE EOT,
// DLE ENQ, DLE DC4), which works even within a picture: one dot more after the DLE's.
func harmless(dots []byte) []byte {
	for i := 0; i+1 < len(dots); i++ {
		if dots[i] == 0x10 && bytes.IndexByte([]byte{0x04, 0x05, 0x14}, dots[i+1]) >= 0 {
			dots[i] = 0x18
		}
	}
	return dots
}

// scaled draws a QR code, module dots a module.
type scaled struct {
	code   *qr.Code
	module int
}

func (s scaled) ColorModel() color.Model { return color.GrayModel }

func (s scaled) Bounds() image.Rectangle {
	return image.Rect(0, 0, s.code.Size*s.module, s.code.Size*s.module)
}

func (s scaled) At(x, y int) color.Color {
	if s.code.Black(x/s.module, y/s.module) {
		return color.Gray{}
	}
	return color.Gray{Y: 0xFF}
}
