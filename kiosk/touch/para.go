package touch

import (
	"image/color"
	"strings"
	"unicode"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
)

// LineSpacing is the distance of lines over the height of the text.
const LineSpacing = 1.18 // of Fyne's own line height, which is already above the em

// Look is how a paragraph is set.
type Look struct {
	Size   float32
	Color  color.Color
	Bold   bool
	Center bool
}

// Para sets a text in lines no wider than width. Its size is fixed from then on, so a
// page can be measured before it is shown.
func Para(text string, width float32, l Look) fyne.CanvasObject {
	if l.Color == nil {
		l.Color = Ink
	}
	style := fyne.TextStyle{Bold: l.Bold}
	box := container.New(&stack{spacing: LineSpacing, width: width, center: l.Center})
	for _, paragraph := range strings.Split(text, "\n") {
		for _, line := range Wrap(paragraph, width, func(s string) float32 {
			return fyne.MeasureText(s, l.Size, style).Width
		}) {
			t := canvas.NewText(line, l.Color)
			t.TextSize, t.TextStyle = l.Size, style
			box.Add(t)
		}
	}
	return box
}

// notAtStart may not begin a line (GB/T 15834); notAtEnd may not end one.
const (
	notAtStart = "，。、；：？！）》」』】〉”’％,.;:?!)]}%·…"
	notAtEnd   = "（《「『【〈“‘([{"
)

// Wrap breaks a text into lines: between Chinese characters anywhere but around
// punctuation, in Latin text at spaces, inside a word only where it is wider than a line.
func Wrap(text string, width float32, measure func(string) float32) []string {
	var lines []string
	rest := []rune(text)
	for len(rest) > 0 && measure(string(rest)) > width {
		fits := 1
		for fits < len(rest) && measure(string(rest[:fits+1])) <= width {
			fits++
		}
		cut := fits
		for cut > 1 && !breakable(rest[cut-1], rest[cut]) {
			cut--
		}
		if cut <= 1 {
			cut = fits
		}
		lines = append(lines, strings.TrimRightFunc(string(rest[:cut]), unicode.IsSpace))
		rest = []rune(strings.TrimLeftFunc(string(rest[cut:]), unicode.IsSpace))
	}
	return append(lines, string(rest))
}

func breakable(before, after rune) bool {
	if strings.ContainsRune(notAtStart, after) || strings.ContainsRune(notAtEnd, before) {
		return false
	}
	if unicode.IsSpace(before) || unicode.IsSpace(after) {
		return true
	}
	return unicode.Is(unicode.Han, before) || unicode.Is(unicode.Han, after) ||
		strings.ContainsRune(notAtStart, before) && before > unicode.MaxLatin1
}

// stack sets lines below one another.
type stack struct {
	spacing, width float32
	center         bool
}

func (s *stack) MinSize(lines []fyne.CanvasObject) fyne.Size {
	size := fyne.NewSize(s.width, 0)
	for _, l := range lines {
		size.Height += l.MinSize().Height * s.spacing
	}
	return size
}

func (s *stack) Layout(lines []fyne.CanvasObject, size fyne.Size) {
	y := float32(0)
	for _, l := range lines {
		min := l.MinSize()
		x := float32(0)
		if s.center {
			x = (size.Width - min.Width) / 2
		}
		l.Move(fyne.NewPos(x, y+min.Height*(s.spacing-1)/2))
		l.Resize(min)
		y += min.Height * s.spacing
	}
}
