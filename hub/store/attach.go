package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"yeban/sync/protocol"
	"yeban/sync/record"
)

// Claim is what a terminal says of itself and its log when it connects.
type Claim struct {
	Kiosk          string
	Epoch          record.Epoch
	First, Last    uint64 // as in protocol.Hello: First is 0 when nothing is held, Last counts all the same
	Software       string
	CatalogVersion string
	Clock          time.Time // the terminal's wall clock
}

// Attachment is what an accepted connection works under.
type Attachment struct {
	Fence    uint64
	Have     uint64
	HaveHash record.Hash
}

// Attach gives a new connection the next fence of its terminal, which puts every older
// connection out of action, and tells where its log resumes.
//
// A *ConflictError means that the log cannot be continued; it has been recorded and
// the fence has moved all the same. ErrNotFound means that there is no such terminal.
func (s *Store) Attach(ctx context.Context, c Claim) (Attachment, error) {
	var a Attachment
	var conflict *ConflictError
	err := s.transact(ctx, func(tx *sql.Tx) error {
		now := s.now()
		var fence int64
		err := tx.QueryRowContext(ctx, `
			UPDATE kiosks SET fence = fence + 1, link = 'up', link_since = $2, seen_at = $2,
				clock_offset_ms = $3, software = $4, catalog_version = $5
			WHERE id = $1 RETURNING fence`,
			c.Kiosk, ms(now), c.Clock.Sub(now).Milliseconds(), c.Software, c.CatalogVersion).Scan(&fence)
		if err != nil {
			return found(err)
		}
		a.Fence = uint64(fence)
		if a.Have, a.HaveHash, err = readCursor(ctx, tx, c.Kiosk, c.Epoch); err != nil {
			return err
		}
		switch {
		case c.Last < a.Have:
			conflict = &ConflictError{ConflictBehind, c.Last}
		case c.First > a.Have+1, c.First == 0 && c.Last > a.Have:
			conflict = &ConflictError{ConflictHole, a.Have + 1}
		default:
			return nil
		}
		return keepConflict(ctx, tx, c.Kiosk, c.Epoch, conflict, nil, now)
	})
	if err != nil {
		return Attachment{}, fmt.Errorf("attach %s: %w", c.Kiosk, err)
	}
	if conflict != nil {
		return a, conflict
	}
	return a, nil
}

// Detach notes that the connection with this fence has ended. It does nothing when a
// newer one has taken over.
func (s *Store) Detach(ctx context.Context, kiosk string, fence uint64) error {
	_, err := s.write.ExecContext(ctx,
		`UPDATE kiosks SET link = 'down', link_since = $3, seen_at = $3 WHERE id = $1 AND fence = $2 AND link = 'up'`,
		kiosk, int64(fence), ms(s.now()))
	if err != nil {
		return fmt.Errorf("detach %s: %w", kiosk, err)
	}
	return nil
}

// Condition is the latest word of one terminal.
type Condition struct {
	Kiosk          string
	Fence          uint64
	Seen           time.Time
	CatalogVersion string
	Status         []byte             // JSON of protocol.Status; empty: only seen, nothing new said
	Troubles       []protocol.Trouble // that Status names
	At             time.Time
}

// SaveConditions writes the latest words of many terminals in one transaction, and
// raises and clears the alarms of their troubles. Words from behind the fence are passed
// over; the terminals they came from are returned.
func (s *Store) SaveConditions(ctx context.Context, all []Condition) (fenced []string, err error) {
	all = slices.SortedFunc(slices.Values(all), func(a, b Condition) int { return strings.Compare(a.Kiosk, b.Kiosk) })
	err = s.transact(ctx, func(tx *sql.Tx) error {
		var told []Condition
		for _, c := range all {
			query, args := `UPDATE kiosks SET seen_at = $3 WHERE id = $1 AND fence = $2`,
				[]any{c.Kiosk, int64(c.Fence), ms(c.Seen)}
			if len(c.Status) > 0 {
				query = `UPDATE kiosks SET seen_at = $3, status = $4, status_at = $5, catalog_version = $6
					WHERE id = $1 AND fence = $2`
				args = append(args, string(c.Status), ms(c.At), c.CatalogVersion)
			}
			r, err := tx.ExecContext(ctx, query, args...)
			if err != nil {
				return fmt.Errorf("condition of %s: %w", c.Kiosk, err)
			}
			n, err := r.RowsAffected()
			if err != nil {
				return fmt.Errorf("condition of %s: %w", c.Kiosk, err)
			}
			switch {
			case n == 0:
				fenced = append(fenced, c.Kiosk)
			case len(c.Status) > 0:
				told = append(told, c)
			}
		}
		if len(told) == 0 {
			return nil
		}
		return troubles(ctx, tx, told, s.now())
	})
	if err != nil {
		return nil, fmt.Errorf("save conditions: %w", err)
	}
	return fenced, nil
}
