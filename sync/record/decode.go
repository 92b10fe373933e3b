package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// MaxPlaintext is the largest JSON of one record, in bytes. Sealed and in base64 it
// still fits into one frame of the socket. Photographs and signatures travel apart.
const MaxPlaintext = 512 << 10

// What Decode and Encode find wrong. None of their error texts quotes the record.
var (
	ErrVersion   = errors.New("record is from another version of the software")
	ErrMalformed = errors.New("record is not well formed")
	ErrTooLarge  = errors.New("record is too large")
)

// Encode is the JSON that is sealed into an entry.
func Encode(r Record) ([]byte, error) {
	plaintext, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode %s %s: %w", r.Kind(), r.Key(), ErrMalformed)
	}
	if len(plaintext) > MaxPlaintext {
		return nil, fmt.Errorf("encode %s %s: %d bytes: %w", r.Kind(), r.Key(), len(plaintext), ErrTooLarge)
	}
	return plaintext, nil
}

// Decode reads what Open gave: a *Application, *Rating, *Trace or *DeviceEvent,
// according to the entry's kind. A kind or a field that this version does not know is ErrVersion;
// JSON that does not fit, or whose id is not the entry's, is ErrMalformed.
func Decode(e *Entry, plaintext []byte) (Record, error) {
	if len(plaintext) > MaxPlaintext {
		return nil, fmt.Errorf("decode entry %d: %d bytes: %w", e.Seq, len(plaintext), ErrTooLarge)
	}
	var r Record
	switch e.Kind {
	case KindApplication:
		r = new(Application)
	case KindRating:
		r = new(Rating)
	case KindTrace:
		r = new(Trace)
	case KindDevice:
		r = new(DeviceEvent)
	default:
		return nil, fmt.Errorf("decode entry %d: kind %.20q: %w", e.Seq, e.Kind, ErrVersion)
	}
	if err := decodeStrictly(plaintext, r); err != nil {
		return nil, fmt.Errorf("decode entry %d: %w", e.Seq, err)
	}
	if r.Key() != e.ID {
		return nil, fmt.Errorf("decode entry %d: id inside and outside the seal differ: %w", e.Seq, ErrMalformed)
	}
	return r, nil
}

func decodeStrictly(plaintext []byte, r Record) error {
	d := json.NewDecoder(bytes.NewReader(plaintext))
	d.DisallowUnknownFields()
	strict := d.Decode(r)
	if strict == nil {
		if _, err := d.Token(); !errors.Is(err, io.EOF) {
			return fmt.Errorf("more than one JSON value: %w", ErrMalformed)
		}
		return nil
	}
	// encoding/json has no type for "unknown field": a text that fits once unknown
	// fields are allowed has failed because of them.
	if json.Unmarshal(plaintext, r) == nil {
		return fmt.Errorf("unknown field: %w", ErrVersion)
	}
	// The library's own text may quote a value, which may be personal.
	var misfit *json.UnmarshalTypeError
	if errors.As(strict, &misfit) {
		return fmt.Errorf("field %s at byte %d: %w", misfit.Field, misfit.Offset, ErrMalformed)
	}
	return ErrMalformed
}
