package e2e

import (
	"strings"

	"yeban/devices/simulator"
)

// text is all paper as one string.
func text(receipts []simulator.Receipt) string {
	var b strings.Builder
	for _, r := range receipts {
		b.WriteString(r.Text())
	}
	return b.String()
}

// contains looks through line ends: a printer wraps where the paper ends.
func contains(paper, sentence string) bool {
	return strings.Contains(strings.ReplaceAll(paper, "\n", ""), sentence)
}
