package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"yeban/sync/record"
)

// Batch is what one terminal sent in one message.
type Batch struct {
	Kiosk    string
	Fence    uint64 // as given by Attach
	Epoch    record.Epoch
	Entries  []record.Entry // consecutive
	Whole    bool           // each entry's hash was found right; otherwise Commit looks
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
	rows    []any     // of entries, entryColumns each, not written yet
	many    *sql.Stmt // insertLocal, once it was needed
	local   bool      // see dialect
	now     time.Time
	pos     int64
	fences  map[string]uint64
	cursors map[logName]*cursor
}

func (s *Store) newCommit(ctx context.Context, tx *sql.Tx, batches []Batch) (*commit, error) {
	c := &commit{
		ctx: ctx, tx: tx, local: s.dialect.local, now: s.now(),
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
	return c, c.load(s, sortedKiosks(batches, func(b Batch) string { return b.Kiosk }))
}

// load locks the terminals' rows and reads their fences and cursors, with one statement
// each: a round trip to a server costs as much as several rows do.
func (c *commit) load(s *Store, kiosks []any) error {
	if len(kiosks) == 0 {
		return nil
	}
	_, err := collect(c.ctx, c.tx, func(r *sql.Rows) (struct{}, error) {
		var kiosk string
		var fence int64
		err := r.Scan(&kiosk, &fence)
		c.fences[kiosk] = uint64(fence)
		return struct{}{}, err
	}, `SELECT id, fence FROM kiosks WHERE id IN `+s.dialect.values(1, len(kiosks))+` ORDER BY id`+s.dialect.lock, kiosks...)
	if err != nil {
		return fmt.Errorf("read fences: %w", err)
	}
	cursors, err := s.cursorsOf(c.ctx, c.tx, kiosks)
	if err != nil {
		return err
	}
	for name, at := range cursors {
		c.cursors[name] = &at
	}
	return nil
}

const (
	entryColumns = 14
	localRows    = 12 // written with one statement
	serverRows   = 64 // likewise, where each statement is a way there and back
	insertInto   = `INSERT INTO entries (kiosk, epoch, seq, pos, kind, id, at_ms, prev, hash, header,
		wrapped_key, sealed, received_at, committed_at) VALUES `
)

// The statements that run many times in a large group.
var (
	insertLocal  = insertInto + bareValues(localRows, entryColumns)
	insertServer = insertInto + values(serverRows, entryColumns)
)

// bareValues gives n rows of so many placeholders without numbers.
func bareValues(n, columns int) string {
	row := "(" + strings.Repeat("?, ", columns-1) + "?)"
	return strings.Repeat(row+", ", n-1) + row
}

// values gives n rows of so many placeholders, numbered from 1; one row is a list.
func values(n, columns int) string {
	var q strings.Builder
	for i := range n * columns {
		switch {
		case i == 0:
			q.WriteByte('(')
		case i%columns == 0:
			q.WriteString("), (")
		default:
			q.WriteString(", ")
		}
		fmt.Fprintf(&q, "$%d", i+1)
	}
	q.WriteByte(')')
	return q.String()
}

// insert writes a row soon; flush does at once.
func (c *commit) insert(row ...any) error {
	most := serverRows
	if c.local {
		most = localRows
	}
	if c.rows = append(c.rows, row...); len(c.rows) < most*entryColumns {
		return nil
	}
	return c.flush()
}

func (c *commit) flush() error {
	if len(c.rows) == 0 {
		return nil
	}
	err := c.write(len(c.rows) / entryColumns)
	if c.rows = c.rows[:0]; err != nil {
		return fmt.Errorf("insert entries: %w", err)
	}
	return nil
}

// write runs the statement for all rows.
func (c *commit) write(rows int) (err error) {
	switch {
	case c.local && rows == localRows:
		if c.many == nil { // closed with the transaction
			if c.many, err = c.tx.PrepareContext(c.ctx, insertLocal); err != nil {
				return err
			}
		}
		_, err = c.many.ExecContext(c.ctx, c.rows...)
	case rows == serverRows:
		_, err = c.tx.ExecContext(c.ctx, insertServer, c.rows...)
	default:
		_, err = c.tx.ExecContext(c.ctx, insertInto+values(rows, entryColumns), c.rows...)
	}
	return err
}

func (c *commit) batch(b *Batch) (Outcome, error) {
	fence, known := c.fences[b.Kiosk]
	if !known {
		return Outcome{Err: ErrNotFound}, nil
	}
	at := c.cursor(logName{b.Kiosk, b.Epoch})
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
	if !b.Whole && e.Hash != e.Sum(b.Epoch) {
		return false, &ConflictError{ConflictDamaged, e.Seq}
	}
	if e.Seq <= at.have {
		if err := c.flush(); err != nil {
			return false, err
		}
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
	err = c.insert(b.Kiosk, b.Epoch.String(), int64(e.Seq), c.pos, string(e.Kind), e.ID, e.AtMs,
		e.Prev.String(), e.Hash.String(), blob(e.Header), blob(e.Key), blob(e.Sealed), ms(b.Received), ms(c.now))
	if err != nil {
		return false, err
	}
	at.have, at.hash, at.moved = e.Seq, e.Hash, true
	return true, c.noteBlobs(b.Kiosk, e)
}

// cursor is zeros for a log that has no entry yet.
func (c *commit) cursor(name logName) *cursor {
	at := c.cursors[name]
	if at == nil {
		at = new(cursor)
		c.cursors[name] = at
	}
	return at
}

// finish writes what is left, and moves the cursors and the counter.
func (c *commit) finish() error {
	if err := c.flush(); err != nil {
		return err
	}
	const columns = 6
	var moved []any
	for name, at := range c.cursors {
		if at.moved {
			now := ms(c.now)
			moved = append(moved, name.kiosk, name.epoch.String(), int64(at.have), at.hash.String(), now, now)
		}
	}
	for some := range slices.Chunk(moved, 25*columns) {
		_, err := c.tx.ExecContext(c.ctx, `
			INSERT INTO cursors (kiosk, epoch, have, have_hash, opened_at, moved_at) VALUES `+values(len(some)/columns, columns)+`
			ON CONFLICT (kiosk, epoch) DO UPDATE
			SET have = excluded.have, have_hash = excluded.have_hash, moved_at = excluded.moved_at`, some...)
		if err != nil {
			return fmt.Errorf("move cursors: %w", err)
		}
	}
	_, err := c.tx.ExecContext(c.ctx, `UPDATE positions SET value = $1 WHERE name = 'entries'`, c.pos)
	if err != nil {
		return fmt.Errorf("move the counter: %w", err)
	}
	return nil
}

// blob keeps an empty part from becoming NULL.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
