package evaluator

import (
	"bytes"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestChecksumIsIBM3740(t *testing.T) {
	if got := checksum([]byte("123456789")); got != 0x29B1 {
		t.Errorf("check value %04X, want 29B1", got)
	}
}

func genFrame(t *rapid.T, label string) frame {
	return frame{
		addr: rapid.Byte().Draw(t, label+".addr"), seq: rapid.Byte().Draw(t, label+".seq"),
		cmd: command(rapid.Byte().Draw(t, label+".cmd")), data: rapid.SliceOfN(rapid.Byte(), 0, maxData).Draw(t, label+".data"),
	}
}

func same(a, b frame) bool {
	return a.addr == b.addr && a.seq == b.seq && a.cmd == b.cmd && bytes.Equal(a.data, b.data)
}

// TestFramesSurviveNoise: frames between noise, arriving in any pieces, are all found,
// in order, and nothing else is.
func TestFramesSurviveNoise(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var stream []byte
		var want []frame
		for range rapid.IntRange(1, 4).Draw(t, "frames") {
			noise := rapid.SliceOfN(rapid.Byte().Filter(func(b byte) bool { return b != 0x55 }), 0, 20).Draw(t, "noise")
			f := genFrame(t, "frame")
			stream = append(append(stream, noise...), f.bytes()...)
			want = append(want, f)
		}
		var s scanner
		var got []frame
		for piece := range slices.Chunk(stream, rapid.IntRange(1, 50).Draw(t, "piece")) {
			got = append(got, s.push(piece)...)
		}
		if !slices.EqualFunc(got, want, same) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

func TestFrameWithinAFrameIsData(t *testing.T) {
	inner := frame{addr: 1, cmd: cmdResult, data: make([]byte, 14)}.bytes()
	outer := frame{addr: 1, cmd: cmdStatus, data: inner}
	var s scanner
	if got := s.push(outer.bytes()); len(got) != 1 || !same(got[0], outer) {
		t.Errorf("found %v", got)
	}
}

func TestBrokenFrameDoesNotHideTheNext(t *testing.T) {
	f := frame{addr: 1, cmd: cmdStatus, data: []byte{1}}
	broken := f.bytes()
	broken[len(broken)-1] ^= 1
	for name, before := range map[string][]byte{
		"checksum": broken, "cut": broken[:5], "huge": {0x55, 0xAA, 0xFF, 0xFF}, "repeated head": {0x55, 0x55, 0xAA, 0x55},
	} {
		var s scanner
		got := s.push(append(bytes.Clone(before), f.bytes()...))
		got = append(got, s.stalled()...)
		if len(got) != 1 || !same(got[0], f) {
			t.Errorf("%s: found %v", name, got)
		}
	}
}

func FuzzScanner(f *testing.F) {
	f.Add(frame{addr: 1, cmd: cmdResult, data: make([]byte, 14)}.bytes())
	f.Add([]byte{0x55, 0xAA, 0, 6, 0x55, 0xAA, 0, 6})
	f.Fuzz(func(t *testing.T, stream []byte) {
		var whole, single scanner
		want := whole.push(bytes.Clone(stream))
		var got []frame
		for _, b := range stream {
			got = append(got, single.push([]byte{b})...)
		}
		if !slices.EqualFunc(got, want, same) {
			t.Errorf("%x: whole %v, single %v", stream, want, got)
		}
		if n := len(whole.buf); n > 4+ev1Fixed+maxData {
			t.Errorf("%d bytes wait for more", n)
		}
		for _, g := range want {
			if !bytes.Contains(stream, g.bytes()) {
				t.Errorf("frame %v was never sent", g)
			}
		}
	})
}

func FuzzJT905(f *testing.F) {
	d := jt905{vendor: DefaultJT905()}
	f.Add(d.frame(0x20, 5))
	f.Add((&jt905{vendor: JT905Vendor{Device: 6, Vendor: 2}}).frame(0x20, 5))
	f.Fuzz(func(t *testing.T, stream []byte) {
		d := jt905{vendor: DefaultJT905()}
		frames, junk := d.push(bytes.Clone(stream))
		size := junk + len(d.buf)
		for _, g := range frames {
			size += len(d.frame(g.cmd, g.body...))
			if !bytes.Contains(stream, d.frame(g.cmd, g.body...)) {
				t.Errorf("frame %v was never sent", g)
			}
		}
		if size != len(stream) {
			t.Errorf("%d of %d bytes accounted for", size, len(stream))
		}
	})
}

// TestPJ06OnlyKnowsFiveKeys: whatever a noisy line says, only 01–05 are keys.
func TestPJ06OnlyKnowsFiveKeys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")
		h := (&pj06{}).hear(p)
		if len(h.keys)+h.junk != len(p) {
			t.Fatalf("%d keys, %d junk of %d bytes", len(h.keys), h.junk, len(p))
		}
		for _, k := range h.keys {
			if !BestIsHighest.level(k).Valid() || !BestIsLowest.level(k).Valid() {
				t.Fatalf("%02X taken for a key", k)
			}
		}
	})
}
