package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"yeban/sync/protocol"
)

// Result is what the back office says of an application.
type Result struct {
	Application string // ULID; or empty, with Receipt
	Receipt     string // receipt number; used when Application is empty
	State       protocol.ResultState
	Reason      string    // its words to the citizen
	At          time.Time // by the back office's clock; an older one never replaces a newer
	Source      string    // feed that it came through
}

// SaveResult keeps the newest word of the back office on an application. changed is
// false when what is there is as new. ErrNotFound means that there is no such application.
func (s *Store) SaveResult(ctx context.Context, r Result) (changed bool, err error) {
	err = s.transact(ctx, func(tx *sql.Tx) error {
		var id string
		err := tx.QueryRowContext(ctx, `SELECT id FROM applications WHERE ($1 <> '' AND id = $1) OR ($1 = '' AND receipt_number = $2)
			ORDER BY pos LIMIT 1`, r.Application, r.Receipt).Scan(&id)
		if err != nil {
			return found(err)
		}
		n, err := tx.ExecContext(ctx, `
			INSERT INTO results (application, state, reason, at, source, changed_at) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (application) DO UPDATE SET state = excluded.state, reason = excluded.reason, at = excluded.at,
				source = excluded.source, changed_at = excluded.changed_at WHERE results.at < excluded.at`,
			texts(id, string(r.State), r.Reason, ms(r.At), r.Source, ms(s.now()))...)
		if err != nil {
			return err
		}
		rows, err := n.RowsAffected()
		changed = rows > 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("save result: %w", err)
	}
	return changed, nil
}
