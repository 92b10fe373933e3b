package simulator

// Text cells of the printer's two fonts, in dots at 203 dpi.
const (
	cellWide = 12 // one column
	cellHigh = 24
	lineFeed = 30 // default line spacing
)

// Align is where a printed line stands.
type Align byte

const (
	Left Align = iota
	Center
	Right
)

// glyph is one character on its way to the paper.
type glyph struct {
	r          rune
	wide, high int // magnification
	bold       bool
	skip       int // dots left free before it
}

// columns is the width in columns of cellWide dots: what is not ASCII stands in a Chinese
// cell.
func (g glyph) columns() int {
	if g.r >= 0x80 {
		return 2 * g.wide
	}
	return g.wide
}

// dots is how much of the line it takes.
func (g glyph) dots() int { return g.skip + g.columns()*cellWide }

// width is how long a line is, in dots.
func width(line []glyph) (dots int) {
	for _, g := range line {
		dots += g.dots()
	}
	return dots
}

// area is the part of the paper's width that is printed on, in dots.
type area struct{ left, wide int }

// indent is where something of a width begins on the paper.
func (a area) indent(align Align, wide int) int {
	switch align {
	case Center:
		return a.left + max(0, (a.wide-wide)/2)
	case Right:
		return a.left + max(0, a.wide-wide)
	}
	return a.left
}

// move is ESC $ and ESC \: the next character stands so many dots from the area's left edge,
// or from the last character.
func (t *interpreter) move(how byte, n int) {
	if how == '$' {
		if n >= width(t.line) && n <= t.area.wide {
			t.skip = n - width(t.line)
		}
		return
	}
	t.skip = min(max(t.skip+int(int16(n)), 0), t.area.wide)
}

// margin is GS L and GS W, which count at the beginning of a line.
func (t *interpreter) margin(which byte, n int) {
	if len(t.line) > 0 {
		return
	}
	if which == 'L' {
		t.area.left = min(n, t.dots-cellWide)
	} else {
		t.area.wide = max(n, 2*cellWide)
	}
	t.area.wide = min(t.area.wide, t.dots-t.area.left)
}

// put adds a character to the line; a full line is printed first.
func (t *interpreter) put(r rune) (printed bool) {
	g := glyph{r: r, wide: t.wide, high: t.high, bold: t.bold, skip: t.skip}
	t.skip = 0
	if width(t.line)+g.dots() > t.area.wide {
		t.flush(t.spacing)
		g.skip = 0
		printed = true
	}
	t.line = append(t.line, g)
	return printed
}

// flush prints the line and feeds; an empty line only feeds.
func (t *interpreter) flush(spacing int) {
	t.skip = 0
	if len(t.line) == 0 {
		if spacing > 0 {
			t.paper.feed(spacing)
		}
		return
	}
	high := 1
	for _, g := range t.line {
		high = max(high, g.high)
	}
	t.paper.text(t.line, t.area, t.align, max(spacing, high*cellHigh+6))
	t.line = nil
}
