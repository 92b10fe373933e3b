package touch

import (
	"image/color"
	"math"
	"testing"
)

// luminance and contrast are WCAG 2.2's.
func luminance(c color.NRGBA) float64 {
	channel := func(v uint8) float64 {
		f := float64(v) / 255
		if f <= 0.04045 {
			return f / 12.92
		}
		return math.Pow((f+0.055)/1.055, 2.4)
	}
	return 0.2126*channel(c.R) + 0.7152*channel(c.G) + 0.0722*channel(c.B)
}

func contrast(a, b color.NRGBA) float64 {
	la, lb := luminance(a), luminance(b)
	return (math.Max(la, lb) + 0.05) / (math.Min(la, lb) + 0.05)
}

func TestTextCanBeRead(t *testing.T) {
	for name, pair := range map[string][2]color.NRGBA{
		"ink on paper": {Ink, Paper}, "ink on surface": {Ink, Surface}, "white on primary": {White, Primary},
		"white on night": {White, Night}, "muted on paper": {Muted, Paper}, "muted on a closed tile": {Muted, Faint},
		"care on its card": {Care, CareSoft}, "care on a closed tile": {Care, Faint}, "good on its card": {Good, GoodSoft},
		"alarm on its card": {Alarm, AlarmSoft}, "primary on its card": {Primary, PrimarySoft}, "primary on surface": {Primary, Surface},
	} {
		least := 4.5
		if pair[0] == Ink || pair[0] == White || pair[0] == Muted && pair[1] == Paper {
			least = 7 // what is read most
		}
		if got := contrast(pair[0], pair[1]); got < least {
			t.Errorf("%s: contrast %.1f, want %.1f", name, got, least)
		}
	}
}

// TestTargetsAreLarge: 15 mm on a 27-inch portrait panel is 48 px, on 21.5 inches 60 px.
func TestTargetsAreLarge(t *testing.T) {
	for _, elder := range []bool{false, true} {
		s := SizesFor(elder)
		if s.Target < 80 || s.Key < 80 || s.Body < 32 {
			t.Errorf("elder %v: %+v", elder, s)
		}
	}
	if n, e := SizesFor(false), SizesFor(true); e.Body <= n.Body || e.Target <= n.Target {
		t.Error("elder mode is no larger")
	}
}
