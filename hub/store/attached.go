package store

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"yeban/sync/protocol"
	"yeban/sync/record"
)

// AttachedBlob is an attachment that a committed record names, and how much of it is there.
type AttachedBlob struct {
	record.BlobRef
	Have     int64
	Complete time.Time // by the hub's clock; zero while something is missing
}

// noteBlobs keeps what an entry's header names, so that it can be uploaded from the moment
// of the commit. A header that makes no sense names nothing; the projector parks it.
func (c *commit) noteBlobs(kiosk string, e *record.Entry) error {
	if !bytes.Contains(e.Header, []byte(`"blobs"`)) {
		return nil
	}
	var h record.Header
	if json.Unmarshal(e.Header, &h) != nil {
		return nil
	}
	for i, b := range h.Blobs[:min(len(h.Blobs), record.MaxBlobs)] {
		if b.Bytes < 1 || b.Bytes > protocol.MaxBlobBytes || b.Hash.IsZero() {
			continue
		}
		_, err := c.tx.ExecContext(c.ctx, `INSERT INTO attachments (kiosk, record, hash, place, bytes, role, media)
			VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
			texts(kiosk, e.ID, b.Hash.String(), i, b.Bytes, string(b.Role), b.Media)...)
		if err != nil {
			return fmt.Errorf("note attachments: %w", err)
		}
	}
	return nil
}

// AttachedBlobs gives those of a terminal's record in the order in which it names them.
// The record is complete when none of them lacks anything.
func (s *Store) AttachedBlobs(ctx context.Context, kiosk, id string) ([]AttachedBlob, error) {
	all, err := collect(ctx, s.read, func(r *sql.Rows) (a AttachedBlob, err error) {
		var hash string
		var at int64
		if err = r.Scan(&hash, &a.Bytes, &a.Role, &a.Media, &a.Have, &at); err != nil {
			return a, err
		}
		a.Complete = moment(at)
		return a, a.Hash.UnmarshalText([]byte(hash))
	}, `SELECT a.hash, a.bytes, a.role, a.media, COALESCE(b.have, 0), COALESCE(b.complete_at, 0)
		FROM attachments a LEFT JOIN blobs b ON b.kiosk = a.kiosk AND b.hash = a.hash AND b.bytes = a.bytes
		WHERE a.kiosk = $1 AND a.record = $2 ORDER BY a.place`, kiosk, id)
	if err != nil {
		return nil, fmt.Errorf("attachments of %s: %w", id, err)
	}
	return all, nil
}
