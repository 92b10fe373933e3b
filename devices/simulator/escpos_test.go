package simulator

import (
	"image"
	"testing"
)

// FuzzPaper: whatever a printer gets, it puts nothing beside the paper, and once it was
// cleared it prints the next job as it stands.
func FuzzPaper(f *testing.F) {
	f.Add([]byte("\x1b@\x1c&\xca\xdc\n\x1dV\x00"))
	f.Add([]byte("\x1dv0\x00\x02\x00\x02\x00abcd\x1d(k\x03\x001Q0\x10\x04\x01"))
	f.Add([]byte("\x1dL\x10\x00\x1dW\x40\x00\x1ba\x02\x1b$\x20\x00a\x1b\\\xf0\xffb\x1d!\x77c\n"))
	f.Add([]byte("\x1dW(\x00\t\xf60\n")) // a tab wider than the area
	f.Add([]byte("\x1d(H\x06\x0000abcd\x1dr1\x1dIB\x1da\x0f\x1c(A\x02\x000\x00\x1d8L"))
	f.Fuzz(func(t *testing.T, job []byte) {
		if len(job) > 256 {
			return // longer ones say nothing new, and slowly
		}
		p := newPrinter(Config{Width: 58, Buffer: 4096, PrinterBaud: 9600, Speed: 1}, &typeface{}, func(Event) {})
		p.receive(job)
		for _, m := range p.paper.marks {
			if m.x < 0 || m.x >= p.interp.dots || m.high < 0 || m.x+width(m.glyphs) > p.interp.dots && len(m.glyphs) > 1 {
				t.Errorf("mark at %d, %d wide and %d high", m.x, width(m.glyphs), m.high)
			}
		}
		if len(p.paper.marks) < 8 && dotsHigh(p.paper.marks) < 1000 {
			if wide := p.Image().Bounds().Dx(); wide != 384 {
				t.Errorf("paper is %d dots wide", wide)
			}
		}
		p.receive(clearBuffers)
		p.receive([]byte("\x1b@ok\n"))
		if s := p.State(); s.Overruns != 0 || s.Buffered != 0 {
			t.Errorf("%d bytes overran, %d wait, while the printer was ready", s.Overruns, s.Buffered)
		}
		if last := p.paper.marks[len(p.paper.marks)-1]; last.line != (PrintedLine{Text: "ok", Size: 1}) || last.x != 0 {
			t.Errorf("after clearing it printed %+v", last)
		}
	})
}

func dotsHigh(marks []mark) (high int) {
	for _, m := range marks {
		high += m.high
	}
	return high
}

func TestPositionsAreInDots(t *testing.T) {
	t.Parallel()
	// In an area of 240 dots from 24 on: "a" at its left, "b" 100 dots from its edge, "c"
	// 12 dots behind that; then a centred and a right-aligned letter.
	p := Interpret(58, []byte("\x1dL\x18\x00\x1dW\xf0\x00"+"a\x1b$\x64\x00b\x1b\\\x0c\x00c\n"+"\x1ba\x01d\n\x1ba\x02e\n"))
	img := p.Image.(*image.Gray)
	for i, want := range [][]int{{24, 124, 148}, {24 + 114}, {24 + 228}} {
		var got []int
		for x, inside := 0, false; x < 384; x++ {
			dark := img.GrayAt(x, i*lineFeed+cellHigh/2).Y != 0xFF
			if dark && !inside {
				got = append(got, x-1) // a bar leaves a dot free
			}
			inside = dark
		}
		if len(got) != len(want) {
			t.Fatalf("line %d: letters at %v, want %v", i, got, want)
		}
		for j := range want {
			if got[j] != want[j] {
				t.Errorf("line %d: letters at %v, want %v", i, got, want)
			}
		}
	}
	if p.Unknown != 0 {
		t.Errorf("%d bytes not understood", p.Unknown)
	}
}
