package idcard

import (
	"bytes"
	"testing"
	"time"
)

// Inputs made to keep the scanner busy: every byte may begin a frame.
func TestHostileInputIsDecodedInTime(t *testing.T) {
	for name, unit := range map[string]string{
		"starts":           "\x02",
		"long broken STX":  "\x02\x09\x00",
		"long broken SAMV": "\xaa\xaa\xaa\x96\x69\x09\x00",
		"preambles":        "\xaa\xaa\xaa\x96\x69",
		"half preambles":   "\xaa",
	} {
		in := bytes.Repeat([]byte(unit), maxInput/len(unit))
		start := time.Now()
		if _, err := Decode(in); err == nil {
			t.Errorf("%s: decoded", name)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%s: took %v", name, took)
		} else {
			t.Logf("%s: %v", name, took)
		}
	}
}
