package idcard

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func reply(t *testing.T, family Family, code Code, data []byte) []byte {
	t.Helper()
	if family == STX {
		return EncodeReply(STX, SW{byte(code), 0}, data)
	}
	return EncodeReply(SAMV, SW{0, 0, byte(code)}, data)
}

func TestDecodeEveryKindOfReply(t *testing.T) {
	card := people()["resident"]
	plain, _ := EncodeCard(card, false)
	card.Fingerprint = make([]byte, 512)
	prints, _ := EncodeCard(card, true)
	address, err := EncodeAddress("安徽省合肥市试样区新路3号")
	if err != nil {
		t.Fatal(err)
	}
	sam := MakeSAMID(5, 1, 20200101, 1, 2)
	for _, c := range []struct {
		name   string
		family Family
		code   Code
		data   []byte
		want   Command
		in     string // of the JSON
	}{
		{"status", SAMV, OK, nil, CmdStatus, `"meaning":"ok"`},
		{"sam id", SAMV, OK, sam[:], CmdSAMID, `"samId":"05.01-20200101-0000000001-0000000002"`},
		{"found", SAMV, Found, []byte{0, 0, 0, 7}, CmdFind, `"serial":"00000007"`},
		{"no card", SAMV, FindFailed, nil, CmdFind, `"meaning":"no card"`},
		{"selected", SAMV, OK, make([]byte, 8), CmdSelect, `"command":"select"`},
		{"not selected", SAMV, SelectFailed, nil, CmdSelect, `"sw":"000081"`},
		{"card", SAMV, OK, plain, CmdReadCard, `"photo":{"bytes":1024,"sha256":"`},
		{"card with prints", SAMV, OK, prints, CmdReadFingerprint, `"fingerprint":{"bytes":512,`},
		{"address", SAMV, OK, address, CmdReadAddress, `"newAddress":"安徽省`},
		{"no address", SAMV, None, nil, CmdReadAddress, `"sw":"000091"`},
		{"read failed", SAMV, ReadFailed, nil, CmdReadCard, `"meaning":"card read failed"`},
		{"unlicensed", SAMV, UnlicensedSAM, nil, CmdFind, `"meaning":"module not licensed"`},
		{"other family", STX, OK, plain, CmdReadCard, `"ethnicName":"蒙古"`},
	} {
		raw := reply(t, c.family, c.code, c.data)
		for _, text := range []string{string(raw), fmt.Sprintf("% X", raw), fmt.Sprintf("0x%x\r\n", raw)} {
			in, err := ParseHexOrBinary([]byte(text))
			if err != nil {
				t.Fatal(c.name, err)
			}
			r, err := Decode(in)
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			out, err := json.Marshal(r)
			if err != nil || !strings.Contains(string(out), c.in) {
				t.Errorf("%s: %v, lacks %s", c.name, err, c.in)
			}
			if r.Command != c.want || r.Noise != 0 || r.More != 0 {
				t.Errorf("%s: taken for %s, noise %d", c.name, r.Command, r.Noise)
			}
		}
	}
}

func TestDecodeErrorsAreOneClearLine(t *testing.T) {
	good := EncodeReply(SAMV, SW{0, 0, byte(Found)}, make([]byte, 4))
	broken := bytes.Clone(good)
	broken[12] ^= 1
	wrong := people()["resident"]
	wrong.IDNumber = "34010419000101001?"
	data, _ := EncodeCard(wrong, false)
	for _, c := range []struct {
		name string
		in   []byte
		want error
		text string
	}{
		{"empty", nil, ErrNoReply, "no reader reply found"},
		{"noise", []byte{1, 3, 4}, ErrNoReply, "no reader reply found"},
		{"checksum", broken, ErrChecksum, "no reader reply found: frame checksum wrong"},
		{"length", unhex("aaaaaa9669ffff"), ErrLength, "no reader reply found: frame length impossible"},
		{"cut", good[:12], ErrIncomplete, "no reader reply found: frame incomplete"},
		{"shape", EncodeReply(SAMV, SW{0, 0, byte(OK)}, make([]byte, 33)), ErrShape, ""},
		{"request", EncodeRequest(SAMV, CmdFind), ErrShape, ""},
		{"too long", make([]byte, maxInput+1), ErrTooLong, ""},
		{"refused card", EncodeReply(SAMV, SW{0, 0, byte(OK)}, data), nil, "card field idNumber: check"},
	} {
		_, err := Decode(c.in)
		if err == nil || c.want != nil && !errors.Is(err, c.want) || c.text != "" && err.Error() != c.text {
			t.Errorf("%s: %v", c.name, err)
		}
		if err != nil && (strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "340104")) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestDecodeCountsNoiseAndFurtherReplies(t *testing.T) {
	one := EncodeReply(SAMV, SW{0, 0, byte(OK)}, nil)
	in := append(append(append([]byte{9, 9, 0xAA}, one...), 7), one...)
	r, err := Decode(in)
	if err != nil || r.Noise != 4 || r.More != 1 {
		t.Fatal(err, r.Noise, r.More)
	}
}

func TestParseHexOrBinary(t *testing.T) {
	for in, want := range map[string]string{
		"aa96":              "aa96",
		" AA\t96\r\n69 ":    "aa9669",
		"0xAA 0x5, 0XFF":    "aa05ff",
		`"\xaa\x96"`:        "aa96",
		"aa:96-69;{00}":     "aa966900",
		"a a 9 6":           "aa96",
		"\ufeffAA":          "aa",
		"0xAA9669":          "aa9669",
		"\xaa\xaa\xaa\x96i": "aaaaaa9669",
		"\x02\x00\x00":      "020000",
	} {
		got, err := ParseHexOrBinary([]byte(in))
		if err != nil || fmt.Sprintf("%x", got) != want {
			t.Errorf("%q: %x, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "  \n", "abc", "hello", "12 3g", "0x"} {
		if got, err := ParseHexOrBinary([]byte(in)); !errors.Is(err, ErrHex) {
			t.Errorf("%q: %x, %v", in, got, err)
		}
	}
	if _, err := ParseHexOrBinary(make([]byte, maxInput+1)); !errors.Is(err, ErrTooLong) {
		t.Error(err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, card := range people() {
		data, _ := EncodeCard(card, false)
		f.Add(EncodeReply(SAMV, SW{0, 0, byte(OK)}, data))
		f.Add([]byte(fmt.Sprintf("% x", EncodeReply(STX, SW{0x90, 0}, data))))
	}
	f.Add([]byte("0xAA 0xAA 0xAA 0x96 0x69 0x00 0x05 0x05 0x05 0x05"))
	f.Fuzz(func(t *testing.T, in []byte) {
		data, err := ParseHexOrBinary(in)
		if err != nil {
			return
		}
		r, err := Decode(data)
		if err != nil {
			return
		}
		if _, err := json.Marshal(r); err != nil {
			t.Fatal(err)
		}
		if r.Record != nil && r.Record.IDNumber == "" {
			t.Fatal("a card without a number was read")
		}
	})
}
