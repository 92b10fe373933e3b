package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"yeban/devices"
	"yeban/devices/printer"
	"yeban/kiosk/journey"
	"yeban/sync/command"
	"yeban/sync/link"
	"yeban/sync/outbox"
	"yeban/sync/protocol"
)

func TestOrdersOfStaff(t *testing.T) {
	var called []string
	call := func(name string) func() { return func() { called = append(called, name) } }
	o := orders{
		reopen:  map[string]func(){"printer": call("printer"), "idcard": call("idcard")},
		idle:    func(context.Context) error { called = append(called, "idle"); return nil },
		restart: call("restart"), status: call("status"),
	}
	n, err := command.Open(command.Config{Dir: t.TempDir(), Actions: o.actions()})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	for _, c := range []struct {
		name   protocol.CommandName
		args   map[string]string
		state  protocol.CommandState
		called string
	}{
		{protocol.CommandReopen, map[string]string{"device": "printer"}, protocol.CommandDone, "printer"},
		{protocol.CommandReopen, map[string]string{"device": "camera"}, protocol.CommandRefused, ""},
		{protocol.CommandReopen, nil, protocol.CommandRefused, ""},
		{protocol.CommandStatus, nil, protocol.CommandDone, "status"},
		{protocol.CommandRestart, nil, protocol.CommandDone, "idle restart"},
	} {
		called = nil
		if err := n.Take(protocol.Command{ID: ulid.Make().String(), Name: c.name, Args: c.args, Expires: time.Now().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- n.Run(ctx) }()
		var state protocol.CommandState
		for !state.Ended() {
			if r, ok := n.Next(); ok {
				state = r.State
				n.Answered(r)
			}
		}
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(called, " "); state != c.state || got != c.called {
			t.Errorf("%s %v is %s, called %q", c.name, c.args, state, got)
		}
	}
}

func TestRestartWaitsUntilNobodyIsServed(t *testing.T) {
	term, _ := terminalOnBench(t, nil)
	term.visit.set(journey.View{State: journey.Form})
	ended := make(chan bool, 1)
	go func() { ended <- term.awaitRestart(t.Context()) }()
	term.restart <- struct{}{}
	term.visit.set(journey.View{State: journey.Review})
	select {
	case <-ended:
		t.Fatal("in the middle of a visit")
	case <-time.After(50 * time.Millisecond):
	}
	term.visit.set(journey.View{State: journey.Home})
	if !<-ended {
		t.Error("did not end")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if term.awaitRestart(ctx) {
		t.Error("restarts although nobody wants it")
	}
}

// TestRestartWaitsForAReceipt: the citizen has gone, and the receipt waits for a printer that
// works for somebody else.
func TestRestartWaitsForAReceipt(t *testing.T) {
	term, sim := terminalOnBench(t, nil)
	while(t, term.devices.run)
	until(t, "the printer", func() bool { return term.devices.printer.Status().State == devices.Online })
	term.visit.set(journey.View{State: journey.Home})
	lent, back := make(chan struct{}), make(chan struct{})
	go term.devices.printer.Use(t.Context(), func(context.Context, *printer.Printer) error {
		close(lent)
		<-back
		return nil
	})
	<-lent
	printed := make(chan error, 1)
	go func() { printed <- term.receiptPrinter().PrintReceipt(t.Context(), journey.PrintedReceipt{}) }()
	until(t, "a receipt that waits", func() bool { return term.receipts.Load() == 1 })
	ended := make(chan bool, 1)
	term.restart <- struct{}{}
	go func() { ended <- term.awaitRestart(t.Context()) }()
	close(back)
	if !<-ended {
		t.Error("did not end")
	}
	if err := <-printed; err != nil || len(sim.Printer.Receipts()) != 1 {
		t.Errorf("%d receipts, %v", len(sim.Printer.Receipts()), err)
	}
	// Between two commands the printer is not busy for a moment.
	term.receipts.Add(1)
	short, cancel := context.WithTimeout(t.Context(), 2*idleCheck)
	defer cancel()
	if err := term.awaitIdle(short); err == nil {
		t.Error("a receipt that waits would be lost")
	}
}

func TestExitOfARestartIsToldApart(t *testing.T) {
	var code exitCode
	if !errors.As(error(exitRestart), &code) || code != 75 {
		t.Errorf("exit %d", code)
	}
}

func TestTroubles(t *testing.T) {
	for name, c := range map[string]struct {
		f    findings
		want []protocol.Trouble
	}{
		"none":         {findings{}, nil},
		"clock behind": {findings{clock: 61 * time.Second}, []protocol.Trouble{"clock.off"}},
		"clock ahead":  {findings{clock: -61 * time.Second}, []protocol.Trouble{"clock.off"}},
		"clock nearly": {findings{clock: 59 * time.Second}, nil},
		"all": {findings{
			aside: true, clash: true, backup: outbox.Backup{Err: errors.New("x")}, room: outbox.ErrFull,
			blobs: outbox.BlobStats{Lost: 1}, faults: true, clock: time.Hour,
		}, []protocol.Trouble{"outbox.set-aside", "outbox.conflict", "outbox.backup", "outbox.write", "clock.off", "blob.lost", "device.worker"}},
	} {
		if got := c.f.troubles(); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v", name, got)
		}
		s := protocol.Status{Troubles: c.f.troubles()}
		if err := s.Validate(); err != nil {
			t.Error(err)
		}
	}
}

func TestFaultOfOursIsToldForAWhile(t *testing.T) {
	var l lookout
	at := firstLook
	for _, c := range []struct {
		after time.Duration
		count int
		want  bool
	}{{0, 0, false}, {time.Minute, 1, true}, {9 * time.Minute, 1, true}, {time.Minute, 1, false}, {time.Minute, 2, true}} {
		at = at.Add(c.after)
		if got := l.faulty(c.count, at); got != c.want {
			t.Errorf("%d faults at %s: %t", c.count, at, got)
		}
	}
	if !l.changed([]protocol.Trouble{"a"}) || l.changed([]protocol.Trouble{"a"}) || !l.changed(nil) {
		t.Error("changes are not told")
	}
}

func TestStatusNamesTroubles(t *testing.T) {
	term, _ := terminalOnBench(t, func(c *Config) { c.MinFree = 1 << 40 })
	s := term.status()
	if !slices.Contains(s.Troubles, protocol.TroubleWrite) {
		t.Errorf("troubles %v", s.Troubles)
	}
	if err := s.Validate(); err != nil {
		t.Error(err)
	}
	if names := term.devices.reopens(); len(names) != 3 || names[string(devices.IDCard)] == nil {
		t.Errorf("%d devices can be opened anew", len(names))
	}
}

func TestLogSetAsideIsToldUntilTheHubHasHeard(t *testing.T) {
	var data string
	term, _ := terminalOnBench(t, func(c *Config) {
		data = c.Data
		if err := os.MkdirAll(data, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(data, "outbox.db"), []byte("no database\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	})
	told := func() bool { return slices.Contains(term.troubles(nil), protocol.TroubleSetAside) }
	if !told() {
		t.Fatal("not told")
	}
	again := &terminal{cfg: term.cfg, logger: term.logger, devices: term.devices}
	if err := term.box.Close(); err != nil {
		t.Fatal(err)
	}
	if err := again.openOutbox(); err != nil { // after a restart that came before the hub was reached
		t.Fatal(err)
	}
	defer again.box.Close()
	if term = again; !told() {
		t.Error("forgotten over a restart")
	}
	now := time.Now()
	for _, s := range []link.State{{}, {Connected: true, Since: now.Add(-time.Second)}, {Since: now.Add(-time.Hour)}} {
		if err := again.aside.told(s, now); err != nil || !told() {
			t.Errorf("forgotten at %+v, %v", s, err)
		}
	}
	if err := again.aside.told(link.State{Connected: true, Since: now.Add(-time.Hour)}, now); err != nil || told() {
		t.Errorf("still told, %v", err)
	}
}
