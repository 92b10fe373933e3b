package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"yeban/sync/protocol"
)

// Command is an order of staff to a terminal, and how far it is.
type Command struct {
	protocol.Command
	Kiosk   string
	GivenBy string
	Given   time.Time
	State   protocol.CommandState
	Detail  string    // the terminal's words on State
	Changed time.Time // of State
}

// Unreported stands as the Detail of an order that the hub has closed as interrupted,
// because its terminal began it and did not say how it ended.
const Unreported = "unreported"

// unreportedFor is how long after its expiry an order that was begun may still end.
const unreportedFor = 15 * time.Minute

// Late tells that ExpireCommands would close the order.
func (c *Command) Late(now time.Time) bool {
	switch c.State {
	case protocol.CommandWaiting:
		return !c.Expires.After(now)
	case protocol.CommandBegun:
		return !c.Expires.Add(unreportedFor).After(now)
	}
	return false
}

// GiveCommand notes an order that waits for its terminal, gives it its id, and writes
// down who gave it. ErrExists means that the same order is under way already, ErrNotFound
// that there is no such terminal.
func (s *Store) GiveCommand(ctx context.Context, c Command, remote string) (id string, err error) {
	args, err := json.Marshal(c.Args)
	if err != nil {
		return "", fmt.Errorf("give command: %w", err)
	}
	if len(c.Args) == 0 {
		args = []byte("{}")
	}
	err = s.transact(ctx, func(tx *sql.Tx) error {
		now := s.now()
		// The terminal's row is taken, so that two people who press at once give one order.
		r, err := tx.ExecContext(ctx, `UPDATE kiosks SET name = name WHERE id = $1`, c.Kiosk)
		if err := changed(r, err, ErrNotFound); err != nil {
			return err
		}
		var there int
		err = tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM commands WHERE kiosk = $1 AND state IN ('waiting', 'begun')
			AND name = $2 AND args = $3 AND expires_at > $4`, c.Kiosk, string(c.Name), string(args), ms(now)).Scan(&there)
		if err != nil {
			return err
		}
		if there > 0 {
			return ErrExists
		}
		id = newID(now)
		_, err = tx.ExecContext(ctx, `INSERT INTO commands (id, kiosk, name, args, given_by, given_at, expires_at, state, changed_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $6)`,
			id, c.Kiosk, string(c.Name), string(args), c.GivenBy, ms(now), ms(c.Expires), string(protocol.CommandWaiting))
		if err != nil {
			return err
		}
		return audit(ctx, tx, Audit{User: c.GivenBy, Action: ActionCommandGiven, Subject: id, Remote: remote}, now)
	})
	if err != nil {
		return "", fmt.Errorf("give command to %s: %w", c.Kiosk, err)
	}
	return id, nil
}

// WithdrawCommand takes an order back that its terminal has not been heard to begin, and
// writes down who did. ErrNotFound means that there is no such order, or not any more.
func (s *Store) WithdrawCommand(ctx context.Context, id, user, remote string) error {
	err := s.transact(ctx, func(tx *sql.Tx) error {
		now := s.now()
		r, err := tx.ExecContext(ctx, `UPDATE commands SET state = $2, changed_at = $3 WHERE id = $1 AND state = $4`,
			id, string(protocol.CommandWithdrawn), ms(now), string(protocol.CommandWaiting))
		if err := changed(r, err, ErrNotFound); err != nil {
			return err
		}
		return audit(ctx, tx, Audit{User: user, Action: ActionCommandWithdrawn, Subject: id, Remote: remote}, now)
	})
	if err != nil {
		return fmt.Errorf("withdraw command: %w", err)
	}
	return nil
}

// ReportCommand notes what a terminal says of an order. It is no news when that is known
// already, or overtaken. ErrNotFound means that the terminal has no such order.
//
// Reports only go forward. Where the hub has closed an order for want of word, or somebody
// has withdrawn it, the terminal's word on what it did counts more.
func (s *Store) ReportCommand(ctx context.Context, kiosk string, r protocol.Report) (news bool, err error) {
	err = s.transact(ctx, func(tx *sql.Tx) error {
		var state protocol.CommandState
		var detail string
		err := tx.QueryRowContext(ctx, `UPDATE commands SET state = state WHERE id = $1 AND kiosk = $2 RETURNING state, detail`,
			r.Command, kiosk).Scan(&state, &detail)
		if err != nil {
			return found(err)
		}
		unreported := state == protocol.CommandInterrupted && detail == Unreported
		if news = forward(state, r.State) || unreported && r.State.Ended(); !news {
			return nil
		}
		_, err = tx.ExecContext(ctx, `UPDATE commands SET state = $2, detail = $3, changed_at = $4 WHERE id = $1`,
			texts(r.Command, string(r.State), r.Detail, ms(s.now()))...)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("report of %s on command: %w", kiosk, err)
	}
	return news, nil
}

func forward(from, to protocol.CommandState) bool {
	switch from {
	case protocol.CommandWaiting:
		return to == protocol.CommandBegun || to.Ended()
	case protocol.CommandBegun:
		return to.Ended()
	case protocol.CommandExpired, protocol.CommandWithdrawn:
		return slices.Contains([]protocol.CommandState{protocol.CommandBegun, protocol.CommandDone,
			protocol.CommandFailed, protocol.CommandInterrupted}, to)
	}
	return false
}

const commandColumns = `id, kiosk, name, args, given_by, given_at, expires_at, state, detail, changed_at`

func scanCommand(r *sql.Rows) (c Command, err error) {
	var args string
	var given, expires, changed int64
	err = r.Scan(&c.ID, &c.Kiosk, &c.Name, &args, &c.GivenBy, &given, &expires, &c.State, &c.Detail, &changed)
	if err != nil {
		return c, err
	}
	c.Given, c.Expires, c.Changed = moment(given), moment(expires), moment(changed)
	return c, json.Unmarshal([]byte(args), &c.Args)
}

// PendingCommands gives the orders of all terminals that have not ended, each
// terminal's in the order in which they were given.
func (s *Store) PendingCommands(ctx context.Context) ([]Command, error) {
	all, err := collect(ctx, s.read, scanCommand, `SELECT `+commandColumns+` FROM commands
		WHERE state IN ('waiting', 'begun') ORDER BY kiosk, id`)
	if err != nil {
		return nil, fmt.Errorf("read pending commands: %w", err)
	}
	return all, nil
}

// Commands gives the orders to one terminal, newest first, at most limit.
func (s *Store) Commands(ctx context.Context, kiosk string, limit int) ([]Command, error) {
	all, err := collect(ctx, s.read, scanCommand, `SELECT `+commandColumns+` FROM commands
		WHERE kiosk = $1 ORDER BY id DESC LIMIT $2`, kiosk, limit)
	if err != nil {
		return nil, fmt.Errorf("read commands to %s: %w", kiosk, err)
	}
	return all, nil
}

// ExpireCommands closes what waited too long for its terminal, and what a terminal began and
// has said no more of for too long, and names the terminals.
func (s *Store) ExpireCommands(ctx context.Context) (kiosks []string, err error) {
	now := s.now()
	// The condition on both states is that of the index.
	kiosks, err = collect(ctx, s.write, func(r *sql.Rows) (kiosk string, err error) { return kiosk, r.Scan(&kiosk) },
		`UPDATE commands SET changed_at = $1, state = CASE WHEN state = 'waiting' THEN 'expired' ELSE 'interrupted' END,
			detail = CASE WHEN state = 'waiting' THEN detail ELSE '`+Unreported+`' END
		WHERE state IN ('waiting', 'begun') AND (state = 'waiting' AND expires_at <= $1 OR expires_at <= $2) RETURNING kiosk`,
		ms(now), ms(now.Add(-unreportedFor)))
	if err != nil {
		return nil, fmt.Errorf("close expired commands: %w", err)
	}
	return kiosks, nil
}
