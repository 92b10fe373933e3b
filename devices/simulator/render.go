package simulator

import (
	"fmt"
	"image"
	"image/draw"
	"sync"

	"golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// typeface draws a printer's characters from a TTF. It is safe for concurrent use.
type typeface struct {
	mu    sync.Mutex
	font  *opentype.Font // nil: grey bars
	faces map[int]font.Face
}

func newTypeface(ttf []byte) (*typeface, error) {
	t := &typeface{faces: make(map[int]font.Face)}
	if len(ttf) == 0 {
		return t, nil
	}
	f, err := opentype.Parse(ttf)
	if err != nil {
		return nil, fmt.Errorf("simulator: printer font: %w", err)
	}
	t.font = f
	return t, nil
}

func (t *typeface) face(size int) (font.Face, error) {
	if f, ok := t.faces[size]; ok {
		return f, nil
	}
	f, err := opentype.NewFace(t.font, &opentype.FaceOptions{Size: float64(size), DPI: 72, Hinting: font.HintingFull})
	if err == nil {
		t.faces[size] = f
	}
	return f, err
}

// draw puts one character into its cell, whose upper left corner is (x, y).
func (t *typeface) draw(dst *image.Gray, g glyph, x, y int) {
	if g.r == ' ' || g.r == '\u3000' {
		return
	}
	w, h := g.columns()*cellWide, g.high*cellHigh
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.font == nil {
		fill(dst, image.Rect(x+1, y+h/4, x+w-1, y+h-h/4), 0x60)
		return
	}
	// The printer magnifies dots; drawing at the smaller magnification and stretching
	// would look coarser, so the face is drawn at the cell's own height.
	size := cellHigh * min(g.wide, g.high)
	if g.r < 0x80 {
		size = size * 5 / 6 // a Latin letter's advance must fit half a cell
	}
	face, err := t.face(size)
	if err != nil {
		return
	}
	adv, _ := face.GlyphAdvance(g.r)
	base := y + h*7/8
	dot := fixed.P(x+(w-adv.Round())/2, base)
	for i := range 2 {
		r, mask, at, _, ok := face.Glyph(dot.Add(fixed.P(i, 0)), g.r)
		if ok {
			draw.DrawMask(dst, r, image.Black, image.Point{}, mask, at, draw.Over)
		}
		if !g.bold {
			break
		}
	}
}

// render draws marks on paper that is dots wide.
func (t *typeface) render(marks []mark, dots int) *image.Gray {
	high := 0
	for _, m := range marks {
		high += m.high
	}
	img := image.NewGray(image.Rect(0, 0, dots, max(high, 1)))
	fill(img, img.Rect, 0xFF)
	y := 0
	for _, m := range marks {
		switch {
		case m.cut:
			for x := 0; x < dots; x += 12 {
				fill(img, image.Rect(x, y+11, x+6, y+13), 0xA0)
			}
		case m.img != nil:
			for row := range m.img.Rect.Dy() {
				at := img.PixOffset(m.x, y+row)
				copy(img.Pix[at:at+dots-m.x], m.img.Pix[row*m.img.Stride:][:m.img.Stride])
			}
		case m.glyphs != nil:
			tall := 1
			for _, g := range m.glyphs {
				tall = max(tall, g.high)
			}
			x := m.x
			for _, g := range m.glyphs {
				t.draw(img, g, x+g.skip, y+(tall-g.high)*cellHigh)
				x += g.dots()
			}
		}
		y += m.high
	}
	return img
}

// fill is draw.Draw of a uniform grey, which that does dot by dot.
func fill(img *image.Gray, r image.Rectangle, grey byte) {
	r = r.Intersect(img.Rect)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		row := img.Pix[img.PixOffset(r.Min.X, y):][:r.Dx()]
		for i := range row {
			row[i] = grey
		}
	}
}
