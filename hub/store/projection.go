package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"yeban/sync/protocol"
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
	Applicant      string   // keyed digest of the document's number; see ApplicationsByApplicant
	Problems       []string // question:code, where an answer does not fit the catalogue
	Steps          []record.Step
	Submitted      time.Time // terminal's clock
	Queued         time.Time // terminal's clock: on its stable storage
	Received       time.Time // hub's clock
	Committed      time.Time // hub's clock: on its stable storage
	Rating         record.Level
	RatingSource   record.RatingSource
	Rated          time.Time
	Result         protocol.ResultState // what the back office has said; ResultReceived: nothing yet
	ResultReason   string               // its words to the citizen
	ResultAt       time.Time
	Attached       int // attachments that it names
	AttachedHere   int // and how many of them are here, whole
}

// Complete tells that nothing of the application is still on its way.
func (a Application) Complete() bool { return a.AttachedHere == a.Attached }

// Projection is what one entry means for people. An application may be parked and be
// shown all the same; otherwise exactly one part is set.
type Projection struct {
	Entry       Committed
	BodyHash    string // SM3 of the sealed body
	Application *Application
	Rating      *record.Rating
	Trace       *record.Trace
	Device      *record.DeviceEvent
	Parked      *Parked
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
	if err := s.compareTwins(ctx, tx, &p.Entry); err != nil {
		return err
	}
	if p.Parked != nil {
		if err := s.park(ctx, tx, &p.Entry, p.Parked); err != nil {
			return err
		}
	}
	_, err := insertMeaning(ctx, tx, p)
	return err
}

// insertMeaning writes the part of p that is set, unless that record is there already.
func insertMeaning(ctx context.Context, tx *sql.Tx, p *Projection) (added bool, err error) {
	c := &p.Entry
	var r sql.Result
	switch {
	case p.Application != nil:
		r, err = insertApplication(ctx, tx, p)
	case p.Rating != nil:
		g := p.Rating
		r, err = tx.ExecContext(ctx, `
			INSERT INTO ratings (id, application, kiosk, body_hash, level, source, rated_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING`,
			texts(g.ID, g.Application, c.Kiosk, p.BodyHash, int(g.Level), string(g.Source), ms(g.At))...)
	case p.Trace != nil:
		steps, e := json.Marshal(p.Trace.Steps)
		if e != nil {
			return false, e
		}
		r, err = tx.ExecContext(ctx, `
			INSERT INTO traces (id, application, kiosk, body_hash, steps, pos)
			VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO NOTHING`,
			texts(p.Trace.ID, p.Trace.Application, c.Kiosk, p.BodyHash, string(steps), c.Pos)...)
	case p.Device != nil:
		r, err = insertDeviceEvent(ctx, tx, c, p.Device)
	default:
		return false, nil
	}
	if err != nil {
		return false, err
	}
	n, err := r.RowsAffected()
	return n > 0, err
}

func insertApplication(ctx context.Context, tx *sql.Tx, p *Projection) (sql.Result, error) {
	a, c := p.Application, &p.Entry
	steps, err := json.Marshal(a.Steps)
	if err != nil {
		return nil, err
	}
	problems, err := json.Marshal(a.Problems)
	if err != nil {
		return nil, err
	}
	return tx.ExecContext(ctx, `
		INSERT INTO applications (id, receipt_number, kiosk, epoch, seq, pos, body_hash, item, item_name,
			task_handle_item, item_version, catalog_version, language, masked_name, masked_id, problems, steps,
			submitted_at, queued_at, received_at, committed_at, applicant)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)
		ON CONFLICT (id) DO NOTHING`, texts(
		a.ID, a.ReceiptNumber, c.Kiosk, c.Epoch.String(), int64(c.Entry.Seq), c.Pos, p.BodyHash, a.Item, a.ItemName,
		a.TaskHandleItem, a.ItemVersion, a.CatalogVersion, a.Language, a.MaskedName, a.MaskedID, string(problems),
		string(steps), ms(a.Submitted), c.Entry.AtMs, ms(c.Received), ms(c.Committed), a.Applicant)...)
}

// compareTwins looks for entries committed before this one under the same id. A record
// that was carried over into a later log comes twice, and is the same when its sealed
// body is; anything else under its id is a conflict. Both versions stay in entries,
// whether they can be read or not.
func (s *Store) compareTwins(ctx context.Context, tx *sql.Tx, c *Committed) error {
	var differ bool
	err := tx.QueryRowContext(ctx, `
		SELECT EXISTS (SELECT 1 FROM entries WHERE id = $1 AND pos < $2 AND (sealed <> $3 OR kind <> $4 OR kiosk <> $5))`,
		c.Entry.ID, c.Pos, blob(c.Entry.Sealed), string(c.Entry.Kind), c.Kiosk).Scan(&differ)
	if err != nil {
		return fmt.Errorf("look for twins: %w", err)
	}
	if !differ {
		return nil
	}
	return keepConflict(ctx, tx, c.Kiosk, c.Epoch, &ConflictError{ConflictBody, c.Entry.Seq}, &c.Entry, s.now())
}

// texts makes what came out of a seal fit a text column: PostgreSQL takes no zero bytes,
// and one record must not hold up the rest. The entry keeps them.
func texts(args ...any) []any {
	for i, a := range args {
		if s, ok := a.(string); ok {
			args[i] = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
		}
	}
	return args
}
