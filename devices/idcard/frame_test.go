package idcard

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"pgregory.net/rapid"
)

func unhex(s string) []byte {
	b, err := ParseHexOrBinary([]byte(s))
	if err != nil {
		panic(err)
	}
	return b
}

func TestRequestsAreTheBytesOfTheStandard(t *testing.T) {
	for cmd, want := range map[Command]string{
		CmdReset: "aaaaaa96690003 10ff ec", CmdStatus: "aaaaaa96690003 11ff ed", CmdSAMID: "aaaaaa96690003 12ff ee",
		CmdFind: "aaaaaa96690003 2001 22", CmdSelect: "aaaaaa96690003 2002 21",
		CmdReadCard: "aaaaaa96690003 3001 32", CmdReadAddress: "aaaaaa96690003 3003 30", CmdReadFingerprint: "aaaaaa96690003 3010 23",
	} {
		if got := EncodeRequest(SAMV, cmd); !bytes.Equal(got, unhex(want)) {
			t.Errorf("%s: %x", cmd, got)
		}
	}
	if got := hex.EncodeToString(EncodeRequest(SAMV, CmdSetBlock, 0x50)); got != "aaaaaa9669000461ff50ca" {
		t.Error(got)
	}
	if got := hex.EncodeToString(EncodeRequest(STX, CmdReadCard)); got != "020003ca0100cb03" {
		t.Error(got)
	}
}

func TestReplyLengthsAreThoseOfTheTable(t *testing.T) {
	card := people()["resident"]
	for _, c := range []struct{ fingerprint, want int }{{-1, 1295}, {0, 1297}, {512, 1809}, {1024, 2321}} {
		if c.fingerprint >= 0 {
			card.Fingerprint = make([]byte, c.fingerprint)
		}
		data, err := EncodeCard(card, c.fingerprint >= 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(EncodeReply(SAMV, SW{0, 0, byte(OK)}, data)); got != c.want {
			t.Errorf("%d bytes, want %d", got, c.want)
		}
	}
	data, _ := EncodeCard(card, false)
	if got := len(EncodeReply(STX, SW{0x90, 0}, data)); got != 1291 {
		t.Error(got)
	}
}

// take feeds all in pieces of the given sizes and returns the intact frames and the
// errors on the way.
func take(family Family, all []byte, sizes ...int) (frames []Frame, errs []error) {
	s := Scanner{Family: family}
	for i := 0; len(all) > 0; i++ {
		n := len(all)
		if len(sizes) > 0 {
			n = min(n, sizes[i%len(sizes)])
		}
		s.Feed(all[:n])
		all = all[n:]
		for {
			f, err := s.Next()
			if errors.Is(err, ErrIncomplete) {
				break
			}
			if err != nil {
				errs = append(errs, err)
				continue
			}
			frames = append(frames, f)
		}
	}
	return frames, errs
}

func TestScannerFindsTheReplyBehind(t *testing.T) {
	good := EncodeReply(SAMV, SW{1, 2, byte(Found)}, []byte{1, 2, 3, 4})
	flipped := bytes.Clone(good)
	flipped[9] ^= 1
	for _, c := range []struct {
		name   string
		before []byte
		want   error
	}{
		{"nothing", nil, nil},
		{"noise", []byte{0, 1, 2, 0xFF, 0x96, 0x69}, nil},
		{"surplus AA", []byte{0xAA}, nil},
		{"many surplus AA", bytes.Repeat([]byte{0xAA}, 100), nil},
		{"half a preamble", []byte{0xAA, 0xAA, 0xAA, 0x96}, nil},
		{"length FFFF", unhex("aaaaaa9669ffff"), ErrLength},
		{"length 0", unhex("aaaaaa96690000"), ErrLength},
		{"length 2", unhex("aaaaaa96690002 90 92"), ErrLength},
		{"broken frame", flipped, ErrChecksum},
		{"malformed time-out notice", unhex("aaaaaa96690005050505"), ErrLength},
	} {
		frames, errs := take(SAMV, append(bytes.Clone(c.before), good...), 1)
		if len(frames) != 1 || !bytes.Equal(frames[0].Encode(), good) {
			t.Errorf("%s: %d frames", c.name, len(frames))
		}
		if c.want == nil && errs != nil || c.want != nil && (len(errs) != 1 || !errors.Is(errs[0], c.want)) {
			t.Errorf("%s: errors %v", c.name, errs)
		}
	}
}

func TestScannerNeverLooksInsideAnIntactFrame(t *testing.T) {
	for name, card := range people() {
		data, err := EncodeCard(card, false)
		if err != nil {
			t.Fatal(err)
		}
		for _, family := range []Family{SAMV, STX} {
			whole := EncodeReply(family, SW{0x90, 0, byte(OK)}, data)
			for _, size := range []int{1, 7, 62, 5000} {
				frames, errs := take(family, append(bytes.Clone(whole), whole...), size)
				if len(frames) != 2 || errs != nil {
					t.Fatalf("%s %s in pieces of %d: %d frames, %v", family, name, size, len(frames), errs)
				}
			}
		}
	}
}

func TestGivingUpAnIncompleteFrameFindsTheOneInside(t *testing.T) {
	s := Scanner{}
	good := EncodeReply(SAMV, SW{0, 0, byte(OK)}, nil)
	s.Feed(append(unhex("aaaaaa96690500"), good...))
	if _, err := s.Next(); !errors.Is(err, ErrIncomplete) {
		t.Fatal(err)
	}
	if !s.GiveUp() {
		t.Fatal("nothing to give up")
	}
	if f, err := s.Next(); err != nil || !bytes.Equal(f.Encode(), good) {
		t.Fatal(err)
	}
	if s.GiveUp() || s.Skipped() != 7 {
		t.Fatal(s.Skipped())
	}
}

// Noise that holds no preamble, frames, in any pieces: exactly the frames come out.
func TestResyncProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		family := rapid.SampledFrom([]Family{SAMV, STX}).Draw(t, "family")
		quiet := rapid.SliceOfN(rapid.ByteRange(0x10, 0xA9), 0, 40)
		var stream []byte
		var want [][]byte
		for range rapid.IntRange(1, 5).Draw(t, "frames") {
			stream = append(stream, quiet.Draw(t, "noise")...)
			if family == SAMV {
				stream = append(stream, bytes.Repeat([]byte{0xAA}, rapid.IntRange(0, 3).Draw(t, "surplus"))...)
			}
			body := rapid.SliceOfN(rapid.Byte(), 3, 400).Filter(func(b []byte) bool { return len(b) != noticeBody })
			f := Frame{family, body.Draw(t, "body")}.Encode()
			want = append(want, f)
			stream = append(stream, f...)
		}
		frames, errs := take(family, stream, rapid.SliceOfN(rapid.IntRange(1, 62), 1, 10).Draw(t, "pieces")...)
		if len(errs) != 0 || len(frames) != len(want) {
			t.Fatalf("%d frames of %d, %v", len(frames), len(want), errs)
		}
		for i := range want {
			if !bytes.Equal(frames[i].Encode(), want[i]) {
				t.Fatal("frame", i)
			}
		}
	})
}

func FuzzScanner(f *testing.F) {
	card, _ := EncodeCard(people()["resident"], true)
	f.Add(EncodeReply(SAMV, SW{0, 0, byte(OK)}, card), byte(5))
	f.Add(EncodeReply(STX, SW{0x90, 0}, card), byte(62))
	f.Add(unhex("aaaaaa9669ffff aaaaaa9669000505050505 aaaaaa9669000400009094"), byte(1))
	f.Fuzz(func(t *testing.T, all []byte, size byte) {
		if len(all) > maxInput {
			return
		}
		for _, family := range []Family{SAMV, STX} {
			whole, _ := take(family, all)
			pieces, _ := take(family, all, int(size)+1)
			if len(whole) != len(pieces) {
				t.Fatalf("%d frames at once, %d in pieces", len(whole), len(pieces))
			}
			for i, f := range whole {
				if !bytes.Equal(f.Body, pieces[i].Body) || !bytes.Contains(all, f.Encode()) {
					t.Fatal("not what was fed")
				}
			}
		}
	})
}
