package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"yeban/sync/record"
)

// Committed is an entry with its place in the hub's own order.
type Committed struct {
	Pos       int64 // from 1, without gaps
	Kiosk     string
	Epoch     record.Epoch
	Entry     record.Entry
	Received  time.Time
	Committed time.Time
}

// Projector is the follower that writes what entries mean; feeds stay behind it.
const Projector = "projector"

const committedColumns = `pos, kiosk, epoch, seq, kind, id, at_ms, prev, hash, header, wrapped_key, sealed,
	received_at, committed_at`

func scanCommitted(r interface{ Scan(...any) error }) (c Committed, err error) {
	var epoch, prev, hash string
	var received, committed int64
	e := &c.Entry
	err = r.Scan(&c.Pos, &c.Kiosk, &epoch, &e.Seq, &e.Kind, &e.ID, &e.AtMs, &prev, &hash,
		&e.Header, &e.Key, &e.Sealed, &received, &committed)
	if err != nil {
		return c, err
	}
	c.Received, c.Committed = moment(received), moment(committed)
	return c, errors.Join(c.Epoch.UnmarshalText([]byte(epoch)), e.Prev.UnmarshalText([]byte(prev)),
		e.Hash.UnmarshalText([]byte(hash)))
}

// After gives the entries behind a position in the order of their commit, at most limit.
func (s *Store) After(ctx context.Context, pos int64, limit int) ([]Committed, error) {
	all, err := collect(ctx, s.read, func(r *sql.Rows) (Committed, error) { return scanCommitted(r) },
		`SELECT `+committedColumns+` FROM entries WHERE pos > $1 ORDER BY pos LIMIT $2`, pos, limit)
	if err != nil {
		return nil, fmt.Errorf("read entries after %d: %w", pos, err)
	}
	return all, nil
}

// At gives the entry at a position, or ErrNotFound.
func (s *Store) At(ctx context.Context, pos int64) (Committed, error) {
	c, err := scanCommitted(s.read.QueryRowContext(ctx, `SELECT `+committedColumns+` FROM entries WHERE pos = $1`, pos))
	if err != nil {
		return c, fmt.Errorf("entry at %d: %w", pos, found(err))
	}
	return c, nil
}

// Position is how far a follower has come; 0 before its first step.
func (s *Store) Position(ctx context.Context, follower string) (pos int64, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT value FROM positions WHERE name = $1`, "follow."+follower).Scan(&pos)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("position of %s: %w", follower, err)
	}
	return pos, nil
}

// Newest is the position of the last committed entry.
func (s *Store) Newest(ctx context.Context) (pos int64, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT value FROM positions WHERE name = 'entries'`).Scan(&pos)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("newest position: %w", err)
	}
	return pos, nil
}

// moveFollower steps from one position to another; ErrFenced means that another hub's
// follower of the same name has stepped meanwhile.
func moveFollower(ctx context.Context, tx *sql.Tx, follower string, from, to int64) error {
	if from == 0 {
		if _, err := tx.ExecContext(ctx, `INSERT INTO positions (name, value) VALUES ($1, 0) ON CONFLICT (name) DO NOTHING`,
			"follow."+follower); err != nil {
			return fmt.Errorf("position of %s: %w", follower, err)
		}
	}
	r, err := tx.ExecContext(ctx, `UPDATE positions SET value = $1 WHERE name = $2 AND value = $3`, to, "follow."+follower, from)
	if err := changed(r, err, ErrFenced); err != nil {
		return fmt.Errorf("position of %s: %w", follower, err)
	}
	return nil
}
