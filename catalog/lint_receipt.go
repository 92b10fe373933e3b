package catalog

import (
	"fmt"
	"strings"

	"golang.org/x/text/width"
)

// receiptRules are about the printed receipt.
var receiptRules = []LintRule{
	{ID: "receipt-number", Blocks: true, check: func(l *linter) {
		for _, r := range l.catalog.Receipt {
			if r.If == "" && strings.Contains(r.Text, "{receipt}") {
				return
			}
		}
		l.report("receipt", "the receipt must print its number: {receipt}")
	}, Doc: "the receipt always prints its number"},

	{ID: "receipt-fields", Blocks: true, check: func(l *linter) {
		for i, r := range l.catalog.Receipt {
			at := fmt.Sprintf("receipt[%d]", i)
			for _, m := range placeholder.FindAllStringSubmatch(r.Text+r.QR, -1) {
				if _, known := receiptFields[m[1]]; !known {
					l.reportf(at, "there is no field {%s}: it would print nothing", m[1])
				}
			}
			if _, known := receiptFields[r.If]; r.If != "" && !known {
				l.reportf(at+".if", "there is no field %s: the line would never print", r.If)
			}
			if rest := placeholder.ReplaceAllString(r.Text+r.QR, ""); strings.ContainsAny(rest, "{}") {
				l.report(at, "has a { or } that is no field")
			}
		}
	}, Doc: "the receipt names only fields that exist"},

	{ID: "receipt-width", Blocks: true, check: func(l *linter) {
		paper := l.catalog.Columns
		switch paper {
		case 0:
			paper = 32
		case 32, 48:
		default:
			l.report("receipt_columns", "paper has 32 columns (58 mm) or 48 (80 mm)")
			return
		}
		for i, r := range l.catalog.Receipt {
			size := max(r.Size, 1)
			if r.Size < 0 || size > 2 {
				l.reportf(fmt.Sprintf("receipt[%d].size", i), "size is 1 or 2")
				continue
			}
			for line := range strings.SplitSeq(r.Text, "\n") {
				if n := templateColumns(line) * size; n > paper {
					l.reportf(fmt.Sprintf("receipt[%d]", i), "%d columns, the paper has %d", n, paper)
				}
			}
		}
	}, Doc: "no line of the receipt is wider than the paper, 32 or 48 columns"},
}

// templateColumns is the width of a line with its fields at their widest; one of any
// length counts nothing, the printer wraps it.
func templateColumns(line string) int {
	n := columns(placeholder.ReplaceAllString(line, ""))
	for _, m := range placeholder.FindAllStringSubmatch(line, -1) {
		n += receiptFields[m[1]]
	}
	return n
}

// columns is the width of s in the printer's fixed font: two for a Chinese character
// or sign, and for those of ambiguous width, which a Chinese printer prints wide.
func columns(s string) int {
	n := 0
	for _, r := range s {
		switch width.LookupRune(r).Kind() {
		case width.EastAsianWide, width.EastAsianFullwidth, width.EastAsianAmbiguous:
			n += 2
		default:
			n++
		}
	}
	return n
}
