package simulator

import (
	"image"
	"strings"
)

// PrintedLine is one line on the paper: text, a QR code, or another picture.
type PrintedLine struct {
	Text    string `json:"text,omitempty"`
	QR      string `json:"qr,omitempty"`
	Picture bool   `json:"picture,omitempty"`
	Align   Align  `json:"align"`
	Size    int    `json:"size"` // magnification of the tallest character
	Bold    bool   `json:"bold,omitempty"`
}

// Receipt is a piece of paper that was cut off.
type Receipt struct {
	Lines []PrintedLine `json:"lines"`
}

// Text is the receipt's text, one line each.
func (r Receipt) Text() string {
	var b strings.Builder
	for _, l := range r.Lines {
		b.WriteString(l.Text)
		b.WriteByte('\n')
	}
	return b.String()
}

// mark is something on the paper, with what is needed to draw it.
type mark struct {
	line   PrintedLine
	glyphs []glyph
	img    *image.Gray
	x      int // where it begins, in dots
	high   int // dots that the paper moved
	cut    bool
}

// maxMarks bounds what the bench keeps of a long roll; it is cut down to that when there
// is twice as much.
const maxMarks = 2000

// paper is what came out of the printer since it was last torn off.
type paper struct {
	marks []mark
	cuts  int // since the start
	lines int // since the start
}

func (p *paper) add(m mark) {
	p.marks = append(p.marks, m)
	if len(p.marks) > 2*maxMarks {
		p.marks = append([]mark(nil), p.marks[len(p.marks)-maxMarks:]...)
	}
}

func (p *paper) feed(dots int) { p.add(mark{high: dots}) }

func (p *paper) text(line []glyph, on area, align Align, high int) {
	m := mark{glyphs: line, x: on.indent(align, width(line)), high: high, line: PrintedLine{Align: align}}
	var s strings.Builder
	for _, g := range line {
		s.WriteRune(g.r)
		m.line.Size = max(m.line.Size, g.high)
		m.line.Bold = m.line.Bold || g.bold
	}
	m.line.Text = s.String()
	p.lines++
	p.add(m)
}

func (p *paper) picture(img *image.Gray, on area, align Align, code string) {
	p.lines++
	p.add(mark{img: img, x: on.indent(align, img.Rect.Dx()), high: img.Rect.Dy(),
		line: PrintedLine{QR: code, Picture: code == "", Align: align, Size: 1}})
}

func (p *paper) cut() {
	p.cuts++
	p.add(mark{cut: true, high: 24})
}

// pieces splits the paper at its cuts; the last piece hangs in the printer.
func (p *paper) pieces() []Receipt {
	pieces := []Receipt{{}}
	for _, m := range p.marks {
		last := &pieces[len(pieces)-1]
		switch {
		case m.cut:
			pieces = append(pieces, Receipt{})
		case m.glyphs != nil || m.img != nil:
			last.Lines = append(last.Lines, m.line)
		}
	}
	return pieces
}
