package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Parked is an entry that is committed and waits for a person.
type Parked struct {
	Pos     int64     `json:"position"`
	Kiosk   string    `json:"kiosk"`
	Epoch   string    `json:"epoch"`
	Seq     uint64    `json:"seq"`
	Kind    string    `json:"kind"`
	ID      string    `json:"id"`
	Receipt string    `json:"receipt"`
	Reason  string    `json:"reason"` // code; its sentence is in the console's messages under "parked.<reason>"
	Detail  string    `json:"detail"` // for engineers, no personal data
	Parked  time.Time `json:"parked"`
}

// park keeps one note for a record, however often it was carried over.
func (s *Store) park(ctx context.Context, tx *sql.Tx, c *Committed, p *Parked) error {
	now := s.now()
	var noted bool
	err := tx.QueryRowContext(ctx, `
		SELECT EXISTS (SELECT 1 FROM entries JOIN parked ON parked.pos = entries.pos
		WHERE entries.id = $1 AND parked.reason = $2 AND entries.kiosk = $3 AND entries.sealed = $4)`,
		c.Entry.ID, p.Reason, c.Kiosk, blob(c.Entry.Sealed)).Scan(&noted)
	if err != nil || noted {
		return err
	}
	_, err = tx.ExecContext(ctx, `
		INSERT INTO parked (pos, kiosk, epoch, seq, kind, id, receipt, reason, detail, parked_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (pos) DO NOTHING`,
		texts(c.Pos, c.Kiosk, c.Epoch.String(), int64(c.Entry.Seq), string(c.Entry.Kind), c.Entry.ID, p.Receipt, p.Reason, p.Detail, ms(now))...)
	if err != nil {
		return err
	}
	return raise(ctx, tx, Alarm{Kiosk: c.Kiosk, Kind: alarmParked, Ref: p.Reason, Severity: Major}, now)
}

// ParkedRecords gives what waits for a person, newest first, at most limit.
func (s *Store) ParkedRecords(ctx context.Context, limit int) ([]Parked, error) {
	all, err := collect(ctx, s.read, func(r *sql.Rows) (p Parked, err error) {
		var at int64
		err = r.Scan(&p.Pos, &p.Kiosk, &p.Epoch, &p.Seq, &p.Kind, &p.ID, &p.Receipt, &p.Reason, &p.Detail, &at)
		p.Parked = moment(at)
		return p, err
	}, `SELECT pos, kiosk, epoch, seq, kind, id, receipt, reason, detail, parked_at FROM parked ORDER BY pos DESC LIMIT $1`, limit)
	if err != nil {
		return nil, fmt.Errorf("read parked records: %w", err)
	}
	return all, nil
}

// Release puts what a parked entry means now in place of the note on it, and hands it to
// the feeds that have passed it by. With the terminal's last one for that reason, the alarm
// ends. An entry that is to be parked once more stays as it is, or gets the new reason.
// ErrNotFound means that it is not parked any more.
func (s *Store) Release(ctx context.Context, p Projection) error {
	err := s.transact(ctx, func(tx *sql.Tx) error {
		var reason string
		err := tx.QueryRowContext(ctx, `DELETE FROM parked WHERE pos = $1 RETURNING reason`, p.Entry.Pos).Scan(&reason)
		if err != nil {
			return found(err)
		}
		if p.Parked != nil {
			if p.Parked.Reason == reason {
				return errAsItWas
			}
			if err := s.park(ctx, tx, &p.Entry, p.Parked); err != nil {
				return err
			}
		}
		if err := s.mean(ctx, tx, &p); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE alarms SET cleared_at = $4, cleared_by = '' WHERE kiosk = $1 AND kind = $2 AND ref = $3
			AND cleared_at = 0 AND NOT EXISTS (SELECT 1 FROM parked WHERE kiosk = $1 AND reason = $3)`,
			p.Entry.Kiosk, alarmParked, reason, ms(s.now()))
		return err
	})
	if err != nil && !errors.Is(err, errAsItWas) {
		return fmt.Errorf("release entry at %d: %w", p.Entry.Pos, err)
	}
	return nil
}

// errAsItWas undoes a transaction that would change nothing.
var errAsItWas = errors.New("as it was")

// mean writes what a released entry means. What staff have not seen before is for the
// feeds, too: for those behind it, and for those that are at work and may just be passing.
func (s *Store) mean(ctx context.Context, tx *sql.Tx, p *Projection) error {
	added, err := insertMeaning(ctx, tx, p)
	if err != nil {
		return err
	}
	if a := p.Application; a != nil && !added {
		problems, err := json.Marshal(a.Problems)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE applications SET problems = $3 WHERE id = $1 AND pos = $2`, texts(a.ID, p.Entry.Pos, string(problems))...)
		return err
	}
	if !added || (p.Application == nil && p.Rating == nil) {
		return nil
	}
	now := ms(s.now())
	_, err = tx.ExecContext(ctx, `INSERT INTO feed_refusals (feed, pos, id, answer, refused_at, again)
		SELECT name, CAST($1 AS BIGINT), CAST($2 AS TEXT), 'parked at its turn', CAST($3 AS BIGINT), 1 FROM feeds
		WHERE position >= $1 OR lease_until >= $3 ON CONFLICT (feed, pos) DO UPDATE SET again = 1`,
		texts(p.Entry.Pos, p.Entry.Entry.ID, now)...)
	return err
}
