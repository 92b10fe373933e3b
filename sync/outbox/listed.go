package outbox

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"

	bolt "go.etcd.io/bbolt"

	"yeban/sync/record"
)

// listedBlobs reads which attachments the records of all logs list, the present log's
// last. An ended log that cannot be read lists none.
func listedBlobs(db *bolt.DB, epoch record.Epoch) ([]listedBlob, error) {
	var listed []listedBlob
	err := db.View(func(tx *bolt.Tx) error {
		old := tx.Bucket(bucketOld)
		ended, err := endedLogs(old)
		var damage *corruptError
		if err != nil && !errors.As(err, &damage) {
			return err
		}
		for _, l := range ended {
			if s, err := readMeta(l.meta); err == nil {
				listed = appendListed(listed, l.log, s.epoch)
			}
		}
		listed = appendListed(listed, tx.Bucket(bucketLog), epoch)
		return nil
	})
	return listed, err
}

func appendListed(listed []listedBlob, log *bolt.Bucket, epoch record.Epoch) []listedBlob {
	c := log.Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		seq, ok := readNumber(k)
		text := headerOf(v)
		if !ok || !bytes.Contains(text, []byte(`"blobs":`)) {
			continue
		}
		for _, ref := range blobsIn(text) {
			listed = append(listed, listedBlob{ref, place{epoch, seq}})
		}
	}
	return listed
}

func blobsIn(header []byte) []record.BlobRef {
	var h record.Header
	if json.Unmarshal(header, &h) != nil {
		return nil
	}
	return h.Blobs
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
