package idcard

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestEveryCardTypeRoundTrips(t *testing.T) {
	for name, want := range people() {
		for _, size := range []int{-1, 0, 512, 1024} {
			if size > 0 {
				want.Fingerprint = bytes.Repeat([]byte{'C'}, size)
			}
			data, err := EncodeCard(want, size >= 0)
			if err != nil {
				t.Fatal(name, err)
			}
			got, err := ParseCard(data)
			if err != nil {
				t.Fatal(name, err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s with %d bytes of fingerprint differs; doubts %v", name, size, got.Doubts)
			}
		}
	}
}

func TestRoundTripOfAnyRecord(t *testing.T) {
	text := func(n int) *rapid.Generator[string] {
		return rapid.Custom(func(t *rapid.T) string {
			s := rapid.StringOfN(rapid.RuneFrom([]rune("甲乙丙丁ABC·1\U00020164\ue000")), 0, n/2, -1).Draw(t, "text")
			return s
		})
	}
	rapid.Check(t, func(t *rapid.T) {
		want := people()["resident"]
		want.Address, want.Issuer, want.Reserve = text(35).Draw(t, "address"), text(15).Draw(t, "issuer"), text(14).Draw(t, "reserve")
		want.Ethnic = Ethnic(fmt.Sprintf("%02d", rapid.IntRange(1, 56).Draw(t, "ethnic")))
		encoded, err := EncodeRecord(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseRecord(encoded[:])
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range got.Doubts {
			if d.Problem != ProblemRare {
				t.Fatal(d.Error())
			}
		}
		got.Doubts, got.Photo, got.Fingerprint = nil, want.Photo, want.Fingerprint
		if !reflect.DeepEqual(got, want) {
			t.Fatal("differs")
		}
	})
}

func TestLongTermIsValidForEver(t *testing.T) {
	people := people()
	if r := people["longTerm"]; !r.ValidOn("29991231") || r.ValidOn("20191231") {
		t.Error("long-term card")
	}
	if r := people["resident"]; !r.ValidOn("20200101") || !r.ValidOn("20400101") || r.ValidOn("20400102") {
		t.Error("dated card")
	}
	if (Record{From: "20200101", To: "2040????"}).ValidOn("20210101") {
		t.Error("garbled validity taken for valid")
	}
}

func TestRefusedAndDoubtfulFields(t *testing.T) {
	for _, c := range []struct {
		name    string
		card    string
		spoil   func(*Record)
		field   Field
		problem Problem
		refused bool
	}{
		{"no name", "resident", func(r *Record) { r.Name = "" }, FieldName, ProblemMissing, true},
		{"check digit", "resident", func(r *Record) { r.IDNumber = r.IDNumber[:17] + "?" }, FieldIDNumber, ProblemCheck, true},
		{"number and birth", "resident", func(r *Record) { r.Birth = "19000102" }, FieldIDNumber, ProblemMismatch, true},
		{"no number", "resident", func(r *Record) { r.IDNumber = "" }, FieldIDNumber, ProblemMissing, true},
		{"birth", "resident", func(r *Record) { r.Birth = "19000231" }, FieldBirth, ProblemGarbled, true},
		{"permit's number", "permit", func(r *Record) { r.IDNumber = id("84000019000202002") }, FieldIDNumber, ProblemMismatch, true},
		{"foreigner's number", "foreign2023", func(r *Record) { r.IDNumber = id("81199919000404001") }, FieldIDNumber, ProblemMismatch, true},
		{"old foreigner's number", "foreign2017", func(r *Record) { r.IDNumber = "XX0000019000303" }, FieldIDNumber, ProblemGarbled, true},
		{"control character", "resident", func(r *Record) { r.Name = "试\x01样" }, FieldName, ProblemGarbled, true},
		{"private use", "resident", func(r *Record) { r.Name = "试\ue123" }, FieldName, ProblemRare, false},
		{"ethnic", "resident", func(r *Record) { r.Ethnic = "57" }, FieldEthnic, ProblemUnknown, false},
		{"sex", "resident", func(r *Record) { r.Sex = '3' }, FieldSex, ProblemUnknown, false},
		{"expiry", "resident", func(r *Record) { r.To = "永远" }, FieldTo, ProblemGarbled, false},
		{"no expiry", "resident", func(r *Record) { r.To = "" }, FieldTo, ProblemMissing, false},
		{"order", "resident", func(r *Record) { r.To = "20190101" }, FieldTo, ProblemMismatch, false},
	} {
		r := people()[c.card]
		c.spoil(&r)
		text, err := EncodeRecord(r)
		if err != nil {
			t.Fatal(c.name, err)
		}
		got, err := ParseRecord(text[:])
		var refusal *FieldError
		if c.refused {
			if !errors.As(err, &refusal) || *refusal != (FieldError{c.field, c.problem}) {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if err != nil || len(got.Doubts) != 1 || got.Doubts[0] != (FieldError{c.field, c.problem}) {
			t.Errorf("%s: %v, doubts %v", c.name, err, got.Doubts)
		}
	}
}

func TestUnknownCardTypeIsRefused(t *testing.T) {
	text, _ := EncodeRecord(people()["resident"])
	text[typeOffset] = 'Z'
	var refusal *FieldError
	if _, err := ParseRecord(text[:]); !errors.As(err, &refusal) || refusal.Field != FieldType {
		t.Fatal(err)
	}
}

func TestWhatDoesNotFitIsNotEncoded(t *testing.T) {
	for field, spoil := range map[Field]func(*Record){
		FieldName:    func(r *Record) { r.Name = strings.Repeat("甲", 16) },
		FieldAddress: func(r *Record) { r.Address = strings.Repeat("\U00020164", 18) },
		FieldType:    func(r *Record) { r.Type = 'Z' },
	} {
		r := people()["resident"]
		spoil(&r)
		var wrong *FieldError
		if _, err := EncodeRecord(r); !errors.As(err, &wrong) || wrong.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	r := people()["foreign2023"]
	r.EnglishName = strings.Repeat("X", 47)
	if _, err := EncodeRecord(r); err == nil {
		t.Error("47 characters fitted into 46")
	}
}

func TestNothingPersonalIsPrinted(t *testing.T) {
	r := people()["resident"]
	reply := Reply{Record: &r, Command: CmdReadCard, Address: r.Address, Serial: []byte(r.IDNumber)}
	var out bytes.Buffer
	for _, v := range []any{r, &r, []Record{r}, struct{ R Record }{r}, struct{ R *Record }{&r}, map[string]Record{"a": r}, reply, &reply} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
		if _, whole := v.(Reply); !whole {
			if _, whole := v.(*Reply); !whole {
				slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
				b, err := json.Marshal(v)
				if err != nil {
					t.Error(err)
				}
				out.Write(b)
			}
		}
	}
	slog.New(slog.NewJSONHandler(&out, nil)).LogAttrs(context.Background(), slog.LevelInfo, "x", slog.Any("reply", reply))
	for _, secret := range []string{r.Name, r.IDNumber, r.Address, r.Issuer, string(r.Birth), fmt.Sprintf("%x", r.IDNumber)} {
		if strings.Contains(out.String(), secret) {
			t.Fatalf("something personal in the output")
		}
	}
	if got := fmt.Sprintf("%v", r); got != redacted {
		t.Fatal(got)
	}
}

func TestCheckDigitAndEthnicTable(t *testing.T) {
	// The standard's own example.
	if d, ok := CheckDigit("11010519491231002"); !ok || d != 'X' {
		t.Error(string(d), ok)
	}
	for _, bad := range []string{"", "1101051949123100", "1101051949123100X", "110105194912310021"} {
		if _, ok := CheckDigit(bad); ok {
			t.Error("accepted", len(bad))
		}
	}
	if len(ethnicNames) != 58 || Ethnic("56").Name() != "基诺" || Ethnic("20").Name() != "傈僳" || Ethnic("57").Name() != "" {
		t.Error("ethnic table")
	}
}

func TestParseRecordNeverPanics(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "text")
		if len(text) == textSize {
			text[typeOffset], text[typeOffset+1] = rapid.SampledFrom([]byte(" JIY")).Draw(t, "type"), 0
		}
		ParseRecord(text)
	})
}

// FuzzRecord reads the text record itself, past the checksum that guards it on the line.
func FuzzRecord(f *testing.F) {
	for _, card := range people() {
		data, err := EncodeCard(card, true)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		f.Add(data[4:min(len(data), 4+textSize)])
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		for _, parse := range []func([]byte) (Record, error){ParseRecord, ParseCard} {
			r, err := parse(bytes.Clone(in))
			if err == nil && r.IDNumber == "" {
				t.Fatal("a card without a number was read")
			}
			if text := fmt.Sprintf("%v %+v %v", r, r, err); r.IDNumber != "" && strings.Contains(text, r.IDNumber) {
				t.Fatal("the number is printed")
			}
		}
		_, _ = ParseAddress(in)
	})
}
