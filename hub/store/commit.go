package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"yeban/sync/record"
)

// Batch is what one terminal sent in one message.
type Batch struct {
	Kiosk    string
	Fence    uint64 // as given by Attach
	Epoch    record.Epoch
	Entries  []record.Entry // consecutive
	Received time.Time
}

// Outcome is what became of one batch. Have is the cursor after it, on stable storage
// whatever Err says: entries before the one that Err speaks of are committed.
type Outcome struct {
	Have  uint64
	Added int
	Err   error // nil, ErrFenced, ErrGap, ErrNotFound (no such terminal) or *ConflictError
}

// Commit writes all batches in one transaction, each entry once and only behind the one
// it names. An entry at a place that is already committed is passed over when it is the
// same, and kept as a conflict when it is not. Outcomes stand in the order of batches.
//
// When the error is not nil nothing was committed and there are no outcomes.
func (s *Store) Commit(ctx context.Context, batches []Batch) ([]Outcome, error) {
	outcomes := make([]Outcome, len(batches))
	err := s.transact(ctx, func(tx *sql.Tx) error {
		c, err := s.newCommit(ctx, tx, batches)
		if err != nil {
			return err
		}
		defer c.close()
		for i := range batches {
			if outcomes[i], err = c.batch(&batches[i]); err != nil {
				return err
			}
		}
		return c.finish()
	})
	if err != nil {
		return nil, fmt.Errorf("commit %d batches: %w", len(batches), err)
	}
	return outcomes, nil
}

type logName struct {
	kiosk string
	epoch record.Epoch
}

type cursor struct {
	have  uint64
	hash  record.Hash
	moved bool
}

// commit is one Commit under way.
type commit struct {
	ctx     context.Context
	tx      *sql.Tx
	insert  *sql.Stmt
	lock    string
	now     time.Time
	pos     int64
	fences  map[string]uint64
	cursors map[logName]*cursor
}

func (s *Store) newCommit(ctx context.Context, tx *sql.Tx, batches []Batch) (*commit, error) {
	c := &commit{
		ctx: ctx, tx: tx, lock: s.dialect.lock, now: s.now(),
		fences: make(map[string]uint64), cursors: make(map[logName]*cursor),
	}
	// Taking the counter's row first makes concurrent hubs commit one after the other,
	// so that a follower never meets a position before a smaller one.
	err := tx.QueryRowContext(ctx, `
		INSERT INTO positions (name, value) VALUES ('entries', 0)
		ON CONFLICT (name) DO UPDATE SET value = positions.value RETURNING value`).Scan(&c.pos)
	if err != nil {
		return nil, fmt.Errorf("take the counter: %w", err)
	}
	c.insert, err = tx.PrepareContext(ctx, `
		INSERT INTO entries (kiosk, epoch, seq, pos, kind, id, at_ms, prev, hash, header,
			wrapped_key, sealed, received_at, committed_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`)
	if err != nil {
		return nil, fmt.Errorf("prepare: %w", err)
	}
	return c, nil
}

func (c *commit) close() { c.insert.Close() }

func (c *commit) batch(b *Batch) (Outcome, error) {
	fence, err := c.fence(b.Kiosk)
	if errors.Is(err, ErrNotFound) {
		return Outcome{Err: ErrNotFound}, nil
	} else if err != nil {
		return Outcome{}, err
	}
	at, err := c.cursor(logName{b.Kiosk, b.Epoch})
	if err != nil {
		return Outcome{}, err
	}
	if b.Fence < fence {
		return Outcome{Have: at.have, Err: ErrFenced}, nil
	}
	var out Outcome
	for i := range b.Entries {
		e := &b.Entries[i]
		added, err := c.entry(b, at, e)
		if added {
			out.Added++
		}
		var conflict *ConflictError
		switch {
		case err == nil:
		case errors.Is(err, ErrGap):
			out.Err = err
		case errors.As(err, &conflict):
			out.Err = err
			if err := keepConflict(c.ctx, c.tx, b.Kiosk, b.Epoch, conflict, e, c.now); err != nil {
				return Outcome{}, err
			}
		default:
			return Outcome{}, err
		}
		if out.Err != nil {
			break
		}
	}
	out.Have = at.have
	return out, nil
}

// entry adds e behind the cursor, or says why not. (false, nil) means that the very
// same entry is there already.
func (c *commit) entry(b *Batch, at *cursor, e *record.Entry) (added bool, err error) {
	if e.Hash != e.Sum(b.Epoch) {
		return false, &ConflictError{ConflictDamaged, e.Seq}
	}
	if e.Seq <= at.have {
		var hash string
		err := c.tx.QueryRowContext(c.ctx, `SELECT hash FROM entries WHERE kiosk = $1 AND epoch = $2 AND seq = $3`,
			b.Kiosk, b.Epoch.String(), int64(e.Seq)).Scan(&hash)
		if err != nil {
			return false, fmt.Errorf("look up entry %d of %s: %w", e.Seq, b.Kiosk, err)
		}
		if hash != e.Hash.String() {
			return false, &ConflictError{ConflictPosition, e.Seq}
		}
		return false, nil
	}
	if e.Seq != at.have+1 {
		return false, fmt.Errorf("entry %d after %d: %w", e.Seq, at.have, ErrGap)
	}
	if e.Prev != at.hash {
		return false, &ConflictError{ConflictChain, e.Seq}
	}
	c.pos++
	_, err = c.insert.ExecContext(c.ctx, b.Kiosk, b.Epoch.String(), int64(e.Seq), c.pos, string(e.Kind), e.ID, e.AtMs,
		e.Prev.String(), e.Hash.String(), blob(e.Header), blob(e.Key), blob(e.Sealed), ms(b.Received), ms(c.now))
	if err != nil {
		return false, fmt.Errorf("insert entry %d of %s: %w", e.Seq, b.Kiosk, err)
	}
	at.have, at.hash, at.moved = e.Seq, e.Hash, true
	return true, nil
}

// fence reads a terminal's fence once a transaction.
func (c *commit) fence(kiosk string) (uint64, error) {
	if fence, ok := c.fences[kiosk]; ok {
		return fence, nil
	}
	var fence int64
	err := c.tx.QueryRowContext(c.ctx, `SELECT fence FROM kiosks WHERE id = $1`+c.lock, kiosk).Scan(&fence)
	if err != nil {
		return 0, fmt.Errorf("fence of %s: %w", kiosk, found(err))
	}
	c.fences[kiosk] = uint64(fence)
	return uint64(fence), nil
}

func (c *commit) cursor(name logName) (*cursor, error) {
	if at, ok := c.cursors[name]; ok {
		return at, nil
	}
	have, hash, err := readCursor(c.ctx, c.tx, name.kiosk, name.epoch)
	if err != nil {
		return nil, err
	}
	at := &cursor{have: have, hash: hash}
	c.cursors[name] = at
	return at, nil
}

// finish moves the cursors and the counter.
func (c *commit) finish() error {
	for name, at := range c.cursors {
		if !at.moved {
			continue
		}
		_, err := c.tx.ExecContext(c.ctx, `
			INSERT INTO cursors (kiosk, epoch, have, have_hash, opened_at, moved_at) VALUES ($1, $2, $3, $4, $5, $5)
			ON CONFLICT (kiosk, epoch) DO UPDATE
			SET have = excluded.have, have_hash = excluded.have_hash, moved_at = excluded.moved_at`,
			name.kiosk, name.epoch.String(), int64(at.have), at.hash.String(), ms(c.now))
		if err != nil {
			return fmt.Errorf("move cursor of %s: %w", name.kiosk, err)
		}
	}
	_, err := c.tx.ExecContext(c.ctx, `UPDATE positions SET value = $1 WHERE name = 'entries'`, c.pos)
	if err != nil {
		return fmt.Errorf("move the counter: %w", err)
	}
	return nil
}

// readCursor gives zeros for a log that has no entry yet.
func readCursor(ctx context.Context, db asker, kiosk string, epoch record.Epoch) (have uint64, hash record.Hash, err error) {
	var n int64
	var text string
	err = db.QueryRowContext(ctx, `SELECT have, have_hash FROM cursors WHERE kiosk = $1 AND epoch = $2`,
		kiosk, epoch.String()).Scan(&n, &text)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, record.Hash{}, nil
	}
	if err != nil {
		return 0, hash, fmt.Errorf("cursor of %s: %w", kiosk, err)
	}
	if err := hash.UnmarshalText([]byte(text)); err != nil {
		return 0, hash, fmt.Errorf("cursor of %s: %w", kiosk, err)
	}
	return uint64(n), hash, nil
}

// blob keeps an empty part from becoming NULL.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
