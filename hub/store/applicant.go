package store

import (
	"context"
	"database/sql"
	"fmt"
)

// ApplicationsByApplicant gives the newest applications of one person first, at most
// limit. tag is the keyed digest that Application.Applicant holds; an empty one finds
// nothing.
func (s *Store) ApplicationsByApplicant(ctx context.Context, tag string, limit int) ([]Application, error) {
	all, err := collect(ctx, s.read, func(r *sql.Rows) (Application, error) { return scanApplication(r) },
		`SELECT `+applicationColumns+applicationsFrom+` WHERE a.applicant = $1 AND a.applicant <> '' ORDER BY a.pos DESC LIMIT $2`, tag, limit)
	if err != nil {
		return nil, fmt.Errorf("read a person's applications: %w", err)
	}
	return all, nil
}

// Untagged gives the entries of applications that were projected before there were
// tags, at most limit.
func (s *Store) Untagged(ctx context.Context, limit int) ([]Committed, error) {
	all, err := collect(ctx, s.read, func(r *sql.Rows) (Committed, error) { return scanCommitted(r) },
		`SELECT `+committedColumns+` FROM entries WHERE pos IN
			(SELECT pos FROM applications WHERE applicant = '' ORDER BY pos LIMIT $1) ORDER BY pos`, limit)
	if err != nil {
		return nil, fmt.Errorf("read applications without a tag: %w", err)
	}
	return all, nil
}

// Tag gives applications, by their positions, the tags of their applicants.
func (s *Store) Tag(ctx context.Context, tags map[int64]string) error {
	return s.transact(ctx, func(tx *sql.Tx) error {
		for pos, tag := range tags {
			if _, err := tx.ExecContext(ctx, `UPDATE applications SET applicant = $2 WHERE pos = $1 AND applicant = ''`, pos, tag); err != nil {
				return fmt.Errorf("tag applications: %w", err)
			}
		}
		return nil
	})
}
