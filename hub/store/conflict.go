package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"

	"yeban/sync/record"
)

// Conflict is a version of something that contradicts what is committed.
type Conflict struct {
	ID     string
	Kiosk  string
	Epoch  string
	Seq    uint64
	Kind   ConflictKind
	Hash   string // of the version kept here; empty when only a claim contradicts
	Raised time.Time
}

// keepConflict stores the version that loses and raises an alarm. The same version
// offered again adds to the alarm only.
func keepConflict(ctx context.Context, tx *sql.Tx, kiosk string, epoch record.Epoch, c *ConflictError, e *record.Entry, now time.Time) error {
	var hash, text string
	if e != nil {
		b, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("keep conflict: %w", err)
		}
		hash, text = e.Hash.String(), string(b)
	}
	_, err := tx.ExecContext(ctx, `
		INSERT INTO conflicts (id, kiosk, epoch, seq, kind, hash, entry, raised_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
		newID(now), kiosk, epoch.String(), int64(c.Seq), string(c.Kind), hash, text, ms(now))
	if err != nil {
		return fmt.Errorf("keep conflict of %s: %w", kiosk, err)
	}
	return raise(ctx, tx, Alarm{Kiosk: kiosk, Kind: alarmConflict + string(c.Kind), Ref: epoch.String(), Severity: Critical}, now)
}

// Conflicts gives the newest conflicts first, at most limit.
func (s *Store) Conflicts(ctx context.Context, limit int) ([]Conflict, error) {
	all, err := collect(ctx, s.read, func(r *sql.Rows) (c Conflict, err error) {
		var at int64
		err = r.Scan(&c.ID, &c.Kiosk, &c.Epoch, &c.Seq, &c.Kind, &c.Hash, &at)
		c.Raised = moment(at)
		return c, err
	}, `SELECT id, kiosk, epoch, seq, kind, hash, raised_at FROM conflicts ORDER BY id DESC LIMIT $1`, limit)
	if err != nil {
		return nil, fmt.Errorf("read conflicts: %w", err)
	}
	return all, nil
}

// ids makes those of one process grow within a millisecond too.
var ids = &ulid.LockedMonotonicReader{MonotonicReader: ulid.Monotonic(rand.Reader, 0)}

// newID is a ULID: sorted by time, unique over all hubs.
func newID(now time.Time) string { return ulid.MustNew(ulid.Timestamp(now), ids).String() }
