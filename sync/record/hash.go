package record

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"

	"github.com/emmansun/gmsm/sm3"
)

// sumLabel begins what is hashed, so that a digest of an entry can never be taken
// for a digest of anything else, and a later layout can be told from this one.
const sumLabel = "yeban entry 1\x00"

// Sum is the SM3 digest of the entry as part of the log named by epoch. Integers
// are big-endian; each variable part stands behind its length in 4 bytes:
//
//	"yeban entry 1" 00 │ epoch 16 │ seq 8 │ prev 32 │ atMs 8 (two's complement)
//	│ len kind │ len id │ len header │ len key │ len sealed
//
// The field Hash itself is not covered. An entry is whole when Hash == Sum(epoch).
func (e *Entry) Sum(epoch Epoch) Hash {
	h := sm3.New()
	var fixed [8]byte
	number := func(n uint64) {
		binary.BigEndian.PutUint64(fixed[:], n)
		h.Write(fixed[:])
	}
	part := func(b []byte) {
		binary.BigEndian.PutUint32(fixed[:4], uint32(len(b)))
		h.Write(fixed[:4])
		h.Write(b)
	}
	io.WriteString(h, sumLabel)
	h.Write(epoch[:])
	number(e.Seq)
	h.Write(e.Prev[:])
	number(uint64(e.AtMs))
	part([]byte(e.Kind))
	part([]byte(e.ID))
	part(e.Header)
	part(e.Key)
	part(e.Sealed)
	var sum Hash
	h.Sum(sum[:0])
	return sum
}

// IsZero tells the hash that stands before the first entry of a log.
func (h Hash) IsZero() bool { return h == Hash{} }

// String gives 64 lower-case hex digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText gives 64 lower-case hex digits.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText accepts exactly 64 hex digits.
func (h *Hash) UnmarshalText(text []byte) error { return unhex(h[:], text, "hash") }

// NewEpoch draws a fresh epoch; a nil source means crypto/rand.
func NewEpoch(random io.Reader) (Epoch, error) {
	if random == nil {
		random = rand.Reader
	}
	var e Epoch
	for e.IsZero() {
		if _, err := io.ReadFull(random, e[:]); err != nil {
			return Epoch{}, fmt.Errorf("draw an epoch: %w", err)
		}
	}
	return e, nil
}

// IsZero tells the epoch that names no log.
func (e Epoch) IsZero() bool { return e == Epoch{} }

// String gives 32 lower-case hex digits.
func (e Epoch) String() string { return hex.EncodeToString(e[:]) }

// MarshalText gives 32 lower-case hex digits.
func (e Epoch) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText accepts exactly 32 hex digits.
func (e *Epoch) UnmarshalText(text []byte) error { return unhex(e[:], text, "epoch") }

func unhex(to, text []byte, what string) error {
	if len(text) != hex.EncodedLen(len(to)) {
		return fmt.Errorf("%s has %d hex digits, want %d", what, len(text), hex.EncodedLen(len(to)))
	}
	if _, err := hex.Decode(to, text); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
