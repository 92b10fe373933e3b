package conform

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"

	"yeban/sync/record"
)

// log is a terminal's log, as long as a case needs it.
type log struct {
	epoch   record.Epoch
	entries []record.Entry
}

func newLog() (*log, error) {
	epoch, err := record.NewEpoch(nil)
	return &log{epoch: epoch}, err
}

// newLog begins a log with n entries.
func (v *visit) newLog(n int) (*log, error) {
	l, err := newLog()
	for i := 0; i < n && err == nil; i++ {
		_, err = l.add(v)
	}
	return l, err
}

func (l *log) hash(seq uint64) record.Hash {
	if seq == 0 || seq > uint64(len(l.entries)) {
		return record.Hash{}
	}
	return l.entries[seq-1].Hash
}

// add appends a test record.
func (l *log) add(v *visit) (record.Entry, error) { return l.addWith(v, nil) }

// addWith appends a test record that names attachments.
func (l *log) addWith(v *visit, blobs []record.BlobRef) (record.Entry, error) {
	r := record.DeviceEvent{
		ID: ulid.Make().String(), Device: "conformance", Class: "printer", State: "online",
		Clock: record.Clock{Wall: time.Now()},
	}
	h := r.Header()
	h.Blobs = blobs
	header, err := json.Marshal(h)
	if err != nil {
		return record.Entry{}, err
	}
	plaintext, err := record.Encode(r)
	if err != nil {
		return record.Entry{}, err
	}
	e := record.Entry{Kind: r.Kind(), ID: r.ID, Header: header}
	at := record.Origin{Epoch: l.epoch, Seq: uint64(len(l.entries) + 1)}
	if e.Key, e.Sealed, err = record.Seal(nil, v.cfg.Platform, plaintext, record.SealData(at, e.Kind, e.ID)); err != nil {
		return e, err
	}
	return l.put(e), nil
}

// put gives an entry its place at the end.
func (l *log) put(e record.Entry) record.Entry {
	e.Seq, e.Prev = uint64(len(l.entries)+1), l.hash(uint64(len(l.entries)))
	if e.AtMs == 0 {
		e.AtMs = time.Now().UnixMilli()
	}
	e.Hash = e.Sum(l.epoch)
	l.entries = append(l.entries, e)
	return e
}

// carry appends an entry of another log, as a terminal does after a conflict.
func (l *log) carry(from *log, e record.Entry) (record.Entry, error) {
	var h record.Header
	if err := json.Unmarshal(e.Header, &h); err != nil {
		return e, fmt.Errorf("carry: %w", err)
	}
	h.Origin = &record.Origin{Epoch: from.epoch, Seq: e.Seq}
	header, err := json.Marshal(h)
	e.Header = header
	return l.put(e), err
}
