package outbox

import (
	"bytes"
	"encoding/binary"
	"errors"

	bolt "go.etcd.io/bbolt"

	"yeban/sync/record"
)

// listedBlobs reads which attachments the records of all logs list, the present log's
// last, and says whether all of them could be read.
func listedBlobs(db *bolt.DB, epoch record.Epoch) (listed []listedBlob, whole bool, err error) {
	err = db.View(func(tx *bolt.Tx) error {
		ended, err := endedLogs(tx.Bucket(bucketOld))
		var damage *corruptError
		if err != nil && !errors.As(err, &damage) {
			return err
		}
		whole = err == nil
		for _, l := range ended {
			s, err := readMeta(l.meta)
			if err != nil {
				whole = false
				continue
			}
			var all bool
			listed, all = appendListed(listed, l.log, s.epoch)
			whole = whole && all
		}
		var all bool
		listed, all = appendListed(listed, tx.Bucket(bucketLog), epoch)
		whole = whole && all
		return nil
	})
	return listed, whole, err
}

func appendListed(listed []listedBlob, log *bolt.Bucket, epoch record.Epoch) (_ []listedBlob, whole bool) {
	whole = true
	c := log.Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		seq, ok := readNumber(k)
		text := headerOf(v)
		if !ok || text == nil {
			whole = false
			continue
		}
		if !bytes.Contains(text, []byte(`"blobs":`)) {
			continue
		}
		e := record.Entry{Header: text}
		refs, err := e.Blobs()
		if err != nil {
			whole = false
			continue
		}
		for _, ref := range refs {
			listed = append(listed, listedBlob{ref, place{epoch, seq}})
		}
	}
	return listed, whole
}

// headerOf finds the header in an entry's layout (see marshalEntry) without copying, or is
// nil.
func headerOf(v []byte) []byte {
	const fixed = 2*len(record.Hash{}) + 8
	if len(v) < fixed {
		return nil
	}
	v = v[fixed:]
	for range 2 { // kind, id
		if _, v = part(v); v == nil {
			return nil
		}
	}
	header, _ := part(v)
	return header
}

// part splits off what stands behind a length in 4 bytes; rest is nil when there is none.
func part(v []byte) (first, rest []byte) {
	if len(v) < 4 {
		return nil, nil
	}
	n := uint64(binary.BigEndian.Uint32(v))
	if v = v[4:]; uint64(len(v)) < n {
		return nil, nil
	}
	return v[:n], v[n:]
}
