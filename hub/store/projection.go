package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"yeban/sync/record"
)

// Application is what staff may see of one citizen's submission.
type Application struct {
	ID             string
	ReceiptNumber  string
	Kiosk          string
	Epoch          string
	Seq            uint64
	Pos            int64
	Item           string
	ItemName       string
	TaskHandleItem string
	ItemVersion    int
	CatalogVersion string
	Language       string
	MaskedName     string
	MaskedID       string
	Problems       []string // question:code, where an answer does not fit the catalogue
	Steps          []record.Step
	Submitted      time.Time // terminal's clock
	Queued         time.Time // terminal's clock: on its stable storage
	Received       time.Time // hub's clock
	Committed      time.Time // hub's clock: on its stable storage
	Rating         record.Level
	RatingSource   record.RatingSource
	Rated          time.Time
}

// Projection is what one entry means for people. An application may be parked and be
// shown all the same; otherwise exactly one part is set.
type Projection struct {
	Entry       Committed
	BodyHash    string // tells two bodies under one id apart
	Application *Application
	Rating      *record.Rating
	Trace       *record.Trace
	Parked      *Parked
}

// Parked is an entry that is committed and waits for a person.
type Parked struct {
	Pos     int64
	Kiosk   string
	Epoch   string
	Seq     uint64
	Kind    string
	ID      string
	Receipt string
	Reason  string // code; its sentence is in the console's messages under "parked.<reason>"
	Detail  string // for engineers, no personal data
	Parked  time.Time
}

// Project writes what a run of entries means and moves the follower behind the last of
// them, in one transaction. ErrFenced means that somebody else has done it.
func (s *Store) Project(ctx context.Context, follower string, from int64, all []Projection) error {
	if len(all) == 0 {
		return nil
	}
	return s.transact(ctx, func(tx *sql.Tx) error {
		if err := moveFollower(ctx, tx, follower, from, all[len(all)-1].Entry.Pos); err != nil {
			return err
		}
		for i := range all {
			if err := s.project(ctx, tx, &all[i]); err != nil {
				return fmt.Errorf("project entry at %d: %w", all[i].Entry.Pos, err)
			}
		}
		return nil
	})
}

func (s *Store) project(ctx context.Context, tx *sql.Tx, p *Projection) error {
	c := &p.Entry
	if p.Parked != nil {
		if err := s.park(ctx, tx, c, p.Parked); err != nil {
			return err
		}
	}
	switch {
	case p.Application != nil:
		a := p.Application
		steps, err := json.Marshal(a.Steps)
		if err != nil {
			return err
		}
		problems, err := json.Marshal(a.Problems)
		if err != nil {
			return err
		}
		return s.insertOnce(ctx, tx, p, "applications", a.ID, `
			INSERT INTO applications (id, receipt_number, kiosk, epoch, seq, pos, body_hash, item, item_name,
				task_handle_item, item_version, catalog_version, language, masked_name, masked_id, problems, steps,
				submitted_at, queued_at, received_at, committed_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
			ON CONFLICT (id) DO NOTHING`,
			a.ID, a.ReceiptNumber, c.Kiosk, c.Epoch.String(), int64(c.Entry.Seq), c.Pos, p.BodyHash, a.Item, a.ItemName,
			a.TaskHandleItem, a.ItemVersion, a.CatalogVersion, a.Language, a.MaskedName, a.MaskedID, string(problems),
			string(steps), ms(a.Submitted), c.Entry.AtMs, ms(c.Received), ms(c.Committed))
	case p.Rating != nil:
		r := p.Rating
		return s.insertOnce(ctx, tx, p, "ratings", r.ID, `
			INSERT INTO ratings (id, application, kiosk, body_hash, level, source, rated_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING`,
			r.ID, r.Application, c.Kiosk, p.BodyHash, int(r.Level), string(r.Source), ms(r.At))
	case p.Trace != nil:
		steps, err := json.Marshal(p.Trace.Steps)
		if err != nil {
			return err
		}
		return s.insertOnce(ctx, tx, p, "traces", p.Trace.ID, `
			INSERT INTO traces (id, application, kiosk, body_hash, steps, pos)
			VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO NOTHING`,
			p.Trace.ID, p.Trace.Application, c.Kiosk, p.BodyHash, string(steps), c.Pos)
	}
	return nil
}

// insertOnce runs an insert that does nothing when the id is there already: a record
// that was carried over into a later log comes twice. With another body it is a conflict.
func (s *Store) insertOnce(ctx context.Context, tx *sql.Tx, p *Projection, table, id, query string, args ...any) error {
	r, err := tx.ExecContext(ctx, query, args...)
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n == 1 {
		return err
	}
	var hash string
	if err := tx.QueryRowContext(ctx, `SELECT body_hash FROM `+table+` WHERE id = $1`, id).Scan(&hash); err != nil {
		return err
	}
	if hash == p.BodyHash {
		return nil
	}
	c := &p.Entry
	return keepConflict(ctx, tx, c.Kiosk, c.Epoch, &ConflictError{ConflictBody, c.Entry.Seq}, &c.Entry, s.now())
}

func (s *Store) park(ctx context.Context, tx *sql.Tx, c *Committed, p *Parked) error {
	now := s.now()
	_, err := tx.ExecContext(ctx, `
		INSERT INTO parked (pos, kiosk, epoch, seq, kind, id, receipt, reason, detail, parked_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (pos) DO NOTHING`,
		c.Pos, c.Kiosk, c.Epoch.String(), int64(c.Entry.Seq), string(c.Entry.Kind), c.Entry.ID, p.Receipt, p.Reason, p.Detail, ms(now))
	if err != nil {
		return err
	}
	return raise(ctx, tx, Alarm{Kiosk: c.Kiosk, Kind: "parked", Ref: p.Reason, Severity: Major}, now)
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
