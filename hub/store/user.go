package store

import (
	"context"
	"database/sql"
	"errors"
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
		if err != nil {
			return fmt.Errorf("add user: %w", err)
		}
		if n, err := r.RowsAffected(); err != nil || n == 0 {
			return errors.Join(fmt.Errorf("user %s: %w", name, ErrExists), err)
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

// Audit is one thing that a person did or looked at.
type Audit struct {
	At      time.Time
	User    string
	Action  string // login, login.refused, logout, personal.shown, alarm.cleared
	Subject string // id of what it was done to
	Remote  string // address it came from
}

// AddAudit writes a row that is never changed; its time is the hub's now.
func (s *Store) AddAudit(ctx context.Context, a Audit) error { return audit(ctx, s.write, a, s.now()) }

func audit(ctx context.Context, db asker, a Audit, now time.Time) error {
	_, err := db.ExecContext(ctx, `INSERT INTO audit (id, at, username, action, subject, remote) VALUES ($1, $2, $3, $4, $5, $6)`,
		newID(now), ms(now), a.User, a.Action, a.Subject, a.Remote)
	if err != nil {
		return fmt.Errorf("write audit: %w", err)
	}
	return nil
}

// Audits gives the newest rows about a subject first ("" means about anything).
func (s *Store) Audits(ctx context.Context, subject string, limit int) ([]Audit, error) {
	all, err := collect(ctx, s.read, func(r *sql.Rows) (a Audit, err error) {
		var at int64
		err = r.Scan(&at, &a.User, &a.Action, &a.Subject, &a.Remote)
		a.At = moment(at)
		return a, err
	}, `SELECT at, username, action, subject, remote FROM audit WHERE ($1 = '' OR subject = $1) ORDER BY id DESC LIMIT $2`, subject, limit)
	if err != nil {
		return nil, fmt.Errorf("read audit: %w", err)
	}
	return all, nil
}
