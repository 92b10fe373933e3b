package outbox

import (
	"encoding/binary"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"yeban/sync/record"
)

const (
	fileName = "outbox.db"
	magic    = "yeban outbox"
	format   = uint32(2) // 1 had every id in the index at once
)

var (
	bucketMeta     = []byte("meta")
	bucketLog      = []byte("log")
	bucketIDs      = []byte("ids")
	bucketReceipts = []byte("receipts")
	bucketAcks     = []byte("acks")
	bucketOld      = []byte("old")

	keyIs      = []byte("is")
	keyFormat  = []byte("format")
	keyEpoch   = []byte("epoch")
	keyAcked   = []byte("acked")
	keyBase    = []byte("base")
	keyTail    = []byte("tail")
	keyIndexed = []byte("indexed")
	keyRetired = []byte("retired") // old logs only: Unix milliseconds
	keyReason  = []byte("reason")  // old logs only
)

// Position is a place in one log.
type Position struct {
	Epoch record.Epoch
	Seq   uint64
	Hash  record.Hash
}

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func readNumber(b []byte) (uint64, bool) {
	if len(b) != 8 {
		return 0, false
	}
	return binary.BigEndian.Uint64(b), true
}

// marshalPlace is the value of ids and receipts.
func marshalPlace(epoch record.Epoch, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(append([]byte(nil), epoch[:]...), seq)
}

func unmarshalPlace(b []byte) (epoch record.Epoch, seq uint64, ok bool) {
	if len(b) != len(epoch)+8 {
		return epoch, 0, false
	}
	copy(epoch[:], b)
	return epoch, binary.BigEndian.Uint64(b[len(epoch):]), true
}

// link is a sequence number and the hash of the entry there.
type link struct {
	seq  uint64
	hash record.Hash
}

func (l link) marshal() []byte { return append(number(l.seq), l.hash[:]...) }

func unmarshalLink(b []byte) (l link, ok bool) {
	if len(b) != 8+len(l.hash) {
		return l, false
	}
	l.seq = binary.BigEndian.Uint64(b)
	copy(l.hash[:], b[8:])
	return l, true
}

// marshalEntry lays out everything but the sequence number, which is the key:
//
//	prev 32 │ hash 32 │ atMs 8 │ len kind │ len id │ len header │ len key │ len sealed
//
// each length in 4 bytes.
func marshalEntry(e *record.Entry) []byte {
	parts := [...][]byte{[]byte(e.Kind), []byte(e.ID), e.Header, e.Key, e.Sealed}
	size := len(e.Prev) + len(e.Hash) + 8
	for _, p := range parts {
		size += 4 + len(p)
	}
	b := make([]byte, 0, size)
	b = append(append(b, e.Prev[:]...), e.Hash[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(e.AtMs))
	for _, p := range parts {
		b = binary.BigEndian.AppendUint32(b, uint32(len(p)))
		b = append(b, p...)
	}
	return b
}

var errLayout = errors.New("entry has another layout")

// unmarshalEntry copies what it keeps: b belongs to a transaction.
func unmarshalEntry(key, b []byte) (record.Entry, error) {
	var e record.Entry
	seq, ok := readNumber(key)
	if !ok || len(b) < len(e.Prev)+len(e.Hash)+8 {
		return e, errLayout
	}
	b = append([]byte(nil), b...)
	e.Seq = seq
	b = b[copy(e.Prev[:], b):]
	b = b[copy(e.Hash[:], b):]
	e.AtMs = int64(binary.BigEndian.Uint64(b))
	b = b[8:]
	var parts [5][]byte
	for i := range parts {
		if len(b) < 4 {
			return e, errLayout
		}
		n := uint64(binary.BigEndian.Uint32(b))
		b = b[4:]
		if uint64(len(b)) < n {
			return e, errLayout
		}
		parts[i], b = b[:n:n], b[n:]
	}
	if len(b) != 0 {
		return e, errLayout
	}
	e.Kind, e.ID = record.Kind(parts[0]), string(parts[1])
	e.Header, e.Key, e.Sealed = parts[2], parts[3], parts[4]
	return e, nil
}

// kindOf reads only the kind, and copies nothing else.
func kindOf(b []byte) (record.Kind, error) {
	const at = 32 + 32 + 8 // behind prev, hash and atMs
	if len(b) < at+4 {
		return "", errLayout
	}
	n := uint64(binary.BigEndian.Uint32(b[at:]))
	if uint64(len(b)-at-4) < n {
		return "", errLayout
	}
	return record.Kind(b[at+4:][:n]), nil
}

// state is what is known of a log without reading it again.
type state struct {
	epoch record.Epoch
	base  link // before the oldest entry held
	tail  link // the newest entry
	acked uint64
	// indexed is the newest entry whose id is in the buckets ids and receipts, with all
	// before it.
	indexed uint64
	counts  map[record.Kind]int
}

// first is the oldest sequence held, 0 when none is.
func (s *state) first() uint64 {
	if s.base.seq == s.tail.seq {
		return 0
	}
	return s.base.seq + 1
}

// readMeta reads the state without its counts from a meta bucket.
func readMeta(meta *bolt.Bucket) (state, error) {
	s := state{counts: map[record.Kind]int{}}
	if epoch := meta.Get(keyEpoch); len(epoch) != len(s.epoch) {
		return s, corrupt("meta has no epoch")
	} else {
		copy(s.epoch[:], epoch)
	}
	var okAcked, okBase, okTail bool
	s.acked, okAcked = readNumber(meta.Get(keyAcked))
	s.base, okBase = unmarshalLink(meta.Get(keyBase))
	s.tail, okTail = unmarshalLink(meta.Get(keyTail))
	s.indexed = s.tail.seq // format 1
	if indexed := meta.Get(keyIndexed); indexed != nil {
		var ok bool
		if s.indexed, ok = readNumber(indexed); !ok || s.indexed > s.tail.seq {
			return s, corrupt("meta does not hold together")
		}
	}
	if !okAcked || !okBase || !okTail || s.base.seq > s.tail.seq || s.acked > s.tail.seq {
		return s, corrupt("meta does not hold together")
	}
	return s, nil
}

func (s *state) writeMeta(meta *bolt.Bucket) error {
	for _, kv := range []struct{ key, value []byte }{
		{keyIs, []byte(magic)},
		{keyFormat, binary.BigEndian.AppendUint32(nil, format)},
		{keyEpoch, s.epoch[:]},
		{keyAcked, number(s.acked)},
		{keyBase, s.base.marshal()},
		{keyTail, s.tail.marshal()},
		{keyIndexed, number(s.indexed)},
	} {
		if err := meta.Put(kv.key, kv.value); err != nil {
			return fmt.Errorf("write %s: %w", kv.key, err)
		}
	}
	return nil
}

// walk calls do for every entry of a log in order and checks layout, gaps and chain.
// The first entry that breaks it is a *ChainError.
func (s *state) walk(log *bolt.Bucket, do func(*record.Entry) error) error {
	at := s.base
	c := log.Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		e, err := unmarshalEntry(k, v)
		if err == nil {
			err = e.Follows(s.epoch, at.seq, at.hash)
		}
		if err != nil {
			return &ChainError{Seq: at.seq + 1, Cause: err}
		}
		at = link{e.Seq, e.Hash}
		if err := do(&e); err != nil {
			return err
		}
	}
	if at != s.tail {
		return &ChainError{Seq: at.seq + 1, Cause: fmt.Errorf("log ends at %d, meta says %d: %w", at.seq, s.tail.seq, record.ErrChain)}
	}
	return nil
}
