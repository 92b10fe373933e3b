package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"yeban/devices"
	"yeban/kiosk/journey"
	"yeban/sync/command"
	"yeban/sync/protocol"
)

// exitRestart is how the program ends when staff have it restarted: the service manager
// takes it for a reason to start it again (EX_TEMPFAIL of sysexits.h).
const exitRestart exitCode = 75

// orders is what staff may have done from afar.
type orders struct {
	reopen  map[string]func()               // by the device's name
	idle    func(ctx context.Context) error // returns between two visits
	restart func()                          // has the program end soon; does not wait for it
	status  func()                          // has STATUS sent
}

func (o orders) actions() map[protocol.CommandName]command.Action {
	names := slices.Sorted(maps.Keys(o.reopen))
	return map[protocol.CommandName]command.Action{
		protocol.CommandReopen: {
			Check: func(args map[string]string) error {
				if o.reopen[args["device"]] == nil {
					return fmt.Errorf("no such device here; there are %s", strings.Join(names, ", "))
				}
				return nil
			},
			Do: func(_ context.Context, args map[string]string) error { o.reopen[args["device"]](); return nil },
		},
		protocol.CommandRestart: {
			Do:   func(ctx context.Context, _ map[string]string) error { return o.idle(ctx) },
			Then: o.restart,
		},
		protocol.CommandStatus: {
			Do: func(context.Context, map[string]string) error { o.status(); return nil },
		},
	}
}

// openOrders opens the notebook of commands. A terminal that cannot keep one takes none;
// that stops no citizen.
func (t *terminal) openOrders() {
	o := orders{
		reopen: t.devices.reopens(),
		idle:   t.awaitIdle,
		restart: func() {
			select {
			case t.restart <- struct{}{}:
			default:
			}
		},
		status: func() { t.link.StatusChanged() },
	}
	notebook, err := command.Open(command.Config{
		Dir: t.cfg.Data, Actions: o.actions(), Now: t.hubTime, Logger: t.logger.With("part", "orders"),
	})
	if err != nil {
		t.logger.Error("no commands are taken", "error", err)
		return
	}
	if aside := notebook.SetAside(); aside != "" {
		t.logger.Error("notebook of commands was damaged and set aside", "file", aside)
	}
	t.orders = notebook
}

// hubTime is the hub's clock, or ours before the hub has told.
func (t *terminal) hubTime() time.Time {
	if t.link != nil {
		if now, known := t.link.HubTime(); known {
			return now
		}
	}
	return time.Now()
}

// idleCheck is how often a printer that still works after its visit is looked at.
const idleCheck = 200 * time.Millisecond

// awaitIdle returns when nobody is served and no receipt is on its way.
func (t *terminal) awaitIdle(ctx context.Context) error {
	for {
		if err := t.visit.await(ctx, journey.Home); err != nil {
			return err
		}
		if t.receipts.Load() == 0 && t.devices.printer.Status().State != devices.DeviceBusy {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(idleCheck):
		}
	}
}

// awaitRestart says whether staff want the program started again. Somebody may have begun
// a visit since the command was done, so it waits once more until nobody is served.
func (t *terminal) awaitRestart(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-t.restart:
	}
	if t.awaitIdle(ctx) != nil {
		return false
	}
	t.logger.Info("ending, to be started again as staff have ordered")
	return true
}

func (t *terminal) closeOrders() error {
	if t.orders == nil {
		return nil
	}
	return t.orders.Close()
}
