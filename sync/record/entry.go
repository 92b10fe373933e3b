package record

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

// Hash is an SM3 digest (GB/T 32905). It marshals as 64 hex digits.
type Hash [32]byte

// Epoch names one life of one log: 128 random bits, new with every new or restored
// database. It marshals as 32 hex digits.
type Epoch [16]byte
