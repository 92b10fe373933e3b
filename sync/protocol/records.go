package protocol

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math"
	"slices"
	"strconv"

	"yeban/sync/record"
)

// RECORDS is nearly all that goes over the socket, and package encoding/json reads each
// byte of it several times. Here it is written and read in one pass. What is written is
// what encoding/json would write; what is not in that form is left to encoding/json to
// read.

// appendRecords writes what json.Marshal writes.
func appendRecords(b []byte, r *Records) ([]byte, error) {
	size := 64
	for i := range r.Entries {
		size += r.Entries[i].WireSize()
	}
	b = slices.Grow(b, size)
	b = appendHex(append(b, `{"epoch":`...), r.Epoch[:])
	if r.Entries == nil {
		return append(b, `,"entries":null}`...), nil
	}
	b = append(b, `,"entries":[`...)
	for i := range r.Entries {
		e := &r.Entries[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(append(b, `{"seq":`...), e.Seq, 10)
		b = appendHex(append(b, `,"prev":`...), e.Prev[:])
		b = strconv.AppendInt(append(b, `,"atMs":`...), e.AtMs, 10)
		for _, word := range [...]struct{ name, value string }{{`,"kind":`, string(e.Kind)}, {`,"id":`, e.ID}} {
			quoted, err := json.Marshal(word.value)
			if err != nil {
				return nil, err
			}
			b = append(append(b, word.name...), quoted...)
		}
		b = appendBytes(append(b, `,"header":`...), e.Header)
		b = appendBytes(append(b, `,"key":`...), e.Key)
		b = appendBytes(append(b, `,"sealed":`...), e.Sealed)
		b = append(appendHex(append(b, `,"hash":`...), e.Hash[:]), '}')
	}
	return append(b, `]}`...), nil
}

func appendHex(b, value []byte) []byte {
	return append(hex.AppendEncode(append(b, '"'), value), '"')
}

func appendBytes(b, value []byte) []byte {
	if value == nil {
		return append(b, "null"...)
	}
	return append(base64.StdEncoding.AppendEncode(append(b, '"'), value), '"')
}

// recordsReader takes the form of appendRecords apart; bad once anything is not in it.
type recordsReader struct {
	text    []byte
	decoded []byte // all base64 of the text, one behind the other
	bad     bool
}

// readRecords is false when the text is not in the usual form; r is then not changed.
func readRecords(text []byte, r *Records) bool {
	in := recordsReader{text: text, decoded: make([]byte, 0, base64.StdEncoding.DecodedLen(len(text)))}
	var got Records
	in.word(`{"epoch":`)
	in.hex(got.Epoch[:])
	in.word(`,"entries":[`)
	for more := true; more && !in.bad; more = in.next(`,`) {
		var e record.Entry
		in.word(`{"seq":`)
		e.Seq = in.number(math.MaxUint64)
		in.word(`,"prev":`)
		in.hex(e.Prev[:])
		in.word(`,"atMs":`)
		e.AtMs = int64(in.number(math.MaxInt64))
		in.word(`,"kind":`)
		e.Kind = record.Kind(in.plain())
		in.word(`,"id":`)
		e.ID = string(in.plain())
		in.word(`,"header":`)
		e.Header = in.bytes()
		in.word(`,"key":`)
		e.Key = in.bytes()
		in.word(`,"sealed":`)
		e.Sealed = in.bytes()
		in.word(`,"hash":`)
		in.hex(e.Hash[:])
		in.word(`}`)
		got.Entries = append(got.Entries, e)
	}
	in.word(`]}`)
	if in.bad || len(in.text) > 0 {
		return false
	}
	*r = got
	return true
}

func (in *recordsReader) next(word string) bool {
	rest, ok := bytes.CutPrefix(in.text, []byte(word))
	in.text = rest
	return ok
}

func (in *recordsReader) word(word string) {
	if !in.next(word) {
		in.bad = true
	}
}

// plain is a string of printable ASCII without escapes.
func (in *recordsReader) plain() []byte {
	if len(in.text) == 0 || in.text[0] != '"' {
		in.bad = true
		return nil
	}
	n := bytes.IndexByte(in.text[1:], '"')
	if n < 0 {
		in.bad = true
		return nil
	}
	value := in.text[1 : 1+n]
	if n <= maxName { // longer ones are base64, which their decoder looks through
		for _, c := range value {
			if c < ' ' || c > '~' || c == '\\' {
				in.bad = true
				return nil
			}
		}
	}
	in.text = in.text[n+2:]
	return value
}

func (in *recordsReader) hex(to []byte) {
	value := in.plain()
	if len(value) != hex.EncodedLen(len(to)) {
		in.bad = true
		return
	}
	if _, err := hex.Decode(to, value); err != nil {
		in.bad = true
	}
}

// bytes decodes base64. That decoder passes over line breaks, which are no JSON: they show
// by less coming out than the length promises.
func (in *recordsReader) bytes() []byte {
	value := in.plain()
	start := len(in.decoded)
	var err error
	in.decoded, err = base64.StdEncoding.AppendDecode(in.decoded, value)
	got := in.decoded[start:len(in.decoded):len(in.decoded)]
	padding := len(value) - len(bytes.TrimRight(value, "="))
	if err != nil || len(got) != base64.StdEncoding.DecodedLen(len(value))-padding {
		in.bad = true
	}
	return got
}

// number is a JSON integer without a sign.
func (in *recordsReader) number(most uint64) uint64 {
	n := 0
	for n < len(in.text) && in.text[n] >= '0' && in.text[n] <= '9' {
		n++
	}
	value, err := strconv.ParseUint(string(in.text[:n]), 10, 64)
	if err != nil || value > most || (n > 1 && in.text[0] == '0') {
		in.bad = true
	}
	in.text = in.text[n:]
	return value
}
