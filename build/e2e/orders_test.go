package e2e

import (
	"errors"
	"maps"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"yeban/build/stage"
	"yeban/hub/store"
	"yeban/sync/protocol"
)

// exitRestart is what the kiosk ends with when it was told to be started again.
const exitRestart = 75

// TestOrdersReachTheTerminal gives a terminal three orders and starts it again after the
// last, as its service manager would.
func TestOrdersReachTheTerminal(t *testing.T) {
	h := newHall(t, nil)
	h.start(h.StartHub, h.StartBench, h.StartKiosk)
	h.must(h.citizen.AwaitState(h.ctx, "home"))
	st, err := store.Open(h.ctx, "sqlite:"+filepath.Join(h.Dir(), "hub", "hub.db"), nil)
	h.must(err)
	defer st.Close()
	want := map[string]protocol.CommandState{}
	give := func(name protocol.CommandName, args map[string]string, end protocol.CommandState) {
		id, err := st.GiveCommand(h.ctx, store.Command{Kiosk: stage.KioskID, GivenBy: stage.User,
			Command: protocol.Command{Name: name, Args: args, Expires: time.Now().Add(time.Hour)}}, "::1")
		h.must(err)
		want[id] = end
	}
	give(protocol.CommandReopen, map[string]string{"device": "printer"}, protocol.CommandDone)
	give(protocol.CommandReopen, map[string]string{"device": "camera"}, protocol.CommandRefused)
	give(protocol.CommandRestart, nil, protocol.CommandDone)
	select {
	case <-h.Kiosk.Done():
	case <-h.ctx.Done():
		t.Fatal("the kiosk was to end, and runs on")
	}
	var exit *exec.ExitError
	if !errors.As(h.Kiosk.Err(), &exit) || exit.ExitCode() != exitRestart {
		t.Errorf("the kiosk ended with %v", h.Kiosk.Err())
	}
	h.start(h.StartKiosk)
	for {
		all, err := st.Commands(h.ctx, stage.KioskID, 10)
		h.must(err)
		got := map[string]protocol.CommandState{}
		for _, c := range all {
			got[c.ID] = c.State
		}
		if maps.Equal(got, want) {
			break
		}
		select {
		case <-h.ctx.Done():
			t.Fatalf("orders are %v, want %v", got, want)
		case <-time.After(100 * time.Millisecond):
		}
	}
	h.must(h.citizen.AwaitState(h.ctx, "home"))
}
