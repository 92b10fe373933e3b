package intake

import (
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"yeban/hub/bus"
	"yeban/hub/store"
	"yeban/sync/protocol"
)

func (h *hub) give(kiosk string, name protocol.CommandName, expires time.Time) string {
	h.t.Helper()
	id, err := h.store.GiveCommand(h.t.Context(), store.Command{Kiosk: kiosk, GivenBy: "li",
		Command: protocol.Command{Name: name, Args: map[string]string{"device": "printer"}, Expires: expires}}, "::1")
	if err != nil {
		h.t.Fatal(err)
	}
	return id
}

// command waits for a COMMAND.
func (c *terminal) command() (got protocol.Command) {
	c.t.Helper()
	f := c.next()
	if f.Type != protocol.Event || f.Method != protocol.MethodCommand {
		c.t.Fatalf("got %v %s %s, want COMMAND", f.Type, f.Method, f.Body)
	}
	if err := f.Decode(&got); err != nil {
		c.t.Fatal(err)
	}
	return got
}

// result waits for the answer to a call.
func (c *terminal) result() protocol.Frame {
	c.t.Helper()
	f := c.next()
	if f.Type != protocol.Result {
		c.t.Fatalf("got %v %s %s, want a result", f.Type, f.Method, f.Body)
	}
	return f
}

// declined waits for the answer to a call that is refused, while the conversation goes on.
func (c *terminal) declined(want protocol.FaultCode) {
	c.t.Helper()
	f := c.next()
	var fault protocol.Fault
	if f.Type != protocol.Error || f.ID != "1" || f.Decode(&fault) != nil || fault.Code != want {
		c.t.Fatalf("got %v %s %s, want %s", f.Type, f.Method, f.Body, want)
	}
}

func (c *terminal) report(id string, state protocol.CommandState) {
	c.t.Helper()
	c.call(protocol.MethodReport, &protocol.Report{Command: id, State: state, At: time.Now()})
}

func (h *hub) state(kiosk, id string) protocol.CommandState {
	h.t.Helper()
	all, err := h.store.Commands(h.t.Context(), kiosk, 100)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, c := range all {
		if c.ID == id {
			return c.State
		}
	}
	return ""
}

func TestAnOrderIsSentUntilItHasEnded(t *testing.T) {
	h := startHub(t, Config{OrdersEvery: time.Hour}, nil)
	soon := time.Now().Add(time.Hour)
	first := h.give("hall-1", protocol.CommandReopen, soon)
	h.give("hall-2", protocol.CommandReopen, soon) // is nobody else's affair

	c, _ := h.connect("hall-1", 0, 0)
	if got := c.command(); got.ID != first || got.Name != protocol.CommandReopen || got.Args["device"] != "printer" || !got.Expires.Equal(soon.Truncate(time.Millisecond)) {
		t.Fatalf("got %+v", got)
	}
	c.report(first, protocol.CommandBegun)
	c.result()
	if got := h.state("hall-1", first); got != protocol.CommandBegun {
		t.Errorf("after the result it is %s", got)
	}
	second := h.give("hall-1", protocol.CommandStatus, soon)
	h.server.bus.Hint(bus.Command("hall-1"))
	if got := c.command(); got.ID != second {
		t.Errorf("got %s, want the new one alone", got.ID)
	}
	c.Close(websocket.CloseNormalClosure, "")

	c, _ = h.connect("hall-1", 0, 0)
	if a, b := c.command(), c.command(); a.ID != first || b.ID != second {
		t.Errorf("on the next connection %s and %s", a.ID, b.ID)
	}
	c.report(first, protocol.CommandDone)
	c.result()
	c.report(first, protocol.CommandDone) // the result was lost on the way
	c.result()
	c.report(first, protocol.CommandBegun) // and one is late
	c.result()
	if got := h.state("hall-1", first); got != protocol.CommandDone {
		t.Errorf("it ended, and is %s", got)
	}
	c.Close(websocket.CloseNormalClosure, "")
	c, _ = h.connect("hall-1", 0, 0)
	if got := c.command(); got.ID != second {
		t.Errorf("an ended order came again: %s", got.ID)
	}
}

func TestALostHintDelaysAnOrderOnly(t *testing.T) {
	h := startHub(t, Config{OrdersEvery: 20 * time.Millisecond}, nil)
	c, _ := h.connect("hall-1", 0, 0)
	id := h.give("hall-1", protocol.CommandStatus, time.Now().Add(time.Hour))
	if got := c.command(); got.ID != id {
		t.Errorf("got %s", got.ID)
	}
}

func TestAReportOnAnothersOrderIsRefused(t *testing.T) {
	h := startHub(t, Config{}, nil)
	id := h.give("hall-2", protocol.CommandRestart, time.Now().Add(time.Hour))
	c, _ := h.connect("hall-1", 0, 0)
	c.report(id, protocol.CommandDone)
	c.declined(protocol.FaultBadFrame)
	c.report("01NOSUCH", protocol.CommandDone)
	c.declined(protocol.FaultBadFrame)
	if got := h.state("hall-2", id); got != protocol.CommandWaiting {
		t.Errorf("it is %s", got)
	}
	c.report(id, protocol.CommandWithdrawn) // which is not a kiosk's to say
	c.fault(protocol.FaultBadFrame)
}

func TestAnOrderThatWasBegunAndForgottenIsClosed(t *testing.T) {
	h := startHub(t, Config{OrdersEvery: 20 * time.Millisecond}, nil)
	hints := make(chan string, 64)
	stop, err := h.server.bus.Listen(bus.AnyStatus, func(s string) { hints <- s })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	id := h.give("hall-1", protocol.CommandRestart, time.Now().Add(-time.Hour))
	if _, err := h.store.ReportCommand(t.Context(), "hall-1", protocol.Report{Command: id, State: protocol.CommandBegun}); err != nil {
		t.Fatal(err)
	}
	limit := time.After(patience)
	for h.state("hall-1", id) != protocol.CommandInterrupted {
		select {
		case <-hints:
		case <-limit:
			t.Fatalf("it is %s", h.state("hall-1", id))
		}
	}
}

func TestAnOrderThatNobodyFetchesIsClosed(t *testing.T) {
	h := startHub(t, Config{OrdersEvery: 20 * time.Millisecond}, nil)
	hints := make(chan string, 64)
	stop, err := h.server.bus.Listen(bus.AnyStatus, func(s string) { hints <- s })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	id := h.give("hall-1", protocol.CommandRestart, time.Now().Add(-time.Second))
	limit := time.After(patience)
	for h.state("hall-1", id) != protocol.CommandExpired {
		select {
		case <-hints:
		case <-limit:
			t.Fatalf("it is %s", h.state("hall-1", id))
		}
	}
	live := h.give("hall-1", protocol.CommandStatus, time.Now().Add(time.Hour))
	c, _ := h.connect("hall-1", 0, 0)
	if got := c.command(); got.ID != live {
		t.Error("the expired one was sent")
	}
}
