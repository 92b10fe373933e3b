package catalog

import (
	"regexp"
	"strings"
)

// ReceiptLine is one line of the printed receipt. Text and QR may hold {fields}.
type ReceiptLine struct {
	Text  string `yaml:"text"`
	QR    string `yaml:"qr"`
	Rule  bool   `yaml:"rule"`
	Align Align  `yaml:"align"` // left where it is empty
	Size  int    `yaml:"size"`  // 1 (default) or 2
	Bold  bool   `yaml:"bold"`
	If    string `yaml:"if"` // a field: the line is left out where it is empty
}

// Align is where a line stands on the paper.
type Align string

const (
	Left   Align = "left"
	Center Align = "center"
)

// receiptFields are what a template may name, and the most columns each prints; 0 is
// a field of any length, which the printer wraps.
var receiptFields = map[string]int{
	"receipt":     20, // as record.NewReceiptNumber gives it
	"item":        0,
	"hall":        0,
	"kiosk":       0,
	"at":          16, // 2006-01-02 15:04
	"name_masked": 0,
	"id_masked":   18,
	"next":        0, // what happens next; may be several lines
	"queued":      0, // a sentence while it is not yet sent, else empty
	"hotline":     0,
}

var placeholder = regexp.MustCompile(`\{([a-z_]*)\}`)

// FillReceipt gives the lines to print: every {field} of the template is replaced, in
// one pass, so that a value is never read as a template itself. Control characters of
// a value become spaces, but for the line ends of next, which makes a line of each. A
// field that is not known renders empty.
func (c *Catalog) FillReceipt(fields map[string]string) []ReceiptLine {
	lines := make([]ReceiptLine, 0, len(c.Receipt))
	for _, l := range c.Receipt {
		if l.If != "" && clean(l.If, fields[l.If]) == "" {
			continue
		}
		l.If = ""
		l.QR = fill(l.QR, fields)
		for text := range strings.SplitSeq(fill(l.Text, fields), "\n") {
			l.Text = text
			lines = append(lines, l)
		}
	}
	return lines
}

func fill(template string, fields map[string]string) string {
	return placeholder.ReplaceAllStringFunc(template, func(name string) string {
		name = strings.Trim(name, "{}")
		if _, known := receiptFields[name]; !known {
			return ""
		}
		return clean(name, fields[name])
	})
}

func clean(field, value string) string {
	value = strings.Map(func(r rune) rune {
		if unprintable(r) && (r != '\n' || field != "next") {
			return ' '
		}
		return r
	}, value)
	return strings.TrimSpace(value)
}
