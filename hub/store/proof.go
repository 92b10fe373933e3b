package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"yeban/sync/record"
)

// proofPage is how many entries are read at once.
const proofPage = 500

// Proof is what Prove found of one log.
type Proof struct {
	Kiosk   string      `json:"kiosk"`
	Epoch   string      `json:"epoch"`
	Entries uint64      `json:"entries"` // that hold together, from 1 on
	Last    record.Hash `json:"last"`    // of the last of them
	Have    uint64      `json:"have"`    // what the cursor says
	Broken  *Break      `json:"broken,omitempty"`
}

// Break is the first bad position of a log.
type Break struct {
	Seq   uint64 `json:"seq"`
	Cause string `json:"cause"`
}

// storedLog is a log as its cursor tells it; entries without a cursor are one too.
type storedLog struct {
	kiosk, epoch string
	have         uint64
	hash         string
}

func (s *Store) storedLogs(ctx context.Context, kiosk string) ([]storedLog, error) {
	logs, err := collect(ctx, s.read, func(r *sql.Rows) (l storedLog, err error) {
		var have int64
		err = r.Scan(&l.kiosk, &l.epoch, &have, &l.hash)
		l.have = uint64(have)
		return l, err
	}, `SELECT l.kiosk, l.epoch, COALESCE(c.have, 0), COALESCE(c.have_hash, '')
		FROM (SELECT kiosk, epoch FROM cursors UNION SELECT kiosk, epoch FROM entries) l
		LEFT JOIN cursors c ON c.kiosk = l.kiosk AND c.epoch = l.epoch
		WHERE $1 = '' OR l.kiosk = $1 ORDER BY l.kiosk, c.opened_at, l.epoch`, kiosk)
	if err != nil {
		return nil, fmt.Errorf("read logs: %w", err)
	}
	return logs, nil
}

// Prove walks every log of a terminal ("" means of all) from its first entry to its
// cursor, recomputing each hash, and tells of each what it found. An error means that
// the database could not be read; a broken chain is none.
func (s *Store) Prove(ctx context.Context, kiosk string, tell func(Proof) error) error {
	logs, err := s.storedLogs(ctx, kiosk)
	if err != nil {
		return err
	}
	for _, l := range logs {
		p, err := s.prove(ctx, l, nil)
		if err != nil {
			return err
		}
		if err := tell(p); err != nil {
			return err
		}
	}
	return nil
}

// Export gives every log of a terminal ("" means of all) for auditors. It proves what it
// gives; a log that does not hold together is given up to its break and ends with a
// *BrokenError.
func (s *Store) Export(ctx context.Context, kiosk string, line func(record.ExportLine) error) error {
	logs, err := s.storedLogs(ctx, kiosk)
	if err != nil {
		return err
	}
	for _, l := range logs {
		head := record.ExportedLog{Kiosk: l.kiosk, Last: l.have}
		if err := errors.Join(head.Epoch.UnmarshalText([]byte(l.epoch)), head.LastHash.UnmarshalText([]byte(l.hash))); err != nil {
			return &BrokenError{Proof{Kiosk: l.kiosk, Epoch: l.epoch, Broken: &Break{1, err.Error()}}}
		}
		if err := line(record.ExportLine{Log: &head}); err != nil {
			return err
		}
		p, err := s.prove(ctx, l, func(c *Committed) error {
			blobs, _ := c.Entry.Blobs() // of a header that cannot be read, the entry says all there is
			return line(record.ExportLine{Entry: &c.Entry, Blobs: blobs, Pos: c.Pos, Received: c.Received.UTC(), Committed: c.Committed.UTC()})
		})
		if err != nil {
			return err
		}
		if p.Broken != nil {
			return &BrokenError{p}
		}
	}
	return nil
}

// BrokenError names the first bad position of a log.
type BrokenError struct{ Proof Proof }

func (e *BrokenError) Error() string {
	return fmt.Sprintf("log %s %s is broken at %d: %s", e.Proof.Kiosk, e.Proof.Epoch, e.Proof.Broken.Seq, e.Proof.Broken.Cause)
}

// prove walks one log, giving each entry that holds to do.
func (s *Store) prove(ctx context.Context, l storedLog, do func(*Committed) error) (Proof, error) {
	p := Proof{Kiosk: l.kiosk, Epoch: l.epoch, Have: l.have}
	var epoch record.Epoch
	if err := epoch.UnmarshalText([]byte(l.epoch)); err != nil {
		p.Broken = &Break{1, err.Error()}
		return p, nil
	}
	for {
		n, err := s.provePage(ctx, l, epoch, &p, do)
		if err != nil {
			return p, fmt.Errorf("read log of %s: %w", l.kiosk, err)
		}
		if n < proofPage || p.Broken != nil {
			break
		}
	}
	switch {
	case p.Broken != nil:
	case p.Entries < l.have:
		p.Broken = &Break{p.Entries + 1, fmt.Sprintf("missing, the cursor says %d", l.have)}
	case l.have > 0 && p.Last.String() != l.hash:
		p.Broken = &Break{p.Entries, "the cursor has another hash"}
	default:
		return p, s.proveNothingBehind(ctx, l, &p)
	}
	return p, nil
}

// proveNothingBehind asks in one statement, because the log may be growing.
func (s *Store) proveNothingBehind(ctx context.Context, l storedLog, p *Proof) error {
	var first sql.NullInt64
	err := s.read.QueryRowContext(ctx, `SELECT MIN(seq) FROM entries WHERE kiosk = $1 AND epoch = $2 AND (seq < 1 OR seq >
		(SELECT COALESCE(MAX(have), 0) FROM cursors WHERE kiosk = $1 AND epoch = $2))`, l.kiosk, l.epoch).Scan(&first)
	if err != nil {
		return fmt.Errorf("read log of %s: %w", l.kiosk, err)
	}
	if first.Valid {
		p.Broken = &Break{uint64(max(0, first.Int64)), "stands where the cursor has never been"}
	}
	return nil
}

func (s *Store) provePage(ctx context.Context, l storedLog, epoch record.Epoch, p *Proof, do func(*Committed) error) (n int, err error) {
	found, err := s.read.QueryContext(ctx, `SELECT `+committedColumns+` FROM entries
		WHERE kiosk = $1 AND epoch = $2 AND seq > $3 AND seq <= $4 ORDER BY seq LIMIT $5`,
		l.kiosk, l.epoch, int64(p.Entries), int64(l.have), proofPage)
	if err != nil {
		return 0, err
	}
	defer found.Close()
	for found.Next() {
		n++
		c, err := scanCommitted(found)
		if err == nil {
			err = c.Entry.Follows(epoch, p.Entries, p.Last)
		}
		if err != nil {
			p.Broken = &Break{p.Entries + 1, err.Error()}
			return n, nil
		}
		p.Entries, p.Last = c.Entry.Seq, c.Entry.Hash
		if do != nil {
			if err := do(&c); err != nil {
				return n, err
			}
		}
	}
	return n, found.Err()
}
