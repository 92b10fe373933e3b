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
}

// FeedItem is a committed application or rating that the projector could read.
type FeedItem struct {
	Committed
	Problems []string // question:code, where an answer does not fit the catalogue
}

// FeedRefusal is an item that a back office would not take.
type FeedRefusal struct {
	Pos    int64
	ID     string // of the record
	Answer string // what it said, cut short; no personal data
	At     time.Time
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
	projected, err := s.Position(ctx, "projector")
	if err != nil || projected <= after {
		return nil, after, err
	}
	items, err = collect(ctx, s.read, func(r *sql.Rows) (FeedItem, error) {
		var problems string
		c, err := scanCommitted(scanMore{r, []any{&problems}})
		if err != nil {
			return FeedItem{}, err
		}
		item := FeedItem{Committed: c}
		return item, json.Unmarshal([]byte(problems), &item.Problems)
	}, `SELECT e.pos, e.kiosk, e.epoch, e.seq, e.kind, e.id, e.at_ms, e.prev, e.hash, e.header, e.wrapped_key, e.sealed,
			e.received_at, e.committed_at, COALESCE(a.problems, '[]')
		FROM entries e
		LEFT JOIN applications a ON a.id = e.id AND a.pos = e.pos
		LEFT JOIN ratings r ON r.id = e.id AND e.kind = 'rating'
		WHERE e.pos > $1 AND e.pos <= $2 AND (a.id IS NOT NULL OR r.id IS NOT NULL)
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

// scanMore scans further columns behind those that are asked for.
type scanMore struct {
	row  interface{ Scan(...any) error }
	more []any
}

func (s scanMore) Scan(columns ...any) error { return s.row.Scan(append(columns, s.more...)...) }

// MoveFeed notes that everything up to a position is delivered, or refused. ErrFenced
// means that another holder has taken over.
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
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n != 1 {
			return errors.Join(ErrFenced, err)
		}
		if refused == nil {
			return nil
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO feed_refusals (feed, pos, id, answer, refused_at) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (feed, pos) DO NOTHING`, texts(name, refused.Pos, refused.ID, refused.Answer, ms(now))...)
		if err != nil {
			return err
		}
		return raise(ctx, tx, Alarm{Kind: "feed.refused", Ref: name, Severity: Major}, now)
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
		return raise(ctx, tx, Alarm{Kind: "feed.failing", Ref: name, Severity: Critical}, now)
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
		err = r.Scan(&f.Name, &f.Position, &f.Holder, &lease, &delivered, &failing, &f.Trouble, &f.Behind, &f.Refused)
		f.LeaseUntil, f.Delivered, f.FailingSince = moment(lease), moment(delivered), moment(failing)
		return f, err
	}, `SELECT name, position, holder, lease_until, delivered_at, failing_since, trouble,
			COALESCE((SELECT value FROM positions WHERE name = 'follow.projector'), 0) - position,
			(SELECT COUNT(*) FROM feed_refusals WHERE feed = feeds.name)
		FROM feeds ORDER BY name`)
	if err != nil {
		return nil, fmt.Errorf("read feeds: %w", err)
	}
	return all, nil
}

// FeedRefusals gives what a back office would not take, oldest first, at most limit.
func (s *Store) FeedRefusals(ctx context.Context, name string, limit int) ([]FeedRefusal, error) {
	all, err := collect(ctx, s.read, func(r *sql.Rows) (f FeedRefusal, err error) {
		var at int64
		err = r.Scan(&f.Pos, &f.ID, &f.Answer, &at)
		f.At = moment(at)
		return f, err
	}, `SELECT pos, id, answer, refused_at FROM feed_refusals WHERE feed = $1 ORDER BY pos LIMIT $2`, name, limit)
	if err != nil {
		return nil, fmt.Errorf("read refusals of %s: %w", name, err)
	}
	return all, nil
}

// ForgetFeedRefusal takes a refused item off the list once it has been delivered after
// all, or a person has settled it.
func (s *Store) ForgetFeedRefusal(ctx context.Context, name string, pos int64) error {
	_, err := s.write.ExecContext(ctx, `DELETE FROM feed_refusals WHERE feed = $1 AND pos = $2`, name, pos)
	if err != nil {
		return fmt.Errorf("forget refusal of %s: %w", name, err)
	}
	return nil
}
