package printer

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestDemuxTellsAnswersApart(t *testing.T) {
	stream := []byte{0x12, 0x18, 0, 0x0C, 0x0F, 0x11, 0x13, 0x7E, 0x0F, 0x37, 0x25, 0, 0x37, 0x22, 'A', 'B', 'C', 'D', 0, 0xFF}
	want := []eventKind{eventEOT, eventASB, eventXON, eventXOFF, eventEOT, eventSensor, eventCleared, eventJobID, eventNoise}
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
	f.Fuzz(func(t *testing.T, stream []byte) {
		var whole, single demux
		want := whole.push(bytes.Clone(stream))
		var got []event
		for _, b := range stream {
			got = append(got, single.push([]byte{b})...)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%x: in one piece %v, byte by byte %v", stream, want, got)
		}
		if len(whole.pending) > 6 {
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
