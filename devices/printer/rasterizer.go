package printer

import (
	"fmt"
	"image"
	"image/draw"
	"sync"

	"golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// cellHigh is the height of a character of size 1, in dots; a column is half of it.
const cellHigh = 24

// Font is a Rasterizer that draws with a TrueType font. A character that the font
// lacks, too, is drawn as an empty box: never dropped.
type Font struct {
	font  *opentype.Font
	mu    sync.Mutex
	faces map[int]font.Face
}

// NewRasterizer reads a TTF.
func NewRasterizer(ttf []byte) (*Font, error) {
	f, err := opentype.Parse(ttf)
	if err != nil {
		return nil, fmt.Errorf("read receipt font: %w", err)
	}
	return &Font{font: f, faces: make(map[int]font.Face)}, nil
}

func (f *Font) face(points int) (font.Face, error) {
	if face, ok := f.faces[points]; ok {
		return face, nil
	}
	face, err := opentype.NewFace(f.font, &opentype.FaceOptions{Size: float64(points), DPI: 72, Hinting: font.HintingFull})
	if err != nil {
		return nil, fmt.Errorf("receipt font at %d dots: %w", points, err)
	}
	f.faces[points] = face
	return face, nil
}

// Line draws text in cells, as the printer's own font would stand.
func (f *Font) Line(text string, size int, bold bool) (image.Image, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	columns := 0
	for _, r := range text {
		columns += width(r)
	}
	high := cellHigh * size
	img := image.NewGray(image.Rect(0, 0, columns*high/2, high))
	draw.Draw(img, img.Rect, image.White, image.Point{}, draw.Src)
	x := 0
	for _, r := range text {
		points := high
		if r < 0x80 {
			points = high * 5 / 6 // an advance must fit half a cell
		}
		face, err := f.face(points)
		if err != nil {
			return nil, err
		}
		cell := width(r) * high / 2
		advance, _ := face.GlyphAdvance(r)
		if i, err := f.font.GlyphIndex(nil, r); err != nil || i == 0 {
			box(img, image.Rect(x, 0, x+cell, high).Inset(2*size))
			x += cell
			continue
		}
		dot := fixed.P(x+(cell-advance.Round())/2, high*7/8)
		for i := range 2 {
			if rect, mask, at, _, ok := face.Glyph(dot.Add(fixed.P(i, 0)), r); ok {
				draw.DrawMask(img, rect, image.Black, image.Point{}, mask, at, draw.Over)
			}
			if !bold {
				break
			}
		}
		x += cell
	}
	return img, nil
}

// box draws a frame of two dots.
func box(img draw.Image, r image.Rectangle) {
	draw.Draw(img, r, image.Black, image.Point{}, draw.Src)
	draw.Draw(img, r.Inset(2), image.White, image.Point{}, draw.Src)
}
