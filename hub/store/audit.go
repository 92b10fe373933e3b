package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Action is what a person did.
type Action string

const (
	ActionLogin            Action = "login"
	ActionLoginRefused     Action = "login.refused"
	ActionLogout           Action = "logout"
	ActionPersonalShown    Action = "personal.shown"
	ActionAlarmCleared     Action = "alarm.cleared"
	ActionCommandGiven     Action = "command.given"
	ActionCommandWithdrawn Action = "command.withdrawn"
)

// Audit is one thing that a person did or looked at.
type Audit struct {
	At      time.Time
	User    string
	Action  Action
	Subject string // id of what it was done to
	Remote  string // address it came from
}

// AddAudit writes a row that is never changed; its time is the hub's now.
func (s *Store) AddAudit(ctx context.Context, a Audit) error { return audit(ctx, s.write, a, s.now()) }

func audit(ctx context.Context, db asker, a Audit, now time.Time) error {
	_, err := db.ExecContext(ctx, `INSERT INTO audit (id, at, username, action, subject, remote) VALUES ($1, $2, $3, $4, $5, $6)`,
		newID(now), ms(now), a.User, string(a.Action), a.Subject, a.Remote)
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
