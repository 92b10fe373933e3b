package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Severity is how soon somebody must look.
type Severity string

const (
	Critical Severity = "critical"
	Major    Severity = "major"
	Minor    Severity = "minor"
)

// Kinds of alarms, and what their Ref is.
const (
	AlarmTrouble  = "trouble"      // named by a terminal in STATUS; the protocol.Trouble
	alarmParked   = "parked"       // the reason
	alarmConflict = "conflict."    // + ConflictKind; the epoch
	alarmRefused  = "feed.refused" // the feed
	alarmFailing  = "feed.failing" // the feed
)

// Alarm is something that a person has to look at. There is one a terminal, kind and
// Ref; raising it again counts, and opens it again when it was cleared.
type Alarm struct {
	ID        string
	Kiosk     string
	Kind      string // code; its sentence is in the console's messages under "alarm.<kind>"
	Ref       string // what it is about
	Severity  Severity
	Times     int
	Raised    time.Time
	Last      time.Time
	Cleared   time.Time // zero while open
	ClearedBy string
}

func raise(ctx context.Context, db asker, a Alarm, now time.Time) error {
	_, err := db.ExecContext(ctx, `
		INSERT INTO alarms (id, kiosk, kind, ref, severity, times, raised_at, last_at) VALUES ($1, $2, $3, $4, $5, 1, $6, $6)
		ON CONFLICT (kiosk, kind, ref) DO UPDATE SET times = alarms.times + 1, last_at = excluded.last_at,
			raised_at = CASE WHEN alarms.cleared_at > 0 THEN excluded.raised_at ELSE alarms.raised_at END,
			cleared_at = 0, cleared_by = ''`,
		newID(now), a.Kiosk, a.Kind, a.Ref, string(a.Severity), ms(now))
	if err != nil {
		return fmt.Errorf("raise alarm %s of %s: %w", a.Kind, a.Kiosk, err)
	}
	return nil
}

// ClearAlarm closes an open alarm in somebody's name and writes that down. ErrNotFound
// means that there is no such open alarm.
func (s *Store) ClearAlarm(ctx context.Context, id, user, remote string) error {
	return s.transact(ctx, func(tx *sql.Tx) error {
		now := s.now()
		var kiosk string
		err := tx.QueryRowContext(ctx,
			`UPDATE alarms SET cleared_at = $2, cleared_by = $3 WHERE id = $1 AND cleared_at = 0 RETURNING kiosk`,
			id, ms(now), user).Scan(&kiosk)
		if err != nil {
			return fmt.Errorf("clear alarm: %w", found(err))
		}
		return audit(ctx, tx, Audit{User: user, Action: ActionAlarmCleared, Subject: id, Remote: remote}, now)
	})
}

// OpenAlarms gives the alarms that nobody has cleared, newest first, at most limit.
func (s *Store) OpenAlarms(ctx context.Context, limit int) ([]Alarm, error) {
	all, err := collect(ctx, s.read, func(r *sql.Rows) (a Alarm, err error) {
		var raised, last int64
		err = r.Scan(&a.ID, &a.Kiosk, &a.Kind, &a.Ref, &a.Severity, &a.Times, &raised, &last)
		a.Raised, a.Last = moment(raised), moment(last)
		return a, err
	}, `SELECT id, kiosk, kind, ref, severity, times, raised_at, last_at FROM alarms
		WHERE cleared_at = 0 ORDER BY last_at DESC LIMIT $1`, limit)
	if err != nil {
		return nil, fmt.Errorf("read alarms: %w", err)
	}
	return all, nil
}

// Attention is how much waits for a person.
type Attention struct{ Alarms, Parked, Conflicts int }

// CountAttention counts open alarms, parked records and conflicts.
func (s *Store) CountAttention(ctx context.Context) (a Attention, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT
		(SELECT COUNT(*) FROM alarms WHERE cleared_at = 0), (SELECT COUNT(*) FROM parked), (SELECT COUNT(*) FROM conflicts)`).
		Scan(&a.Alarms, &a.Parked, &a.Conflicts)
	if err != nil {
		return a, fmt.Errorf("count what waits: %w", err)
	}
	return a, nil
}
