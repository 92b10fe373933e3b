package touch

import (
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"
)

// wide measures as a monospaced font would: Chinese two, Latin one.
func wide(s string) float32 {
	w := float32(0)
	for _, r := range s {
		w++
		if r > 0xFF {
			w++
		}
	}
	return w
}

func TestWrap(t *testing.T) {
	for name, tc := range map[string]struct {
		text  string
		width float32
		want  string
	}{
		"fits":                {"居住证签注", 10, "居住证签注"},
		"chinese":             {"居住证签注办理", 8, "居住证签|注办理"},
		"no comma at a start": {"居住证签，注办", 8, "居住证|签，注办"},
		"no bracket at end":   {"居住证（签注）", 8, "居住证|（签注）"},
		"latin at spaces":     {"check your answers", 12, "check your|answers"},
		"long word is cut":    {"abcdefghij", 4, "abcd|efgh|ij"},
		"empty":               {"", 4, ""},
	} {
		if got := strings.Join(Wrap(tc.text, tc.width, wide), "|"); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

func TestWrapLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.SampledFrom([]rune("居住证，。（）办理ab c1")), 0, 60, -1).Draw(t, "text")
		width := float32(rapid.IntRange(2, 30).Draw(t, "width"))
		lines := Wrap(text, width, wide)
		for _, l := range lines {
			if wide(l) > width {
				t.Fatalf("%q is wider than %v", l, width)
			}
		}
		if bare(strings.Join(lines, "")) != bare(text) {
			t.Fatalf("%q became %q", text, lines)
		}
	})
}

func bare(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
}
