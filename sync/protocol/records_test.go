package protocol

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"yeban/sync/record"
)

// someRecords draws RECORDS, of the usual kind and of unusual ones.
func someRecords(t *rapid.T) Records {
	some := rapid.OneOf(rapid.Just([]byte(nil)), rapid.SliceOf(rapid.Byte()))
	name := rapid.OneOf(rapid.StringMatching(`[a-z0-9.-]{0,30}`), rapid.String())
	var r Records
	copy(r.Epoch[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "epoch"))
	for range rapid.IntRange(0, 4).Draw(t, "entries") {
		e := record.Entry{
			Seq: rapid.Uint64().Draw(t, "seq"), AtMs: rapid.Int64().Draw(t, "at"),
			Kind: record.Kind(name.Draw(t, "kind")), ID: name.Draw(t, "id"),
			Header: some.Draw(t, "header"), Key: some.Draw(t, "key"), Sealed: some.Draw(t, "sealed"),
		}
		copy(e.Prev[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "prev"))
		copy(e.Hash[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "hash"))
		r.Entries = append(r.Entries, e)
	}
	return r
}

func TestRecordsAreWrittenAndReadAsJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := someRecords(t)
		want, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := appendRecords(nil, &r)
		if err != nil || string(got) != string(want) {
			t.Fatalf("%v\n%s\n%s", err, got, want)
		}
		var slow, quick Records
		if err := json.Unmarshal(want, &slow); err != nil {
			t.Fatal(err)
		}
		if readRecords(want, &quick) && !reflect.DeepEqual(quick, slow) {
			t.Fatalf("read as %+v, want %+v", quick, slow)
		}
	})
}

// TestNothingIsTakenThatIsNoJSON spoils a byte and holds the quick way against the slow.
func TestNothingIsTakenThatIsNoJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := someRecords(t)
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		at := rapid.IntRange(0, len(text)-1).Draw(t, "at")
		text[at] = rapid.SampledFrom([]byte("\"\\{}[],:0-9aZ=\n\r\x00\xff n")).Draw(t, "byte")
		var slow, quick Records
		if !readRecords(text, &quick) {
			return
		}
		if err := json.Unmarshal(text, &slow); err != nil || !reflect.DeepEqual(quick, slow) {
			t.Fatalf("taken, but %v\n%q\n%+v\n%+v", err, text, quick, slow)
		}
	})
}

func TestUsualRecordsAreReadInOnePass(t *testing.T) {
	r := Records{Entries: []record.Entry{
		{Seq: 1, AtMs: 1_790_000_000_000, Kind: record.KindTrace, ID: "01J0000000000000000000000A", Header: []byte("{}"), Key: []byte("k"), Sealed: []byte(strings.Repeat("s", 4000))},
		{Seq: math.MaxUint64, Kind: record.KindRating, ID: "01J0000000000000000000000B", Header: []byte("{}"), Key: []byte{}, Sealed: []byte("s")},
	}}
	text, err := appendRecords(nil, &r)
	if err != nil {
		t.Fatal(err)
	}
	var got Records
	if !readRecords(text, &got) || !reflect.DeepEqual(got, r) {
		t.Errorf("%+v", got)
	}
	if reflect.TypeFor[Records]().NumField() != 2 || reflect.TypeFor[record.Entry]().NumField() != 9 {
		t.Error("a field was added: write and read it here too")
	}
}

func BenchmarkRecords(b *testing.B) {
	r := Records{Epoch: record.Epoch{1}, Entries: make([]record.Entry, 22)}
	for i := range r.Entries {
		r.Entries[i] = record.Entry{Seq: uint64(i + 1), AtMs: 1, Kind: record.KindTrace, ID: "01J0000000000000000000000A", Header: []byte("{}"), Key: make([]byte, 120), Sealed: make([]byte, 4096), Hash: record.Hash{1}}
	}
	b.Run("write", func(b *testing.B) {
		for b.Loop() {
			if _, err := NewFrame(Event, "", MethodRecords, &r); err != nil {
				b.Fatal(err)
			}
		}
	})
	f, err := NewFrame(Event, "", MethodRecords, &r)
	if err != nil {
		b.Fatal(err)
	}
	text, err := f.MarshalJSON()
	if err != nil {
		b.Fatal(err)
	}
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			f, err := Parse(text)
			if err != nil {
				b.Fatal(err)
			}
			var got Records
			if err := f.Decode(&got); err != nil {
				b.Fatal(err)
			}
		}
	})
}
