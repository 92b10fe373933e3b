package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"yeban/sync/record"
)

// Claim is what a terminal says of itself and its log when it connects.
type Claim struct {
	Kiosk          string
	Epoch          record.Epoch
	First, Last    uint64 // as in protocol.Hello: First is 0 when nothing is held, Last counts all the same
	Software       string
	CatalogVersion string
	Clock          time.Time // the terminal's wall clock
}

// Attachment is what an accepted connection works under.
type Attachment struct {
	Fence    uint64
	Have     uint64
	HaveHash record.Hash
}

// attached is what became of one Claim.
type attached struct {
	Attachment
	err error // nil, ErrNotFound or *ConflictError
}

// departure is a connection that has ended.
type departure struct {
	kiosk string
	fence uint64
}

// Attach gives a new connection the next fence of its terminal, which puts every older
// connection out of action, and tells where its log resumes. Terminals that come at the
// same time share a transaction.
//
// A *ConflictError means that the log cannot be continued; it has been recorded and
// the fence has moved all the same. ErrNotFound means that there is no such terminal.
func (s *Store) Attach(ctx context.Context, c Claim) (Attachment, error) {
	a, err := s.attaching.ask(ctx, c)
	if err == nil && errors.Is(a.err, ErrNotFound) {
		err = a.err
	}
	if err != nil {
		return Attachment{}, fmt.Errorf("attach %s: %w", c.Kiosk, err)
	}
	return a.Attachment, a.err
}

func (s *Store) attach(ctx context.Context, claims []Claim) (out []attached, err error) {
	err = s.transact(ctx, func(tx *sql.Tx) error {
		now := s.now()
		kiosks := sortedKiosks(claims, func(c Claim) string { return c.Kiosk })
		fences, err := s.hold(ctx, tx, kiosks)
		if err != nil {
			return err
		}
		cursors, err := s.cursorsOf(ctx, tx, kiosks)
		if err != nil {
			return err
		}
		out = make([]attached, len(claims))
		newest := make(map[string]Claim) // of each terminal
		for i, c := range claims {
			fence, known := fences[c.Kiosk]
			if !known {
				out[i].err = ErrNotFound
				continue
			}
			fences[c.Kiosk], newest[c.Kiosk] = fence+1, c
			at := cursors[logName{c.Kiosk, c.Epoch}]
			out[i].Attachment = Attachment{Fence: fence + 1, Have: at.have, HaveHash: at.hash}
			if conflict := c.against(at.have); conflict != nil {
				out[i].err = conflict
				if err := keepConflict(ctx, tx, c.Kiosk, c.Epoch, conflict, nil, now); err != nil {
					return err
				}
			}
		}
		return s.saveClaims(ctx, tx, newest, fences, now)
	})
	return out, err
}

// against tells whether a log can be continued behind what the hub has of it.
func (c *Claim) against(have uint64) *ConflictError {
	switch {
	case c.Last < have:
		return &ConflictError{ConflictBehind, c.Last}
	case c.First > have+1, c.First == 0 && c.Last > have:
		return &ConflictError{ConflictHole, have + 1}
	}
	return nil
}

// saveClaims writes the fences of terminals whose rows are held, and what they say.
func (s *Store) saveClaims(ctx context.Context, tx *sql.Tx, claims map[string]Claim, fences map[string]uint64, now time.Time) error {
	if len(claims) == 0 {
		return nil
	}
	const columns = 6
	var rows []any
	for kiosk, c := range claims {
		rows = append(rows, texts(kiosk, int64(fences[kiosk]), ms(now), c.Clock.Sub(now).Milliseconds(), c.Software, c.CatalogVersion)...)
	}
	// PostgreSQL takes the types of all rows from the first, which no terminal matches.
	_, err := tx.ExecContext(ctx, `UPDATE kiosks SET fence = c.column2, link = 'up', link_since = c.column3, seen_at = c.column3,
			clock_offset_ms = c.column4, software = c.column5, catalog_version = c.column6
		FROM (VALUES (CAST(NULL AS TEXT), CAST(NULL AS BIGINT), CAST(NULL AS BIGINT), CAST(NULL AS BIGINT), CAST(NULL AS TEXT), CAST(NULL AS TEXT)),
			`+s.dialect.values(len(claims), columns)+`) AS c WHERE kiosks.id = c.column1`, rows...)
	if err != nil {
		return fmt.Errorf("save claims: %w", err)
	}
	return nil
}

// Detach notes that the connection with this fence has ended. It does nothing when a
// newer one has taken over. Terminals that go at the same time share a transaction.
func (s *Store) Detach(ctx context.Context, kiosk string, fence uint64) error {
	if _, err := s.detaching.ask(ctx, departure{kiosk, fence}); err != nil {
		return fmt.Errorf("detach %s: %w", kiosk, err)
	}
	return nil
}

func (s *Store) detach(ctx context.Context, all []departure) ([]struct{}, error) {
	err := s.transact(ctx, func(tx *sql.Tx) error {
		fences, err := s.hold(ctx, tx, sortedKiosks(all, func(d departure) string { return d.kiosk }))
		if err != nil {
			return err
		}
		now := ms(s.now())
		var gone []any
		for _, d := range all {
			if fences[d.kiosk] == d.fence {
				gone = append(gone, d.kiosk, now)
			}
		}
		if len(gone) == 0 {
			return nil
		}
		const columns = 2
		_, err = tx.ExecContext(ctx, `UPDATE kiosks SET link = 'down', link_since = d.column2, seen_at = d.column2
			FROM (VALUES (CAST(NULL AS TEXT), CAST(NULL AS BIGINT)), `+s.dialect.values(len(gone)/columns, columns)+`) AS d
			WHERE kiosks.id = d.column1 AND link = 'up'`, gone...)
		if err != nil {
			return fmt.Errorf("save departures: %w", err)
		}
		return nil
	})
	return make([]struct{}, len(all)), err
}

// hold locks the rows of terminals that are about to change, in the order given, and
// reads their fences. A terminal that is not there has none.
func (s *Store) hold(ctx context.Context, tx *sql.Tx, kiosks []any) (map[string]uint64, error) {
	fences := make(map[string]uint64, len(kiosks))
	_, err := collect(ctx, tx, func(r *sql.Rows) (struct{}, error) {
		var kiosk string
		var fence int64
		err := r.Scan(&kiosk, &fence)
		fences[kiosk] = uint64(fence)
		return struct{}{}, err
	}, `SELECT id, fence FROM kiosks WHERE id IN `+s.dialect.values(1, len(kiosks))+` ORDER BY id`+s.dialect.hold, kiosks...)
	if err != nil {
		return nil, fmt.Errorf("read fences: %w", err)
	}
	return fences, nil
}

// cursorsOf reads those of all logs of some terminals.
func (s *Store) cursorsOf(ctx context.Context, tx *sql.Tx, kiosks []any) (map[logName]cursor, error) {
	cursors := make(map[logName]cursor, len(kiosks))
	_, err := collect(ctx, tx, func(r *sql.Rows) (struct{}, error) {
		var name logName
		var epoch, hash string
		var have int64
		if err := r.Scan(&name.kiosk, &epoch, &have, &hash); err != nil {
			return struct{}{}, err
		}
		at := cursor{have: uint64(have)}
		err := errors.Join(name.epoch.UnmarshalText([]byte(epoch)), at.hash.UnmarshalText([]byte(hash)))
		cursors[name] = at
		return struct{}{}, err
	}, `SELECT kiosk, epoch, have, have_hash FROM cursors WHERE kiosk IN `+s.dialect.values(1, len(kiosks)), kiosks...)
	if err != nil {
		return nil, fmt.Errorf("read cursors: %w", err)
	}
	return cursors, nil
}

// sortedKiosks gives each terminal once, in the order in which rows are locked.
func sortedKiosks[T any](all []T, of func(T) string) []any {
	names := make([]string, len(all))
	for i := range all {
		names[i] = of(all[i])
	}
	slices.Sort(names)
	var sorted []any
	for _, name := range slices.Compact(names) {
		sorted = append(sorted, name)
	}
	return sorted
}
