package record

import (
	"encoding/json"
	"fmt"
)

// Entry is one place in a terminal's log. Its header can be read by anyone, its
// body only with the platform's private key.
//
// Hash covers every other field and the log's epoch; Prev is the hash of the entry
// before, or all zeros at sequence 1. Byte layout of what is hashed: see hash.go.
type Entry struct {
	Seq    uint64 `json:"seq"`  // from 1, without gaps within an epoch
	Prev   Hash   `json:"prev"` // SM3, hex on the wire
	AtMs   int64  `json:"atMs"` // terminal wall clock, Unix milliseconds
	Kind   Kind   `json:"kind"`
	ID     string `json:"id"`     // ULID of the record
	Header []byte `json:"header"` // JSON of Header; opaque bytes, so that its hash survives the wire
	Key    []byte `json:"key"`    // SM4 key wrapped with the platform's SM2 key, ASN.1
	Sealed []byte `json:"sealed"` // 12-byte nonce followed by SM4-GCM of the record's JSON
	Hash   Hash   `json:"hash"`
}

// Blobs is what the header says that the record lists.
func (e *Entry) Blobs() ([]BlobRef, error) {
	h, err := e.header()
	return h.Blobs, err
}

// Origin is where the entry's record was first appended: this very place, unless its
// header says that it was carried over from an earlier log.
func (e *Entry) Origin(epoch Epoch) (Origin, error) {
	h, err := e.header()
	if err != nil {
		return Origin{}, err
	}
	if h.Origin != nil {
		return *h.Origin, nil
	}
	return Origin{Epoch: epoch, Seq: e.Seq}, nil
}

func (e *Entry) header() (h Header, err error) {
	if json.Unmarshal(e.Header, &h) != nil { // whose words may quote the header
		return h, fmt.Errorf("entry %d: header is not readable", e.Seq)
	}
	return h, nil
}

// Hash is an SM3 digest (GB/T 32905). It marshals as 64 hex digits.
type Hash [32]byte

// Epoch names one life of one log: 128 random bits, new with every new or restored
// database. It marshals as 32 hex digits.
type Epoch [16]byte
