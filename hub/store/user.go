package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// AddUser stores a person with the hash of their password. ErrExists when the name is
// taken and replace is false; with replace the password changes and all of the person's
// sessions end.
func (s *Store) AddUser(ctx context.Context, name, passwordHash string, replace bool) error {
	return s.transact(ctx, func(tx *sql.Tx) error {
		query := `INSERT INTO users (name, password_hash, created_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING`
		if replace {
			query = `INSERT INTO users (name, password_hash, created_at) VALUES ($1, $2, $3)
				ON CONFLICT (name) DO UPDATE SET password_hash = excluded.password_hash`
		}
		r, err := tx.ExecContext(ctx, query, name, passwordHash, ms(s.now()))
		if err := changed(r, err, ErrExists); err != nil {
			return fmt.Errorf("add user %s: %w", name, err)
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE username = $1`, name); err != nil {
			return fmt.Errorf("end sessions: %w", err)
		}
		return nil
	})
}

// PasswordHash gives what AddUser stored, or ErrNotFound.
func (s *Store) PasswordHash(ctx context.Context, name string) (hash string, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT password_hash FROM users WHERE name = $1`, name).Scan(&hash)
	if err != nil {
		return "", fmt.Errorf("user: %w", found(err))
	}
	return hash, nil
}

// Session is one log-in.
type Session struct {
	User    string
	CSRF    string // what forms of this session must bring along
	Expires time.Time
}

// AddSession stores a session under the digest of its token and forgets expired ones.
func (s *Store) AddSession(ctx context.Context, token string, one Session) error {
	return s.transact(ctx, func(tx *sql.Tx) error {
		now := s.now()
		if _, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE expires_at <= $1`, ms(now)); err != nil {
			return fmt.Errorf("forget old sessions: %w", err)
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO sessions (token_hash, username, csrf, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)`,
			digest(token), one.User, one.CSRF, ms(now), ms(one.Expires))
		if err != nil {
			return fmt.Errorf("add session: %w", err)
		}
		return nil
	})
}

// SessionByToken gives a session that has not expired, or ErrNotFound.
func (s *Store) SessionByToken(ctx context.Context, token string) (one Session, err error) {
	var expires int64
	err = s.read.QueryRowContext(ctx, `SELECT username, csrf, expires_at FROM sessions WHERE token_hash = $1 AND expires_at > $2`,
		digest(token), ms(s.now())).Scan(&one.User, &one.CSRF, &expires)
	one.Expires = moment(expires)
	if err != nil {
		return one, fmt.Errorf("session: %w", found(err))
	}
	return one, nil
}

// EndSession forgets a session.
func (s *Store) EndSession(ctx context.Context, token string) error {
	if _, err := s.write.ExecContext(ctx, `DELETE FROM sessions WHERE token_hash = $1`, digest(token)); err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	return nil
}
