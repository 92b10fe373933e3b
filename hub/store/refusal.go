package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// FeedRefusal is an item that a back office would not take.
type FeedRefusal struct {
	Pos    int64
	ID     string // of the record
	Answer string // what it said, cut short; no personal data
	At     time.Time
	Again  bool // is about to be delivered once more
}

// refuse sets an item down for a person.
func refuse(ctx context.Context, tx *sql.Tx, feed string, r *FeedRefusal, now time.Time) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO feed_refusals (feed, pos, id, answer, refused_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (feed, pos) DO UPDATE SET answer = excluded.answer, refused_at = excluded.refused_at, again = 0`,
		texts(feed, r.Pos, r.ID, r.Answer, ms(now))...)
	if err != nil {
		return fmt.Errorf("keep refusal: %w", err)
	}
	return raise(ctx, tx, Alarm{Kind: alarmRefused, Ref: feed, Severity: Major}, now)
}

// FeedRefusals gives what a back office would not take, oldest first, at most limit.
func (s *Store) FeedRefusals(ctx context.Context, name string, limit int) ([]FeedRefusal, error) {
	all, err := collect(ctx, s.read, func(r *sql.Rows) (f FeedRefusal, err error) {
		var at int64
		var again int
		err = r.Scan(&f.Pos, &f.ID, &f.Answer, &at, &again)
		f.At, f.Again = moment(at), again == 1
		return f, err
	}, `SELECT pos, id, answer, refused_at, again FROM feed_refusals WHERE feed = $1 ORDER BY pos LIMIT $2`, name, limit)
	if err != nil {
		return nil, fmt.Errorf("read refusals of %s: %w", name, err)
	}
	return all, nil
}

// RetryRefusals has a feed deliver refused records once more, by their ids; without any,
// all that it has. It says how many. ErrNotFound means that one of them was not refused, and
// that none is tried.
func (s *Store) RetryRefusals(ctx context.Context, feed string, ids ...string) (n int64, err error) {
	if n, err = s.changeRefusals(ctx, `UPDATE feed_refusals SET again = 1`, feed, ids); err != nil {
		return 0, fmt.Errorf("try refused records of %s again: %w", feed, err)
	}
	return n, nil
}

// ForgetRefusals takes refused records off the list that a person has settled in another
// way. Otherwise it is as RetryRefusals. With the last one the alarm ends.
func (s *Store) ForgetRefusals(ctx context.Context, feed string, ids ...string) (n int64, err error) {
	if n, err = s.changeRefusals(ctx, `DELETE FROM feed_refusals`, feed, ids); err != nil {
		return 0, fmt.Errorf("forget refused records of %s: %w", feed, err)
	}
	return n, nil
}

// changeRefusals runs a statement, to which it adds the condition, for each id or for all.
func (s *Store) changeRefusals(ctx context.Context, change, feed string, ids []string) (n int64, err error) {
	err = s.transact(ctx, func(tx *sql.Tx) error {
		if len(ids) == 0 {
			r, err := tx.ExecContext(ctx, change+` WHERE feed = $1`, feed)
			if err != nil {
				return err
			}
			if n, err = r.RowsAffected(); err != nil {
				return err
			}
		}
		for _, id := range ids {
			r, err := tx.ExecContext(ctx, change+` WHERE feed = $1 AND id = $2`, feed, id)
			if err := changed(r, err, fmt.Errorf("record %s: %w", id, ErrNotFound)); err != nil {
				return err
			}
			n++
		}
		return clearRefused(ctx, tx, feed, s.now())
	})
	return n, err
}

// clearFailing ends the alarm of a feed that has got through.
func clearFailing(ctx context.Context, tx *sql.Tx, feed string, now time.Time) error {
	return clearFeed(ctx, tx, feed, alarmFailing, now, "")
}

// clearRefused ends the alarm where nothing is left that it is about.
func clearRefused(ctx context.Context, tx *sql.Tx, feed string, now time.Time) error {
	return clearFeed(ctx, tx, feed, alarmRefused, now, ` AND NOT EXISTS (SELECT 1 FROM feed_refusals WHERE feed = $1)`)
}

func clearFeed(ctx context.Context, tx *sql.Tx, feed, kind string, now time.Time, where string) error {
	_, err := tx.ExecContext(ctx, `UPDATE alarms SET cleared_at = $3, cleared_by = '' WHERE kiosk = '' AND kind = $2 AND ref = $1
		AND cleared_at = 0`+where, feed, kind, ms(now))
	if err != nil {
		return fmt.Errorf("clear alarm of feed %s: %w", feed, err)
	}
	return nil
}

// FeedAgain gives what a feed delivers out of its turn, in the order of commits, at most
// limit.
func (s *Store) FeedAgain(ctx context.Context, name string, limit int) ([]FeedItem, error) {
	items, err := collect(ctx, s.read, scanFeedItem, feedItems+`
		WHERE e.pos IN (SELECT pos FROM feed_refusals WHERE feed = $1 AND again = 1) ORDER BY e.pos LIMIT $2`, name, limit)
	if err != nil {
		return nil, fmt.Errorf("read what %s delivers again: %w", name, err)
	}
	return items, nil
}

// SettleAgain notes what became of an item that FeedAgain gave: delivered, or refused once
// more. With the last one delivered, the alarm ends. ErrFenced means that another holder has
// taken over.
func (s *Store) SettleAgain(ctx context.Context, name, holder string, pos int64, refused *FeedRefusal) error {
	err := s.transact(ctx, func(tx *sql.Tx) error {
		now := s.now()
		query, args := `UPDATE feeds SET failing_since = 0, trouble = '' WHERE name = $1 AND holder = $2`, []any{name, holder}
		if refused == nil {
			query = `UPDATE feeds SET failing_since = 0, trouble = '', delivered_at = $3 WHERE name = $1 AND holder = $2`
			args = append(args, ms(now))
		}
		r, err := tx.ExecContext(ctx, query, args...)
		if err := changed(r, err, ErrFenced); err != nil {
			return err
		}
		if err := clearFailing(ctx, tx, name, now); err != nil {
			return err
		}
		if refused != nil {
			return refuse(ctx, tx, name, refused, now)
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM feed_refusals WHERE feed = $1 AND pos = $2`, name, pos); err != nil {
			return err
		}
		return clearRefused(ctx, tx, name, now)
	})
	if err != nil {
		return fmt.Errorf("settle record at %d of feed %s: %w", pos, name, err)
	}
	return nil
}
