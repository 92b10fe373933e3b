package printer

import (
	"strings"
	"unicode"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// geta stands for a character that neither printer nor font can show, as in GB 2312
// typesetting.
const geta = '〓'

// width is the columns that the printer gives a character: everything outside ASCII
// is a Chinese-size cell.
func width(r rune) int {
	if r < 0x80 {
		return 1
	}
	return 2
}

// inPrinter tells whether the printer's own font can have the character: ASCII and what
// GB18030 writes in two bytes, without the areas for private use.
func inPrinter(r rune) bool {
	switch {
	case r >= 0x20 && r < 0x7F:
		return true
	case r < 0x80, r >= 0xE000 && r <= 0xF8FF, r == unicode.ReplacementChar:
		return false
	}
	b, err := simplifiedchinese.GB18030.NewEncoder().Bytes([]byte(string(r)))
	return err == nil && len(b) == 2
}

// gb encodes text of which inPrinter holds.
func gb(text string) []byte {
	b, err := simplifiedchinese.GB18030.NewEncoder().Bytes([]byte(text))
	if err != nil {
		return nil
	}
	return b
}

// clean makes text safe to send: control characters, which a printer would obey, become
// spaces; invalid UTF-8 becomes geta.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == unicode.ReplacementChar:
			return geta
		case r < 0x20 || r == 0x7F:
			return ' '
		}
		return r
	}, text)
}

// wrap breaks text into pieces of at most columns; at a space where one is near, never
// within a word of Chinese width. Zero-width marks stay with their character.
func wrap(text string, columns int) []string {
	var lines []string
	for part := range strings.SplitSeq(text, "\n") {
		lines = append(lines, wrapPart(clean(part), max(columns, 2))...)
	}
	return lines
}

func wrapPart(text string, columns int) []string {
	var lines []string
	runes := []rune(text)
	for {
		used, end, space := 0, 0, -1
		for end < len(runes) && used+width(runes[end]) <= columns {
			if runes[end] == ' ' {
				space = end
			}
			used += width(runes[end])
			end++
		}
		if end == len(runes) {
			return append(lines, string(runes))
		}
		// A word of ASCII that began on this line goes to the next as a whole.
		if runes[end] != ' ' && runes[end] < 0x80 && space > 0 && ascii(runes[space:end]) {
			end = space
		}
		lines = append(lines, strings.TrimRight(string(runes[:end]), " "))
		for end < len(runes) && runes[end] == ' ' {
			end++
		}
		runes = runes[end:]
	}
}

func ascii(runes []rune) bool {
	for _, r := range runes {
		if r >= 0x80 {
			return false
		}
	}
	return true
}
