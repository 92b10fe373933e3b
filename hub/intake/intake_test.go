package intake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"yeban/hub/bus"
	"yeban/hub/store"
	"yeban/sync/protocol"
)

// gate holds commits back until it is opened.
type gate struct {
	Store
	entered chan struct{}
	open    chan error
}

func (g *gate) Commit(ctx context.Context, b []store.Batch) ([]store.Outcome, error) {
	g.entered <- struct{}{}
	if err := <-g.open; err != nil {
		return nil, err
	}
	return g.Store.Commit(ctx, b)
}

func TestAcknowledgesAfterCommitOnly(t *testing.T) {
	g := &gate{entered: make(chan struct{}, 8), open: make(chan error, 8)}
	h := startHub(t, Config{}, func(s Store) Store { g.Store = s; return g })
	c, w := h.connect("hall-1", 0, 0)
	if w.Have != 0 || w.Fence != 1 || w.WindowRecords < 1 {
		t.Fatalf("welcome %+v", w)
	}
	got := make(chan protocol.Frame, 1)
	go func() {
		if f, err := c.Receive(); err == nil {
			got <- f
		}
	}()
	c.records(chain(3)...)
	<-g.entered
	select {
	case f := <-got:
		t.Fatalf("%s %s before the commit", f.Method, f.Body)
	case <-time.After(100 * time.Millisecond):
	}
	g.open <- nil
	select {
	case f := <-got:
		var a protocol.Ack
		if f.Decode(&a) != nil || a.Have != 3 {
			t.Fatalf("got %s %s", f.Method, f.Body)
		}
	case <-time.After(patience):
		t.Fatal("no acknowledgement")
	}
	if n := h.entries("hall-1"); n != 3 {
		t.Errorf("%d entries", n)
	}
}

func TestAFailedCommitIsNotAcknowledged(t *testing.T) {
	g := &gate{entered: make(chan struct{}, 8), open: make(chan error, 8)}
	h := startHub(t, Config{}, func(s Store) Store { g.Store = s; return g })
	c, _ := h.connect("hall-1", 0, 0)
	g.open <- errors.New("disk is full")
	c.records(chain(2)...)
	if f := c.next(); f.Method != protocol.MethodDrain {
		t.Fatalf("got %s %s, want DRAIN", f.Method, f.Body)
	}
	c.Close(websocket.CloseNormalClosure, "")
	g.open <- nil
	c, w := h.connect("hall-1", 1, 2)
	if w.Have != 0 {
		t.Fatalf("have %d after a failed commit", w.Have)
	}
	c.records(chain(2)...)
	c.acked(2)
}

func TestARepeatedRecordIsThereOnce(t *testing.T) {
	h := startHub(t, Config{}, nil)
	c, _ := h.connect("hall-1", 1, 5)
	log := chain(5)
	c.records(log[:3]...)
	c.records(log[:3]...) // the same again, as after a lost acknowledgement
	c.records(log[1:]...)
	c.acked(5)
	c.Close(websocket.CloseNormalClosure, "")
	_, w := h.connect("hall-1", 1, 5)
	if w.Have != 5 || w.HaveHash != log[4].Hash {
		t.Errorf("resumes at %d", w.Have)
	}
	if n := h.entries("hall-1"); n != 5 {
		t.Errorf("%d entries", n)
	}
}

func TestAContradictionIsKeptAndRaised(t *testing.T) {
	h := startHub(t, Config{}, nil)
	c, _ := h.connect("hall-1", 1, 3)
	c.records(chain(3)...)
	c.acked(3)
	other := chain(4)
	other[3].Prev[0] ^= 1
	other[3].Hash = other[3].Sum(testEpoch)
	c.records(other[3])
	c.fault(protocol.FaultConflict)

	// A restored image: its log ends before the hub's.
	c = h.dial("token-hall-1")
	c.call(protocol.MethodHello, hello("hall-1", 1, 2))
	c.fault(protocol.FaultConflict)

	kept, err := h.store.Conflicts(t.Context(), 10)
	if err != nil || len(kept) != 2 {
		t.Fatalf("conflicts %+v, %v", kept, err)
	}
	if a, err := h.store.CountAttention(t.Context()); err != nil || a.Alarms != 2 {
		t.Errorf("attention %+v, %v", a, err)
	}
	if n := h.entries("hall-1"); n != 3 {
		t.Errorf("%d entries", n)
	}
}

func TestTheNewestConnectionWins(t *testing.T) {
	h := startHub(t, Config{}, nil)
	old, w := h.connect("hall-1", 0, 0)
	young, w2 := h.connect("hall-1", 0, 0)
	if w2.Fence <= w.Fence {
		t.Fatalf("fences %d, %d", w.Fence, w2.Fence)
	}
	old.fault(protocol.FaultFenced)
	young.records(chain(1)...)
	young.acked(1)
	if k, err := h.store.Kiosk(t.Context(), "hall-1"); err != nil || k.Link != store.LinkUp {
		t.Errorf("link %s, %v", k.Link, err)
	}
}

func TestAConnectionElsewhereWins(t *testing.T) {
	h := startHub(t, Config{}, nil)
	c, _ := h.connect("hall-1", 0, 0)
	// Another hub on the same store, whose hint is lost: the fence decides.
	if _, err := h.store.Attach(t.Context(), store.Claim{Kiosk: "hall-1", Epoch: testEpoch}); err != nil {
		t.Fatal(err)
	}
	c.records(chain(1)...)
	c.fault(protocol.FaultFenced)
	if n := h.entries("hall-1"); n != 0 {
		t.Errorf("%d entries from behind the fence", n)
	}
	// And with the hint, an idle one goes too.
	c, w := h.connect("hall-2", 0, 0)
	h.server.bus.Hint(bus.Taken("hall-2", w.Fence+1))
	c.fault(protocol.FaultFenced)
	// And without it, with its next status.
	c, _ = h.connect("hall-3", 0, 0)
	if _, err := h.store.Attach(t.Context(), store.Claim{Kiosk: "hall-3", Epoch: testEpoch}); err != nil {
		t.Fatal(err)
	}
	c.event(protocol.MethodStatus, &protocol.Status{Visit: "home"})
	c.fault(protocol.FaultFenced)
}

func TestNonsenseEndsTheConnection(t *testing.T) {
	h := startHub(t, Config{}, nil)
	raw := func(kind int, text []byte) *terminal {
		d := websocket.Dialer{Subprotocols: []string{protocol.Subprotocol}}
		ws, _, err := d.Dial("ws"+strings.TrimPrefix(h.http.URL, "http"), http.Header{"Authorization": {"Bearer token-hall-1"}})
		if err != nil {
			t.Fatal(err)
		}
		if err := ws.WriteMessage(kind, text); err != nil {
			t.Fatal(err)
		}
		c := &terminal{t, protocol.NewConn(ws, protocol.ConnConfig{Dead: patience})}
		t.Cleanup(c.Abort)
		return c
	}
	for _, text := range []string{"", "GET / HTTP/1.1", `{"hello":1}`, `[2,"1","HELLO"]`, `[9,"1","HELLO",{}]`, `[2,"1","HELLO",{}]`,
		`[2,"1","SING",{}]`, `[5,"","RECORDS",{}]`, "[2,\"1\",\"HELLO\",{\"kiosk\":\"hall-1\"", strings.Repeat("[", 10000)} {
		raw(websocket.TextMessage, []byte(text)).fault(protocol.FaultBadFrame)
	}
	raw(websocket.BinaryMessage, []byte{0, 1, 2}).fault(protocol.FaultBadFrame)
	if _, err := raw(websocket.TextMessage, make([]byte, protocol.MaxFrameBytes+1)).Receive(); err == nil {
		t.Error("an oversize frame was taken")
	}

	c, _ := h.connect("hall-1", 0, 0)
	c.event(protocol.MethodRecords, json.RawMessage(`{"epoch":"00","entries":[]}`))
	c.fault(protocol.FaultBadFrame)
	c, _ = h.connect("hall-1", 0, 0)
	c.records(chain(3)[1:]...) // a gap
	c.fault(protocol.FaultBadFrame)
	c, _ = h.connect("hall-1", 0, 0)
	c.call(protocol.MethodHello, hello("hall-1", 0, 0))
	c.fault(protocol.FaultBadFrame)
	c = h.dial("token-hall-1")
	c.call(protocol.MethodHello, hello("hall-2", 0, 0))
	c.fault(protocol.FaultUnauthorised)

	// An unknown method is a newer peer, not nonsense.
	c, _ = h.connect("hall-1", 0, 0)
	c.event("SING", struct{}{})
	c.call("DANCE", struct{}{})
	if f := c.next(); f.Type != protocol.Error || !strings.Contains(string(f.Body), string(protocol.FaultUnknown)) {
		t.Errorf("got %v %s", f.Type, f.Body)
	}
	c.records(chain(1)...)
	c.acked(1)
}

func TestAdmission(t *testing.T) {
	h := startHub(t, Config{MaxConnections: 1}, nil)
	dial := func(token, origin string) int {
		d := websocket.Dialer{Subprotocols: []string{protocol.Subprotocol}}
		head := http.Header{}
		if token != "" {
			head.Set("Authorization", "Bearer "+token)
		}
		if origin != "" {
			head.Set("Origin", origin)
		}
		ws, r, err := d.Dial("ws"+strings.TrimPrefix(h.http.URL, "http"), head)
		if err == nil {
			ws.Close()
			return 0
		}
		if r == nil {
			t.Fatal(err)
		}
		if r.StatusCode == http.StatusServiceUnavailable && r.Header.Get("Retry-After") == "" {
			t.Error("no word about when to come back")
		}
		return r.StatusCode
	}
	if got := dial("", ""); got != http.StatusUnauthorized {
		t.Errorf("without a token: %d", got)
	}
	if got := dial("wrong", ""); got != http.StatusUnauthorized {
		t.Errorf("with a wrong token: %d", got)
	}
	if got := dial("token-hall-1", "https://elsewhere.example"); got != http.StatusForbidden {
		t.Errorf("from a browser: %d", got)
	}
	h.connect("hall-1", 0, 0)
	if got := dial("token-hall-2", ""); got != http.StatusServiceUnavailable {
		t.Errorf("above the limit: %d", got)
	}
}

// slowAttach keeps the only place for a HELLO taken.
type slowAttach struct {
	Store
	entered, open chan struct{}
}

func (s *slowAttach) Attach(ctx context.Context, c store.Claim) (store.Attachment, error) {
	s.entered <- struct{}{}
	<-s.open
	return s.Store.Attach(ctx, c)
}

func TestTooManyArrivalsAreToldWhenToComeBack(t *testing.T) {
	slow := &slowAttach{entered: make(chan struct{}, 8), open: make(chan struct{})}
	h := startHub(t, Config{MaxHellos: 1}, func(s Store) Store { slow.Store = s; return slow })
	first := h.dial("token-hall-1")
	first.call(protocol.MethodHello, hello("hall-1", 0, 0))
	<-slow.entered
	second := h.dial("token-hall-2")
	second.call(protocol.MethodHello, hello("hall-2", 0, 0))
	f := second.next()
	var d protocol.Drain
	if f.Method != protocol.MethodDrain || f.Decode(&d) != nil || d.AfterMs < 1 {
		t.Fatalf("got %s %s, want DRAIN", f.Method, f.Body)
	}
	second.fault(protocol.FaultBusy)
	close(slow.open)
	if f := first.next(); f.Type != protocol.Result {
		t.Errorf("the first one got %s %s", f.Method, f.Body)
	}
}

func TestTheLatestStatusIsKept(t *testing.T) {
	h := startHub(t, Config{}, nil)
	hints := make(chan string, 64)
	stop, err := h.server.bus.Listen(bus.AnyStatus, func(s string) { hints <- s })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	c, _ := h.connect("hall-1", 0, 0)
	for i := range 20 {
		c.event(protocol.MethodStatus, &protocol.Status{At: time.Now(), Visit: "home", Queued: uint64(i), CatalogVersion: "2026.1"})
	}
	limit := time.After(patience)
	for {
		select {
		case <-hints:
		case <-limit:
			t.Fatal("the last status did not arrive")
		}
		k, err := h.store.Kiosk(t.Context(), "hall-1")
		if err != nil {
			t.Fatal(err)
		}
		var got protocol.Status
		if len(k.Status) > 0 && json.Unmarshal(k.Status, &got) == nil && got.Queued == 19 && k.CatalogVersion == "2026.1" {
			break
		}
	}
	c.Close(websocket.CloseNormalClosure, "")
	for {
		k, err := h.store.Kiosk(t.Context(), "hall-1")
		if err != nil {
			t.Fatal(err)
		}
		if k.Link == store.LinkDown {
			return
		}
		select {
		case <-hints:
		case <-limit:
			t.Fatal("the end of the connection was not noted")
		}
	}
}

func TestDrain(t *testing.T) {
	h := startHub(t, Config{}, nil)
	c, _ := h.connect("hall-1", 0, 0)
	c.records(chain(2)...)
	c.acked(2)
	drained := make(chan error, 1)
	go func() { drained <- h.server.Drain(t.Context()) }()
	if f := c.next(); f.Method != protocol.MethodDrain {
		t.Fatalf("got %s, want DRAIN", f.Method)
	}
	select {
	case err := <-drained:
		t.Fatalf("drained (%v) with a terminal still there", err)
	default:
	}
	c.Close(websocket.CloseNormalClosure, "")
	select {
	case err := <-drained:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("still draining")
	}
	short, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.server.Drain(short); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestTerminalsOfADrainingHubGoSoonWhereThereIsAnother(t *testing.T) {
	told := func(c *terminal) time.Duration {
		t.Helper()
		var d protocol.Drain
		if f := c.next(); f.Method != protocol.MethodDrain || f.Decode(&d) != nil {
			t.Fatalf("got %s %s, want DRAIN", f.Method, f.Body)
		}
		c.Close(websocket.CloseNormalClosure, "")
		return time.Duration(d.AfterMs) * time.Millisecond
	}
	cfg := Config{ComeBack: time.Minute}
	h := startHub(t, cfg, nil)
	other, err := New(cfg.withDefaults(), h.store, h.server.bus, slog.New(slog.DiscardHandler), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	beside := httptest.NewServer(other)
	t.Cleanup(func() {
		if err := other.Close(); err != nil {
			t.Error(err)
		}
		beside.Close()
	})
	first, _ := h.connect("hall-1", 0, 0)
	second, _ := (&hub{t: t, http: beside}).connect("hall-2", 0, 0)
	for _, c := range []struct {
		server *Server
		of     *terminal
		soon   bool
	}{{h.server, first, true}, {other, second, false}} {
		drained := make(chan error, 1)
		go func() { drained <- c.server.Drain(t.Context()) }()
		if after := told(c.of); (after < 10*time.Second) != c.soon || after <= 0 {
			t.Errorf("another hub %t: come back after %v", c.soon, after)
		}
		if err := <-drained; err != nil {
			t.Error(err)
		}
	}
}

func TestManyTerminalsShareCommits(t *testing.T) {
	const kiosks, each = 40, 30
	h := startHub(t, Config{GroupRecords: 100, QueueBytes: 1 << 16}, nil)
	for i := range kiosks {
		id := fmt.Sprint("many-", i)
		if err := h.store.AddKiosk(t.Context(), store.Kiosk{ID: id, Number: 100 + i}, "token-"+id, false); err != nil {
			t.Fatal(err)
		}
	}
	terminals := make([]*terminal, kiosks)
	for i := range terminals {
		terminals[i], _ = h.connect(fmt.Sprint("many-", i), 1, each)
	}
	log := chain(each)
	for n := 0; n < each; n += 3 {
		for _, c := range terminals {
			c.records(log[n : n+3]...)
		}
	}
	for i, c := range terminals {
		c.acked(each)
		if n := h.entries(fmt.Sprint("many-", i)); n != each {
			t.Errorf("terminal %d has %d entries", i, n)
		}
	}
}
