package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"yeban/sync/record"
)

// DeviceEvent is a change of a device's condition, as its terminal saw it.
type DeviceEvent struct {
	ID        string
	Kiosk     string
	Device    string // configured name
	Class     string
	State     string
	Paper     string
	Reason    string
	Happened  time.Time // terminal's clock
	Committed time.Time // hub's clock
}

func insertDeviceEvent(ctx context.Context, tx *sql.Tx, c *Committed, d *record.DeviceEvent) (sql.Result, error) {
	return tx.ExecContext(ctx, `
		INSERT INTO device_events (id, kiosk, pos, device, class, state, paper, reason, happened_at, committed_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (id) DO NOTHING`,
		texts(d.ID, c.Kiosk, c.Pos, d.Device, d.Class, d.State, d.Paper, d.Reason, ms(d.Clock.Wall), ms(c.Committed))...)
}

// DeviceEvents gives a terminal's, newest first, at most limit.
func (s *Store) DeviceEvents(ctx context.Context, kiosk string, limit int) ([]DeviceEvent, error) {
	all, err := collect(ctx, s.read, func(r *sql.Rows) (d DeviceEvent, err error) {
		var happened, committed int64
		err = r.Scan(&d.ID, &d.Kiosk, &d.Device, &d.Class, &d.State, &d.Paper, &d.Reason, &happened, &committed)
		d.Happened, d.Committed = moment(happened), moment(committed)
		return d, err
	}, `SELECT id, kiosk, device, class, state, paper, reason, happened_at, committed_at FROM device_events
		WHERE kiosk = $1 ORDER BY pos DESC LIMIT $2`, kiosk, limit)
	if err != nil {
		return nil, fmt.Errorf("device events of %s: %w", kiosk, err)
	}
	return all, nil
}
