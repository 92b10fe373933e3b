package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"time"
)

// Link is what the hub knows of a terminal's connection.
type Link string

const (
	LinkNever Link = "never" // has not connected yet
	LinkUp    Link = "up"    // connected when a hub last wrote; see Kiosk.Seen
	LinkDown  Link = "down"
)

// Kiosk is a terminal as staff see it.
type Kiosk struct {
	ID             string
	Number         int // part of receipt numbers
	Name           string
	Region         string // GB/T 2260 code
	Created        time.Time
	Fence          uint64
	Link           Link
	LinkSince      time.Time
	Seen           time.Time // last word of any kind
	ClockOffset    time.Duration
	Software       string
	CatalogVersion string
	Status         []byte // JSON of protocol.Status, empty when it never sent one
	StatusAt       time.Time
}

const kioskColumns = `id, number, name, region, created_at, fence, link, link_since, seen_at,
	clock_offset_ms, software, catalog_version, status, status_at`

func scanKiosk(r interface{ Scan(...any) error }) (k Kiosk, err error) {
	var created, since, seen, offset, at int64
	var status string
	err = r.Scan(&k.ID, &k.Number, &k.Name, &k.Region, &created, &k.Fence, &k.Link, &since, &seen,
		&offset, &k.Software, &k.CatalogVersion, &status, &at)
	k.Created, k.LinkSince, k.Seen, k.StatusAt = moment(created), moment(since), moment(seen), moment(at)
	k.ClockOffset, k.Status = time.Duration(offset)*time.Millisecond, []byte(status)
	return k, err
}

// AddKiosk registers a terminal with the token it will show. With replace an existing
// one with this id gets the new name, region, number and token and keeps everything
// else; without, the error is ErrExists. A number belongs to one terminal only.
func (s *Store) AddKiosk(ctx context.Context, k Kiosk, token string, replace bool) error {
	return s.transact(ctx, func(tx *sql.Tx) error {
		var there, taken int
		err := tx.QueryRowContext(ctx, `SELECT (SELECT COUNT(*) FROM kiosks WHERE id = $1),
			(SELECT COUNT(*) FROM kiosks WHERE number = $2 AND id <> $1)`, k.ID, k.Number).Scan(&there, &taken)
		switch {
		case err != nil:
			return fmt.Errorf("look up kiosk %s: %w", k.ID, err)
		case taken > 0:
			return fmt.Errorf("kiosk number %d: %w", k.Number, ErrExists)
		case there > 0 && !replace:
			return fmt.Errorf("kiosk %s: %w", k.ID, ErrExists)
		}
		_, err = tx.ExecContext(ctx, `
			INSERT INTO kiosks (id, number, name, region, token_hash, created_at) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (id) DO UPDATE SET number = excluded.number, name = excluded.name,
				region = excluded.region, token_hash = excluded.token_hash`,
			k.ID, k.Number, k.Name, k.Region, digest(token), ms(s.now()))
		if err != nil {
			return fmt.Errorf("add kiosk %s: %w", k.ID, err)
		}
		return nil
	})
}

// KioskByToken gives the id of the terminal that owns the token, or ErrNotFound.
func (s *Store) KioskByToken(ctx context.Context, token string) (id string, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT id FROM kiosks WHERE token_hash = $1`, digest(token)).Scan(&id)
	if err != nil {
		return "", fmt.Errorf("kiosk by token: %w", found(err))
	}
	return id, nil
}

// Kiosks gives every terminal in the order of their numbers.
func (s *Store) Kiosks(ctx context.Context) ([]Kiosk, error) {
	all, err := collect(ctx, s.read, func(r *sql.Rows) (Kiosk, error) { return scanKiosk(r) },
		`SELECT `+kioskColumns+` FROM kiosks ORDER BY number`)
	if err != nil {
		return nil, fmt.Errorf("read kiosks: %w", err)
	}
	return all, nil
}

// KiosksUp names the terminals that are connected to any hub and were heard of since a moment.
func (s *Store) KiosksUp(ctx context.Context, since time.Time) ([]string, error) {
	all, err := collect(ctx, s.read, func(r *sql.Rows) (id string, err error) { return id, r.Scan(&id) },
		`SELECT id FROM kiosks WHERE link = $1 AND seen_at >= $2`, string(LinkUp), ms(since))
	if err != nil {
		return nil, fmt.Errorf("read connected kiosks: %w", err)
	}
	return all, nil
}

// Kiosk gives one terminal or ErrNotFound.
func (s *Store) Kiosk(ctx context.Context, id string) (Kiosk, error) {
	k, err := scanKiosk(s.read.QueryRowContext(ctx, `SELECT `+kioskColumns+` FROM kiosks WHERE id = $1`, id))
	if err != nil {
		return k, fmt.Errorf("kiosk %s: %w", id, found(err))
	}
	return k, nil
}

// Log is one life of a terminal's log at the hub.
type Log struct {
	Epoch  string
	Have   uint64
	Opened time.Time
	Moved  time.Time
}

// Logs gives the logs of a terminal, the one that moved last first.
func (s *Store) Logs(ctx context.Context, kiosk string) ([]Log, error) {
	all, err := collect(ctx, s.read, func(r *sql.Rows) (l Log, err error) {
		var opened, moved int64
		err = r.Scan(&l.Epoch, &l.Have, &opened, &moved)
		l.Opened, l.Moved = moment(opened), moment(moved)
		return l, err
	}, `SELECT epoch, have, opened_at, moved_at FROM cursors WHERE kiosk = $1 ORDER BY moved_at DESC`, kiosk)
	if err != nil {
		return nil, fmt.Errorf("read logs of %s: %w", kiosk, err)
	}
	return all, nil
}

// digest is how secrets of 256 random bits are kept: they need no slow hash.
func digest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}
