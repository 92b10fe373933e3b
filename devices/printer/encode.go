package printer

import (
	"errors"
	"fmt"
	"image"
	"slices"
	"strings"
	"unicode/utf8"

	"rsc.io/qr"
)

// Limits of a document; more is refused before anything is sent.
const (
	maxLines = 400
	maxText  = 2000 // bytes of one line
	maxQR    = 1000 // bytes of one code
)

// ErrDocument is returned for a document that cannot be printed whatever the
// printer's state.
var ErrDocument = errors.New("document not printable")

// Commands of ESC/POS that stand alone.
var (
	initialize  = []byte{0x1B, '@', 0x1C, '&'} // ESC @ ends the Chinese mode, FS & begins it
	clearBuffer = []byte{0x10, 0x14, 0x08, 0x01, 0x03, 0x14, 0x01, 0x06, 0x02, 0x08}
	feedAndCut  = []byte{0x1D, 'V', 'B', 0}
	askStatus   = []byte{0x10, 0x04} // DLE EOT n
	asbOn       = []byte{0x1D, 'a', 0x0F}
	asbOff      = []byte{0x1D, 'a', 0}
)

// start is what every job begins with. While a marker's answer is awaited there must be no
// automatic status: if the first byte of one, by which it is known, were lost, the three
// others would look like answers to GS r; and a printer says it just when its paper ends.
func (p Profile) start() []byte {
	if !p.ASB {
		return initialize // it may not know GS a
	}
	return slices.Concat(initialize, asbOff)
}

// Rasterizer draws what the printer's own font lacks.
type Rasterizer interface {
	// Line draws text black on white, size×24 dots high and columns×12×size dots wide,
	// a Chinese character taking two columns.
	Line(text string, size int, bold bool) (image.Image, error)
}

// Encode gives the commands that print a document, from ESC @ to the cut. Each element
// is indivisible; between two of them the printer can be asked where it is. raster may be
// nil: characters that the printer lacks are then printed as 〓.
func Encode(doc Document, p Profile, raster Rasterizer) ([][]byte, error) {
	if len(doc.Lines) > maxLines {
		return nil, fmt.Errorf("%w: %d lines, at most %d", ErrDocument, len(doc.Lines), maxLines)
	}
	e := &encoder{profile: p, raster: raster}
	e.add(p.start())
	for i, l := range doc.Lines {
		if err := e.line(l); err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	e.add([]byte{0x1B, 'd', 3})
	e.add(feedAndCut)
	return e.atoms, nil
}

type encoder struct {
	profile Profile
	raster  Rasterizer
	atoms   [][]byte
}

func (e *encoder) add(atom []byte) { e.atoms = append(e.atoms, atom) }

func (e *encoder) line(l Line) error {
	if len(l.Text) > maxText || len(l.QR) > maxQR {
		return fmt.Errorf("%w: too long", ErrDocument)
	}
	size := min(max(l.Size, 1), 4)
	var err error
	switch {
	case l.QR != "":
		err = e.qr(l.QR, l.Align)
	case l.Rule:
		e.text(strings.Repeat("-", e.profile.Columns), Left, 1, false)
	default:
		for _, piece := range wrap(l.Text, e.profile.Columns/size) {
			if err = e.piece(piece, l.Align, size, l.Bold); err != nil {
				break
			}
		}
	}
	if l.Feed > 0 && err == nil {
		e.add([]byte{0x1B, 'd', byte(min(l.Feed, 50))})
	}
	return err
}

// piece prints one line of the paper, as text if the printer has every character, as
// a picture if not.
func (e *encoder) piece(text string, align Align, size int, bold bool) error {
	lacks := func(r rune) bool { return !inPrinter(r) }
	if !strings.ContainsFunc(text, lacks) {
		e.text(text, align, size, bold)
		return nil
	}
	if e.raster == nil {
		e.text(strings.Map(func(r rune) rune {
			if lacks(r) {
				return geta
			}
			return r
		}, text), align, size, bold)
		return nil
	}
	img, err := e.raster.Line(text, size, bold)
	if err != nil {
		return fmt.Errorf("draw line: %w", err)
	}
	e.picture(img, align)
	e.add([]byte{0x1B, 'J', 6}) // the gap that a line of text has below
	return nil
}

// text prints text that the printer has in its font, and a line feed.
func (e *encoder) text(text string, align Align, size int, bold bool) {
	on := byte(0)
	if bold {
		on = 1
	}
	m := byte(size - 1)
	chinese := byte(0) // FS ! knows no more than double
	if size > 1 {
		chinese = 0x0C
	}
	e.add([]byte{0x1B, 'a', byte(align), 0x1B, 'E', on, 0x1C, '!', chinese, 0x1D, '!', m<<4 | m})
	const most = 24 // bytes an atom
	for len(text) > 0 {
		var atom []byte
		for len(atom) < most && len(text) > 0 {
			_, n := utf8.DecodeRuneInString(text)
			atom = append(atom, gb(text[:n])...)
			text = text[n:]
		}
		e.add(atom)
	}
	e.add([]byte{'\n'})
}

// qr prints a code, drawn by the printer or by us.
func (e *encoder) qr(data string, align Align) error {
	code, err := qr.Encode(data, qr.M)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDocument, err)
	}
	// As large as half the paper allows, between 3 and 8 dots a module.
	module := min(max(e.profile.DotsWide/2/code.Size, 3), 8)
	if code.Size*module > e.profile.DotsWide {
		return fmt.Errorf("%w: code of %d modules too large", ErrDocument, code.Size)
	}
	if e.profile.NoQR {
		e.picture(scaled{code, module}, align)
		return nil
	}
	e.add([]byte{0x1B, 'a', byte(align)})
	e.add([]byte{0x1D, '(', 'k', 4, 0, 49, 65, 50, 0})
	e.add([]byte{0x1D, '(', 'k', 3, 0, 49, 67, byte(module)})
	e.add([]byte{0x1D, '(', 'k', 3, 0, 49, 69, 49})
	n := len(data) + 3
	e.add(append([]byte{0x1D, '(', 'k', byte(n), byte(n >> 8), 49, 80, 48}, data...))
	e.add([]byte{0x1D, '(', 'k', 3, 0, 49, 81, 48})
	e.add([]byte{'\n'})
	return nil
}
