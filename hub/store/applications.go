package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"yeban/sync/record"
)

// Filter chooses applications. Empty fields choose all.
type Filter struct {
	Kiosk   string
	Item    string
	Receipt string // beginning of a receipt number
	Rating  string // "bad" (1 or 2), "rated", "none"
	Before  int64  // only positions below this one; 0 from the newest on
	Limit   int    // at most so many; 0 means 50
}

const applicationColumns = `a.id, a.receipt_number, a.kiosk, a.epoch, a.seq, a.pos, a.item, a.item_name, a.task_handle_item,
	a.item_version, a.catalog_version, a.language, a.masked_name, a.masked_id, a.problems, a.steps,
	a.submitted_at, a.queued_at, a.received_at, a.committed_at, a.applicant,
	COALESCE(r.level, 0), COALESCE(r.source, ''), COALESCE(r.rated_at, 0),
	COALESCE(w.state, 'received'), COALESCE(w.reason, ''), COALESCE(w.at, 0),
	(SELECT COUNT(*) FROM attachments t WHERE t.kiosk = a.kiosk AND t.record = a.id),
	(SELECT COUNT(*) FROM attachments t JOIN blobs b ON b.kiosk = t.kiosk AND b.hash = t.hash AND b.bytes = t.bytes
		WHERE t.kiosk = a.kiosk AND t.record = a.id AND b.complete_at > 0)`

// applicationsFrom joins the first rating of each, since one visit has one, and the
// back office's word.
const applicationsFrom = ` FROM applications a LEFT JOIN ratings r
	ON r.id = (SELECT MIN(id) FROM ratings WHERE application = a.id)
	LEFT JOIN results w ON w.application = a.id`

func scanApplication(r interface{ Scan(...any) error }) (a Application, err error) {
	var problems, steps string
	var submitted, queued, received, committed, rated, said int64
	err = r.Scan(&a.ID, &a.ReceiptNumber, &a.Kiosk, &a.Epoch, &a.Seq, &a.Pos, &a.Item, &a.ItemName, &a.TaskHandleItem,
		&a.ItemVersion, &a.CatalogVersion, &a.Language, &a.MaskedName, &a.MaskedID, &problems, &steps,
		&submitted, &queued, &received, &committed, &a.Applicant, &a.Rating, &a.RatingSource, &rated,
		&a.Result, &a.ResultReason, &said, &a.Attached, &a.AttachedHere)
	if err != nil {
		return a, err
	}
	a.Submitted, a.Queued, a.Received, a.Committed, a.Rated, a.ResultAt =
		moment(submitted), moment(queued), moment(received), moment(committed), moment(rated), moment(said)
	return a, errors.Join(json.Unmarshal([]byte(problems), &a.Problems), json.Unmarshal([]byte(steps), &a.Steps))
}

// Applications gives the newest first.
func (s *Store) Applications(ctx context.Context, f Filter) ([]Application, error) {
	if f.Limit <= 0 {
		f.Limit = 50
	}
	query := `SELECT ` + applicationColumns + applicationsFrom + ` WHERE (CAST($1 AS BIGINT) = 0 OR a.pos < $1)
		AND ($2 = '' OR a.kiosk = $2) AND ($3 = '' OR a.item = $3)
		AND ($4 = '' OR substr(a.receipt_number, 1, length($4)) = $4)
		AND ($5 = '' OR ($5 = 'bad' AND r.level <= 2) OR ($5 = 'rated' AND r.level IS NOT NULL) OR ($5 = 'none' AND r.level IS NULL))
		ORDER BY a.pos DESC LIMIT $6`
	all, err := collect(ctx, s.read, func(r *sql.Rows) (Application, error) { return scanApplication(r) },
		query, f.Before, f.Kiosk, f.Item, f.Receipt, f.Rating, f.Limit)
	if err != nil {
		return nil, fmt.Errorf("read applications: %w", err)
	}
	return all, nil
}

// Application gives one application or ErrNotFound.
func (s *Store) Application(ctx context.Context, id string) (Application, error) {
	a, err := scanApplication(s.read.QueryRowContext(ctx, `SELECT `+applicationColumns+applicationsFrom+` WHERE a.id = $1`, id))
	if err != nil {
		return a, fmt.Errorf("application %s: %w", id, found(err))
	}
	return a, nil
}

// TraceSteps gives the steps that came after the submission, in the order of arrival.
func (s *Store) TraceSteps(ctx context.Context, application string) ([]record.Step, error) {
	all, err := collect(ctx, s.read, func(r *sql.Rows) (steps []record.Step, err error) {
		var text string
		if err := r.Scan(&text); err != nil {
			return nil, err
		}
		return steps, json.Unmarshal([]byte(text), &steps)
	}, `SELECT steps FROM traces WHERE application = $1 ORDER BY pos`, application)
	if err != nil {
		return nil, fmt.Errorf("read trace of %s: %w", application, err)
	}
	var steps []record.Step
	for _, s := range all {
		steps = append(steps, s...)
	}
	return steps, nil
}

// ItemName is an item that applications were made for.
type ItemName struct{ ID, Name string }

// ItemNames gives the items that occur in applications.
func (s *Store) ItemNames(ctx context.Context) ([]ItemName, error) {
	all, err := collect(ctx, s.read, func(r *sql.Rows) (n ItemName, err error) { return n, r.Scan(&n.ID, &n.Name) },
		`SELECT item, MAX(item_name) FROM applications GROUP BY item ORDER BY item`)
	if err != nil {
		return nil, fmt.Errorf("read items: %w", err)
	}
	return all, nil
}
