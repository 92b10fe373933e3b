package evaluator

import (
	"strings"
	"testing"
)

func TestHelloOfOtherVersionsAndOfNonsense(t *testing.T) {
	for _, c := range []struct {
		name, data string
		want       greeting
	}{
		{"nothing", "", greeting{}},
		{"too short", "\x01\x05", greeting{}},
		{"no serial number", "\x01\x05\x01", greeting{session: true}},
		{"unknown bits", "\x02\x05\xFE", greeting{cancel: true}},
		{"serial number and more", "\x01\x05\x03ABC\x00tail", greeting{true, true, "ABC"}},
		{"not ASCII", "\x01\x05\x03\xFF\x1B", greeting{true, true, ""}},
		{"endless", "\x01\x05\x00" + strings.Repeat("9", 100), greeting{serial: strings.Repeat("9", maxSerial)}},
	} {
		if got := parseHello([]byte(c.data)); got != c.want {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}
