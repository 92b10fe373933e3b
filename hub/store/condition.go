package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"yeban/sync/protocol"
)

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
