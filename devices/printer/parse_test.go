package printer

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"yeban/devices/simulator"
)

func TestDemuxTellsAnswersApart(t *testing.T) {
	stream := []byte{0x12, 0x18, 0, 0x0C, 0x0F, 0x11, 0x13, 0x7E, 0x0F, 0x37, 0x25, 0, 0x37, 0x22, 'A', 'B', 'C', 'D', 0, 0x5F, 'X', '1', 0, 0xFF}
	want := []eventKind{eventEOT, eventASB, eventXON, eventXOFF, eventEOT, eventSensor, eventCleared, eventJobID, eventInfo, eventNoise}
	for size := 1; size <= len(stream); size++ {
		var d demux
		var got []eventKind
		for piece := range slices.Chunk(stream, size) {
			for _, e := range d.push(piece) {
				got = append(got, e.kind)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("in pieces of %d: %v, want %v", size, got, want)
		}
	}
}

// TestEveryAutomaticStatusIsOne: whatever the flags are, four bytes after the masks are
// an ASB, and no DLE EOT answer is ever taken for part of one.
func TestEveryAutomaticStatusIsOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "flags")
		b[0] = b[0]&^0x93 | 0x10
		for i := 1; i < 4; i++ {
			b[i] &^= 0x90
		}
		eot := rapid.Byte().Draw(t, "eot")&^0x93 | 0x12
		var d demux
		got := d.push(append(append([]byte{eot}, b...), eot))
		if len(got) != 3 || got[0].kind != eventEOT || got[1].kind != eventASB || got[1].asb != [4]byte(b) || got[2].kind != eventEOT {
			t.Fatalf("%x read as %v", b, got)
		}
	})
}

func FuzzDemux(f *testing.F) {
	f.Add([]byte{0x12, 0x10, 0, 0, 0x0F, 0x37, 0x22})
	f.Add([]byte("\x5FMAKER\x00\x5F\x12"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		if len(stream) > 2*maxInfo {
			return // longer ones say nothing new, and slowly
		}
		var whole, single demux
		want := whole.push(bytes.Clone(stream))
		var got []event
		for _, b := range stream {
			got = append(got, single.push([]byte{b})...)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%x: in one piece %v, byte by byte %v", stream, want, got)
		}
		if len(whole.pending) > 1+maxInfo {
			t.Errorf("%d bytes wait for more", len(whole.pending))
		}
	})
}

func TestWrapNeverExceedsThePaper(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.OneOf(rapid.RuneFrom([]rune("ab c受理回执，。")), rapid.Rune())).Draw(t, "text")
		columns := rapid.IntRange(2, 48).Draw(t, "columns")
		var words strings.Builder
		for _, l := range wrap(text, columns) {
			n := 0
			for _, r := range l {
				n += width(r)
			}
			if n > columns {
				t.Fatalf("%q is %d columns wide, paper has %d", l, n, columns)
			}
			words.WriteString(l)
		}
		bare := func(s string) string {
			return strings.Map(func(r rune) rune {
				if r == ' ' || r == '\n' {
					return -1
				}
				return r
			}, s)
		}
		want := ""
		for part := range strings.SplitSeq(text, "\n") {
			want += clean(part)
		}
		if bare(words.String()) != bare(want) {
			t.Fatalf("%q wrapped to %q", text, words.String())
		}
	})
}

func TestWrapBreaksBetweenWords(t *testing.T) {
	for text, want := range map[string][]string{
		"":                   {""},
		"one two three":      {"one two", "three"},
		"受理回执编号":             {"受理回执", "编号"},
		"a受理回执":              {"a受理回", "执"},
		"abcdefghijk":        {"abcdefgh", "ijk"},
		"one\ntwo":           {"one", "two"},
		"\x1b@evil\x10\x04x": {" @evil", "x"},
	} {
		if got := wrap(text, 8); !slices.Equal(got, want) {
			t.Errorf("wrap(%q) = %q, want %q", text, got, want)
		}
	}
}

// FuzzEncode: no text makes a command of its own, and no atom but a picture or a code
// is longer than the smallest printer's buffer.
func FuzzEncode(f *testing.F) {
	f.Add("受理回执 \x1b@", "YB1", 2)
	f.Fuzz(func(t *testing.T, text, code string, size int) {
		if len(text) > 256 || len(code) > 32 {
			return // longer ones say nothing new, and slowly
		}
		atoms, err := Encode(Document{Lines: []Line{{Text: text, Size: size}, {QR: code}}}, Paper58(), nil)
		if err != nil {
			return
		}
		for _, a := range atoms {
			if len(a) > 45 && a[0] != 0x1D {
				t.Errorf("atom of %d bytes: %x", len(a), a)
			}
		}
	})
}

func TestPicturesHoldNoRealTimeCommand(t *testing.T) {
	dots := harmless([]byte{0x10, 0x04, 0x10, 0x14, 0x08, 0x10, 0x05, 0x10, 0x10, 0x04})
	for _, second := range []byte{0x04, 0x05, 0x14} {
		if bytes.Contains(dots, []byte{0x10, second}) {
			t.Errorf("% x holds DLE %02x", dots, second)
		}
	}
}

func TestDocumentOutOfBoundsIsRefused(t *testing.T) {
	for name, d := range map[string]Document{
		"lines": {Lines: make([]Line, maxLines+1)},
		"text":  {Lines: []Line{{Text: strings.Repeat("x", maxText+1)}}},
		"code":  {Lines: []Line{{QR: strings.Repeat("x", maxQR+1)}}},
	} {
		if _, err := Encode(d, Paper58(), nil); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestTextIsPrintedAndNeverObeyed: whatever a text holds, the paper says it, in lines that
// fit, and is cut once.
func TestTextIsPrintedAndNeverObeyed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.OneOf(rapid.RuneFrom([]rune("ab \x1b@\x1dV\x10\x04\x01\x14\x1c.受理，。")), rapid.Rune()), 0, 200, -1).Draw(t, "text")
		size := rapid.IntRange(1, 4).Draw(t, "size")
		atoms, err := Encode(Document{Lines: []Line{{Text: text, Size: size}}}, Paper58(), nil)
		if err != nil {
			t.Fatal(err)
		}
		got := simulator.Interpret(58, slices.Concat(atoms...))
		if got.Unknown != 0 || len(got.Receipts) != 2 {
			t.Fatalf("%q: %d bytes not understood, %d cuts", text, got.Unknown, len(got.Receipts)-1)
		}
		var want []string
		for _, l := range wrap(text, Paper58().Columns/size) {
			if l = strings.Map(shownAs, l); l != "" {
				want = append(want, l)
			}
		}
		var said []string
		for _, l := range got.Receipts[0].Lines {
			said = append(said, l.Text)
		}
		if !slices.Equal(said, want) {
			t.Fatalf("%q printed as %q, want %q", text, said, want)
		}
	})
}

// shownAs is what a printer without a Rasterizer shows for a character.
func shownAs(r rune) rune {
	if inPrinter(r) {
		return r
	}
	return geta
}
