package intake

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus"

	"yeban/hub/bus"
	"yeban/hub/store"
	"yeban/sync/protocol"
	"yeban/sync/record"
)

var testEpoch = record.Epoch{0: 1, 15: 9}

const patience = 30 * time.Second // for what comes at once on a quiet machine

// hub is a real server over a real store.
type hub struct {
	t      *testing.T
	store  *store.Store
	server *Server
	http   *httptest.Server
}

func startHub(t *testing.T, cfg Config, wrap func(Store) Store) *hub {
	t.Helper()
	st, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "hub.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range []string{"hall-1", "hall-2", "hall-3"} {
		if err := st.AddKiosk(t.Context(), store.Kiosk{ID: id, Number: i + 1, Name: id}, "token-"+id, false); err != nil {
			t.Fatal(err)
		}
	}
	b, err := bus.Open("", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	var face Store = st
	if wrap != nil {
		face = wrap(st)
	}
	if cfg.Flush == 0 {
		cfg.Flush = 20 * time.Millisecond
	}
	server, err := New(cfg, face, b, slog.New(slog.DiscardHandler), prometheus.NewRegistry(), nil)
	if err != nil {
		t.Fatal(err)
	}
	h := &hub{t: t, store: st, server: server, http: httptest.NewServer(server)}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		h.http.Close()
		b.Close()
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// terminal is the kiosk's side, frame by frame.
type terminal struct {
	t *testing.T
	*protocol.Conn
}

func (h *hub) dial(token string) *terminal {
	h.t.Helper()
	d := websocket.Dialer{Subprotocols: []string{protocol.Subprotocol}}
	ws, _, err := d.Dial("ws"+strings.TrimPrefix(h.http.URL, "http")+protocol.Path, http.Header{"Authorization": {"Bearer " + token}})
	if err != nil {
		h.t.Fatal(err)
	}
	c := &terminal{h.t, protocol.NewConn(ws, protocol.ConnConfig{Ping: time.Hour, Dead: patience})}
	h.t.Cleanup(c.Abort)
	return c
}

func (h *hub) connect(kiosk string, first, last uint64) (*terminal, protocol.Welcome) {
	h.t.Helper()
	c := h.dial("token-" + kiosk)
	c.call(protocol.MethodHello, hello(kiosk, first, last))
	f := c.next()
	var w protocol.Welcome
	if f.Type != protocol.Result || f.ID != "1" || f.Decode(&w) != nil {
		h.t.Fatalf("got %v %s %s, want WELCOME", f.Type, f.Method, f.Body)
	}
	return c, w
}

func hello(kiosk string, first, last uint64) *protocol.Hello {
	return &protocol.Hello{Kiosk: kiosk, Software: "test", Epoch: testEpoch, First: first, Last: last, Clock: record.Clock{Wall: time.Now()}}
}

func (c *terminal) call(m protocol.Method, body any) {
	c.t.Helper()
	c.frame(protocol.Call, "1", m, body)
}
func (c *terminal) event(m protocol.Method, body any) {
	c.t.Helper()
	c.frame(protocol.Event, "", m, body)
}

func (c *terminal) frame(ft protocol.FrameType, id string, m protocol.Method, body any) {
	c.t.Helper()
	f, err := protocol.NewFrame(ft, id, m, body)
	if err == nil {
		err = c.Send(c.t.Context(), f)
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *terminal) records(entries ...record.Entry) {
	c.t.Helper()
	c.event(protocol.MethodRecords, &protocol.Records{Epoch: testEpoch, Entries: entries})
}

func (c *terminal) next() protocol.Frame {
	c.t.Helper()
	f, err := c.Receive()
	if err != nil {
		c.t.Fatalf("receive: %v", err)
	}
	return f
}

// acked waits for the acknowledgement of everything up to have.
func (c *terminal) acked(have uint64) {
	c.t.Helper()
	for {
		f := c.next()
		var a protocol.Ack
		if f.Method != protocol.MethodAck || f.Decode(&a) != nil || a.Epoch != testEpoch || a.Have > have {
			c.t.Fatalf("got %s %s, want ACK of %d", f.Method, f.Body, have)
		}
		if a.Have == have {
			return
		}
	}
}

// fault waits for an Error frame and the end, passing over what comes before.
func (c *terminal) fault(want protocol.FaultCode) {
	c.t.Helper()
	for {
		f, err := c.Receive()
		if err != nil {
			c.t.Fatalf("ended by %v before a fault", err)
		}
		if f.Type != protocol.Error {
			continue
		}
		var fault protocol.Fault
		if f.Decode(&fault) != nil || fault.Code != want {
			c.t.Fatalf("got %s, want %s", f.Body, want)
		}
		if _, err := c.Receive(); err == nil {
			c.t.Fatal("connection goes on after the fault")
		}
		return
	}
}

func chain(n int) []record.Entry {
	log := make([]record.Entry, n)
	var prev record.Hash
	for i := range log {
		e := record.Entry{
			Seq: uint64(i + 1), Prev: prev, AtMs: int64(1_790_000_000_000 + i), Kind: record.KindTrace,
			ID: fmt.Sprintf("01J%023d", i), Header: []byte(`{}`), Key: []byte("k"), Sealed: []byte("s"),
		}
		e.Hash = e.Sum(testEpoch)
		prev, log[i] = e.Hash, e
	}
	return log
}

func (h *hub) entries(kiosk string) (n int) {
	h.t.Helper()
	all, err := h.store.After(h.t.Context(), 0, 1_000_000)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, c := range all {
		if c.Kiosk == kiosk {
			n++
		}
	}
	return n
}
