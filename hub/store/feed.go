package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Feed is how far one back office has been told of what terminals handed in.
type Feed struct {
	Name         string
	Position     int64     // everything up to here was delivered, refused, or not for a feed
	Holder       string    // process that delivers now
	LeaseUntil   time.Time // and until when nobody else may
	Delivered    time.Time // zero before the first
	FailingSince time.Time // zero while all is well
	Trouble      string    // the last failure, for staff
	Behind       int64     // committed and projected entries behind Position
	Refused      int       // what waits for a person
	Again        int       // what it delivers out of its turn; see RetryRefusals
}

// FeedItem is a committed application or rating that the projector could read.
type FeedItem struct {
	Committed
	Problems []string // question:code, where an answer does not fit the catalogue
}

// ClaimFeed makes holder the one that delivers a feed until lease has passed, and again
// with each call. ok is false while another holder's lease lasts.
func (s *Store) ClaimFeed(ctx context.Context, name, holder string, lease time.Duration) (position int64, ok bool, err error) {
	err = s.transact(ctx, func(tx *sql.Tx) error {
		now := s.now()
		if _, err := tx.ExecContext(ctx, `INSERT INTO feeds (name) VALUES ($1) ON CONFLICT (name) DO NOTHING`, name); err != nil {
			return err
		}
		err := tx.QueryRowContext(ctx, `
			UPDATE feeds SET holder = $2, lease_until = $3 WHERE name = $1 AND (holder = $2 OR lease_until < $4)
			RETURNING position`, name, holder, ms(now.Add(lease)), ms(now)).Scan(&position)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		ok = err == nil
		return err
	})
	if err != nil {
		return 0, false, fmt.Errorf("claim feed %s: %w", name, err)
	}
	return position, ok, nil
}

// ReleaseFeed lets another holder take over at once.
func (s *Store) ReleaseFeed(ctx context.Context, name, holder string) error {
	_, err := s.write.ExecContext(ctx, `UPDATE feeds SET lease_until = 0 WHERE name = $1 AND holder = $2`, name, holder)
	if err != nil {
		return fmt.Errorf("release feed %s: %w", name, err)
	}
	return nil
}

// FeedAfter gives what a feed delivers next, in the order of commits, at most limit. It
// never runs ahead of the projector, which says what can be read; what waits for a
// person is left out, and so is the second place of a record that was carried over into
// a later log. upTo is how far all has been looked at.
func (s *Store) FeedAfter(ctx context.Context, after int64, limit int) (items []FeedItem, upTo int64, err error) {
	projected, err := s.Position(ctx, Projector)
	if err != nil || projected <= after {
		return nil, after, err
	}
	items, err = collect(ctx, s.read, scanFeedItem, feedItems+` WHERE e.pos > $1 AND e.pos <= $2 AND (a.id IS NOT NULL OR r.id IS NOT NULL)
			AND NOT EXISTS (SELECT 1 FROM entries f WHERE f.id = e.id AND f.pos < e.pos)
		ORDER BY e.pos LIMIT $3`, after, projected, limit)
	if err != nil {
		return nil, after, fmt.Errorf("read feed after %d: %w", after, err)
	}
	if len(items) == limit {
		return items, items[limit-1].Pos, nil
	}
	return items, projected, nil
}

// feedItems has a row for each entry; a and r say whether it was readable.
const feedItems = `SELECT e.pos, e.kiosk, e.epoch, e.seq, e.kind, e.id, e.at_ms, e.prev, e.hash, e.header, e.wrapped_key, e.sealed,
		e.received_at, e.committed_at, COALESCE(a.problems, '[]')
	FROM entries e
	LEFT JOIN applications a ON a.id = e.id AND a.pos = e.pos
	LEFT JOIN ratings r ON r.id = e.id AND e.kind = 'rating'`

func scanFeedItem(r *sql.Rows) (FeedItem, error) {
	var problems string
	c, err := scanCommitted(scanMore{r, []any{&problems}})
	if err != nil {
		return FeedItem{}, err
	}
	item := FeedItem{Committed: c}
	return item, json.Unmarshal([]byte(problems), &item.Problems)
}

// scanMore scans further columns behind those that are asked for.
type scanMore struct {
	row  interface{ Scan(...any) error }
	more []any
}

func (s scanMore) Scan(columns ...any) error { return s.row.Scan(append(columns, s.more...)...) }

// MoveFeed notes that everything up to a position is delivered, or refused, which ends the
// alarm of a feed that failed. ErrFenced means that another holder has taken over.
func (s *Store) MoveFeed(ctx context.Context, name, holder string, from, to int64, delivered bool, refused *FeedRefusal) error {
	err := s.transact(ctx, func(tx *sql.Tx) error {
		now := s.now()
		query := `UPDATE feeds SET position = $4, failing_since = 0, trouble = '' WHERE name = $1 AND holder = $2 AND position = $3`
		args := []any{name, holder, from, to}
		if delivered {
			query = `UPDATE feeds SET position = $4, failing_since = 0, trouble = '', delivered_at = $5
				WHERE name = $1 AND holder = $2 AND position = $3`
			args = append(args, ms(now))
		}
		r, err := tx.ExecContext(ctx, query, args...)
		if err := changed(r, err, ErrFenced); err != nil {
			return err
		}
		if err := clearFailing(ctx, tx, name, now); err != nil {
			return err
		}
		if refused == nil {
			return nil
		}
		return refuse(ctx, tx, name, refused, now)
	})
	if err != nil {
		return fmt.Errorf("move feed %s: %w", name, err)
	}
	return nil
}

// FeedFailed notes that a delivery did not succeed, and raises an alarm once that has
// lasted for longer than patience.
func (s *Store) FeedFailed(ctx context.Context, name, holder, trouble string, patience time.Duration) error {
	err := s.transact(ctx, func(tx *sql.Tx) error {
		now := s.now()
		var since int64
		err := tx.QueryRowContext(ctx, `
			UPDATE feeds SET trouble = $3, failing_since = CASE WHEN failing_since = 0 THEN $4 ELSE failing_since END
			WHERE name = $1 AND holder = $2 RETURNING failing_since`, texts(name, holder, trouble, ms(now))...).Scan(&since)
		if err != nil {
			return found(err)
		}
		if now.Sub(moment(since)) < patience {
			return nil
		}
		return raise(ctx, tx, Alarm{Kind: alarmFailing, Ref: name, Severity: Critical}, now)
	})
	if err != nil {
		return fmt.Errorf("note failing feed %s: %w", name, err)
	}
	return nil
}

// Feeds gives every feed there has ever been.
func (s *Store) Feeds(ctx context.Context) ([]Feed, error) {
	all, err := collect(ctx, s.read, func(r *sql.Rows) (f Feed, err error) {
		var lease, delivered, failing int64
		err = r.Scan(&f.Name, &f.Position, &f.Holder, &lease, &delivered, &failing, &f.Trouble, &f.Behind, &f.Refused, &f.Again)
		f.LeaseUntil, f.Delivered, f.FailingSince = moment(lease), moment(delivered), moment(failing)
		return f, err
	}, `SELECT name, position, holder, lease_until, delivered_at, failing_since, trouble,
			COALESCE((SELECT value FROM positions WHERE name = 'follow.`+Projector+`'), 0) - position,
			(SELECT COUNT(*) FROM feed_refusals WHERE feed = feeds.name AND again = 0),
			(SELECT COUNT(*) FROM feed_refusals WHERE feed = feeds.name AND again = 1)
		FROM feeds ORDER BY name`)
	if err != nil {
		return nil, fmt.Errorf("read feeds: %w", err)
	}
	return all, nil
}
