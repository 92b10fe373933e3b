package evaluator

import (
	"strings"
	"testing"
)

func TestHelloOfOtherVersionsAndOfNonsense(t *testing.T) {
	for _, c := range []struct {
		name, data string
		want       greeting
		ok         bool
	}{
		{"nothing", "", greeting{}, false},
		{"too short", "\x01\x05", greeting{}, false},
		{"no serial number", "\x01\x05\x01", greeting{session: true}, true},
		{"unknown bits", "\x02\x05\xFE", greeting{cancel: true}, true},
		{"serial number and more", "\x01\x05\x03ABC\x00tail", greeting{true, true, "ABC"}, true},
		{"not ASCII", "\x01\x05\x03\xFF\x1B", greeting{true, true, ""}, true},
		{"endless", "\x01\x05\x00" + strings.Repeat("9", 100), greeting{serial: strings.Repeat("9", maxSerial)}, true},
	} {
		if got, ok := parseHello([]byte(c.data)); got != c.want || ok != c.ok {
			t.Errorf("%s: %+v %v", c.name, got, ok)
		}
	}
}
