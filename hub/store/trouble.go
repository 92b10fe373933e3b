package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"yeban/sync/protocol"
)

// severityOf says how soon somebody must look after a trouble.
func severityOf(t protocol.Trouble) Severity {
	switch t {
	case protocol.TroubleSetAside, protocol.TroubleConflict, protocol.TroubleWrite, protocol.TroubleBlob:
		return Critical
	case protocol.TroubleClock:
		return Minor
	}
	return Major
}

// stays tells a trouble of the past: it does not end when the terminal no longer names
// it, and a person who has cleared it hears no more of it while the terminal still does.
func stays(t protocol.Trouble) bool {
	return t == protocol.TroubleSetAside || t == protocol.TroubleConflict
}

// maxTroubles bounds how many alarms one terminal can raise by inventing troubles.
const maxTroubles = 32

// troubleOther stands for those beyond.
const troubleOther protocol.Trouble = "other"

// troubleAlarm is an alarm that may have to change.
type troubleAlarm struct {
	kiosk    string
	what     protocol.Trouble
	open     bool
	standing bool // named by the STATUS before
}

// troubles raises an alarm for each trouble that a terminal has come to name, and clears
// those that it no longer names. An alarm that a person has cleared comes back while
// the terminal goes on naming its cause.
func troubles(ctx context.Context, tx *sql.Tx, all []Condition, now time.Time) error {
	known, err := collect(ctx, tx, func(r *sql.Rows) (a troubleAlarm, err error) {
		return a, r.Scan(&a.kiosk, &a.what, &a.open, &a.standing)
	}, `SELECT kiosk, ref, cleared_at = 0, standing = 1 FROM alarms
		WHERE kind = '`+AlarmTrouble+`' AND (cleared_at = 0 OR standing = 1)`)
	if err != nil {
		return fmt.Errorf("read troubles: %w", err)
	}
	before := make(map[string][]troubleAlarm)
	for _, a := range known {
		before[a.kiosk] = append(before[a.kiosk], a)
	}
	for _, c := range all {
		if err := troublesOf(ctx, tx, c.Kiosk, c.Troubles, before[c.Kiosk], now); err != nil {
			return err
		}
	}
	return nil
}

// troublesOf brings one terminal's alarms into line with what it names.
func troublesOf(ctx context.Context, tx *sql.Tx, kiosk string, named []protocol.Trouble, before []troubleAlarm, now time.Time) error {
	for _, t := range named {
		i := slices.IndexFunc(before, func(a troubleAlarm) bool { return a.what == t })
		switch {
		case i >= 0 && before[i].standing && (before[i].open || stays(t)):
			continue
		case i < 0:
			var err error
			if t, err = bounded(ctx, tx, kiosk, t); err != nil {
				return err
			}
		}
		err := raise(ctx, tx, Alarm{Kiosk: kiosk, Kind: AlarmTrouble, Ref: string(t), Severity: severityOf(t)}, now)
		if err == nil {
			err = setStanding(ctx, tx, kiosk, t, true)
		}
		if err != nil {
			return err
		}
	}
	for _, a := range before {
		if slices.Contains(named, a.what) {
			continue
		}
		if a.open && !stays(a.what) {
			_, err := tx.ExecContext(ctx, `UPDATE alarms SET cleared_at = $4, cleared_by = '' WHERE kiosk = $1 AND kind = $2 AND ref = $3`,
				kiosk, AlarmTrouble, string(a.what), ms(now))
			if err != nil {
				return fmt.Errorf("clear trouble of %s: %w", kiosk, err)
			}
		}
		if a.standing {
			if err := setStanding(ctx, tx, kiosk, a.what, false); err != nil {
				return err
			}
		}
	}
	return nil
}

// bounded gives a trouble under which an alarm may be raised.
func bounded(ctx context.Context, tx *sql.Tx, kiosk string, t protocol.Trouble) (protocol.Trouble, error) {
	var there, others int
	err := tx.QueryRowContext(ctx, `SELECT COALESCE(SUM(CASE WHEN ref = $2 THEN 1 ELSE 0 END), 0), COUNT(*) FROM alarms
		WHERE kiosk = $1 AND kind = '`+AlarmTrouble+`'`, kiosk, string(t)).Scan(&there, &others)
	if err != nil {
		return t, fmt.Errorf("count troubles of %s: %w", kiosk, err)
	}
	if there == 0 && others >= maxTroubles {
		return troubleOther, nil
	}
	return t, nil
}

func setStanding(ctx context.Context, tx *sql.Tx, kiosk string, t protocol.Trouble, standing bool) error {
	_, err := tx.ExecContext(ctx, `UPDATE alarms SET standing = $4 WHERE kiosk = $1 AND kind = $2 AND ref = $3`,
		kiosk, AlarmTrouble, string(t), flag(standing))
	if err != nil {
		return fmt.Errorf("note trouble of %s: %w", kiosk, err)
	}
	return nil
}
