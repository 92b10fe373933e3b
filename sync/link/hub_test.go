package link_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"yeban/sync/link"
	"yeban/sync/outbox"
	"yeban/sync/protocol"
	"yeban/sync/record"
)

// patience bounds every wait; only a failing test uses it up.
const patience = 60 * time.Second

// script says how a hub misbehaves in one conversation. The zero script does not.
type script struct {
	http      int                     // answer the handshake with this status
	fault     protocol.FaultCode      // instead of WELCOME
	welcome   func(*protocol.Welcome) // change it
	afterward []string                // raw messages behind WELCOME
	mute      bool                    // commit, but acknowledge nothing
	dieAfter  int                     // end the line after so many RECORDS, before the ACK
	ackTwice  bool                    // repeat each ACK, an older one between
	slow      time.Duration           // before each commit
	deaf      bool                    // read nothing behind HELLO, not even pings

	commands []protocol.Command                                    // behind WELCOME
	answer   func(protocol.Frame) (t protocol.FrameType, body any) // instead of the hub's own; nil for silence, see asItself
}

// asItself lets a hub answer as it would.
const asItself protocol.FrameType = 0

// hub is a real websocket server that keeps logs as a hub must, and counts what a hub
// must never see.
type hub struct {
	t      *testing.T
	server *httptest.Server
	line   *line
	script func(n int) script // of the nth conversation, from 1

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced whenever something came
	dialled  []time.Time
	hellos   []protocol.Hello
	logs     map[record.Epoch][]record.Entry
	repeated int // entries that came again
	largest  int // records not acknowledged at once
	statuses []protocol.Status
	fences   uint64
	reports  []protocol.Report
	blobs    map[record.Hash][]byte
	pieces   int // of blobs, with data
	asked    [][]byte
}

func newHub(t *testing.T, s func(n int) script) *hub {
	t.Helper()
	if s == nil {
		s = func(int) script { return script{} }
	}
	h := &hub{t: t, script: s, changed: make(chan struct{}), logs: map[record.Epoch][]record.Entry{}, blobs: map[record.Hash][]byte{}}
	h.server = httptest.NewServer(h)
	h.line = newLine(t, h.server.Listener.Addr().String())
	t.Cleanup(func() { h.server.CloseClientConnections(); h.server.Close() })
	return h
}

func (h *hub) url() string { return "ws://" + h.line.listener.Addr().String() }

func (h *hub) note(change func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change()
	close(h.changed)
	h.changed = make(chan struct{})
}

// seen is a copy of what came so far.
type seen struct {
	dialled  []time.Time
	hellos   []protocol.Hello
	logs     map[record.Epoch][]record.Entry
	repeated int
	largest  int
	statuses []protocol.Status
}

func (h *hub) seen() seen {
	h.mu.Lock()
	defer h.mu.Unlock()
	return seen{slices.Clone(h.dialled), slices.Clone(h.hellos), maps.Clone(h.logs), h.repeated, h.largest, slices.Clone(h.statuses)}
}

// until waits for a condition on the hub's fields.
func (h *hub) until(what string, ok func() bool) {
	h.t.Helper()
	deadline := time.After(patience)
	for {
		h.mu.Lock()
		done, changed := ok(), h.changed
		h.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			h.t.Fatalf("waited in vain for %s", what)
		}
	}
}

func (h *hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var n int
	h.note(func() { h.dialled = append(h.dialled, time.Now()); n = len(h.dialled) })
	s := h.script(n)
	if s.http != 0 {
		w.WriteHeader(s.http)
		return
	}
	if r.Header.Get("Authorization") != "Bearer secret" || r.URL.Path != protocol.Path {
		h.t.Errorf("handshake for %s", r.URL.Path)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	ws, err := (&websocket.Upgrader{Subprotocols: []string{protocol.Subprotocol}}).Upgrade(w, r, nil)
	if err != nil {
		return
	}
	if s.deaf {
		defer ws.Close()
		ws.ReadMessage()
		h.answer(ws, s, protocol.Hello{Epoch: h.lastEpoch()})
		<-r.Context().Done()
		return
	}
	if s.afterward != nil {
		defer ws.Close()
		h.ramble(ws, s)
		return
	}
	c := protocol.NewConn(ws, protocol.ConnConfig{})
	defer c.Abort()
	if f, err := c.Receive(); err == nil && f.Method == protocol.MethodHello {
		h.converse(c, s, f)
	}
}

// ramble says things that protocol.Conn would refuse to, then goes on as a hub.
func (h *hub) ramble(ws *websocket.Conn, s script) {
	_, text, err := ws.ReadMessage()
	if err != nil {
		return
	}
	f, err := protocol.Parse(text)
	var hello protocol.Hello
	if err != nil || f.Decode(&hello) != nil {
		h.t.Errorf("%s: %v", text, err)
		return
	}
	h.note(func() { h.hellos = append(h.hellos, hello) })
	h.answer(ws, s, hello)
	for _, text := range s.afterward {
		ws.WriteMessage(websocket.TextMessage, []byte(text))
	}
	c := protocol.NewConn(ws, protocol.ConnConfig{})
	defer c.Abort()
	h.serve(c, s, hello)
}

func (h *hub) lastEpoch() record.Epoch {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.hellos[len(h.hellos)-1].Epoch
}

func (h *hub) answer(ws *websocket.Conn, s script, hello protocol.Hello) {
	f, _ := protocol.NewFrame(protocol.Result, "hello", protocol.MethodHello, h.welcomeFor(s, hello))
	text, _ := f.MarshalJSON()
	ws.WriteMessage(websocket.TextMessage, text)
}

func (h *hub) welcomeFor(s script, hello protocol.Hello) protocol.Welcome {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fences++
	w := protocol.Welcome{
		Epoch: hello.Epoch, Fence: h.fences, ServerTime: time.Now().Add(time.Hour),
		WindowRecords: 16, WindowBytes: 1 << 20, PingSeconds: 1, DeadSeconds: 20, StatusSeconds: 3600,
	}
	if log := h.logs[hello.Epoch]; len(log) > 0 {
		w.Have, w.HaveHash = uint64(len(log)), log[len(log)-1].Hash
	}
	if s.welcome != nil {
		s.welcome(&w)
	}
	return w
}

func (h *hub) converse(c *protocol.Conn, s script, f protocol.Frame) {
	var hello protocol.Hello
	if err := f.Decode(&hello); err != nil {
		h.t.Error(err)
		return
	}
	h.note(func() { h.hellos = append(h.hellos, hello) })
	if s.fault != "" {
		h.say(c, protocol.Error, f.ID, protocol.MethodHello, protocol.Fault{Code: s.fault, Message: "as the script says"})
		c.Receive()
		return
	}
	h.say(c, protocol.Result, f.ID, protocol.MethodHello, h.welcomeFor(s, hello))
	h.serve(c, s, hello)
}

func (h *hub) say(c *protocol.Conn, t protocol.FrameType, id string, m protocol.Method, body any) {
	f, err := protocol.NewFrame(t, id, m, body)
	if err != nil {
		h.t.Error(err)
	}
	_ = c.Send(context.Background(), f)
}

func (h *hub) serve(c *protocol.Conn, s script, hello protocol.Hello) {
	for _, order := range s.commands {
		h.say(c, protocol.Event, "", protocol.MethodCommand, order)
	}
	for n := 0; ; {
		f, err := c.Receive()
		if err != nil {
			return
		}
		if f.Type == protocol.Call {
			h.reply(c, s, f)
			continue
		}
		switch f.Method {
		case protocol.MethodStatus:
			var body protocol.Status
			if err := f.Decode(&body); err != nil {
				h.t.Error(err)
			}
			h.note(func() { h.statuses = append(h.statuses, body) })
		case protocol.MethodRecords:
			n++
			time.Sleep(s.slow)
			have := h.commit(f)
			if n == s.dieAfter {
				return
			}
			if s.mute {
				continue
			}
			if s.ackTwice {
				h.say(c, protocol.Event, "", protocol.MethodAck, protocol.Ack{Epoch: hello.Epoch, Have: have})
				h.say(c, protocol.Event, "", protocol.MethodAck, protocol.Ack{Epoch: hello.Epoch, Have: have - 1})
			}
			h.say(c, protocol.Event, "", protocol.MethodAck, protocol.Ack{Epoch: hello.Epoch, Have: have})
		}
	}
}

func (h *hub) commit(f protocol.Frame) (have uint64) {
	var body protocol.Records
	if err := f.Decode(&body); err != nil {
		h.t.Error(err)
		return 0
	}
	h.note(func() {
		log := h.logs[body.Epoch]
		h.largest = max(h.largest, len(body.Entries))
		for _, e := range body.Entries {
			if e.Seq <= uint64(len(log)) {
				h.repeated++
				if log[e.Seq-1].Hash != e.Hash {
					h.t.Errorf("entry %d came again as another", e.Seq)
				}
				continue
			}
			var hash record.Hash
			if len(log) > 0 {
				hash = log[len(log)-1].Hash
			}
			if err := e.Follows(body.Epoch, uint64(len(log)), hash); err != nil {
				h.t.Error(err)
				return
			}
			log = append(log, e)
		}
		h.logs[body.Epoch] = log
		have = uint64(len(log))
	})
	return have
}

// held is every record id at the hub with the number of logs it stands in.
func (h *hub) held() map[string]int {
	out := map[string]int{}
	for _, log := range h.seen().logs {
		for _, e := range log {
			out[e.ID]++
		}
	}
	return out
}

// line is a TCP proxy that can be cut.
type line struct {
	listener net.Listener
	mu       sync.Mutex
	conns    map[net.Conn]struct{}
	cutAfter int64 // bytes towards the hub until the next connection is cut; 0 never
}

func newLine(t *testing.T, to string) *line {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &line{listener: listener, conns: map[net.Conn]struct{}{}}
	var group sync.WaitGroup
	group.Go(func() {
		for {
			kiosk, err := listener.Accept()
			if err != nil {
				return
			}
			hub, err := net.Dial("tcp", to)
			if err != nil {
				kiosk.Close()
				continue
			}
			l.mu.Lock()
			l.conns[kiosk], l.conns[hub] = struct{}{}, struct{}{}
			cut := l.cutAfter
			l.mu.Unlock()
			end := func() { kiosk.Close(); hub.Close() }
			group.Go(func() {
				defer end()
				if cut > 0 {
					io.CopyN(hub, kiosk, cut)
					return
				}
				io.Copy(hub, kiosk)
			})
			group.Go(func() { defer end(); io.Copy(kiosk, hub) })
		}
	})
	t.Cleanup(func() { listener.Close(); l.cut(); group.Wait() })
	return l
}

func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		c.Close()
	}
	clear(l.conns)
}

func (l *line) cutEach(after int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cutAfter = after
}

var platform = sync.OnceValue(func() *record.PrivateKey {
	key, err := record.GenerateKey(nil)
	if err != nil {
		panic(err)
	}
	return key
})

// kiosk is a real outbox with a running link.
type kiosk struct {
	t    *testing.T
	box  *outbox.Outbox
	link *link.Link
	stop func()
}

func boxIn(t *testing.T, dir string) *outbox.Outbox {
	t.Helper()
	box, err := outbox.Open(outbox.Config{Dir: dir, Platform: platform().Public()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { box.Close() })
	return box
}

func start(t *testing.T, h *hub, box *outbox.Outbox, change func(*link.Config)) *kiosk {
	t.Helper()
	cfg := link.Config{
		URL: h.url(), Token: "secret", Kiosk: "hall-1", Software: "test",
		CatalogVersion: func() string { return "1" },
		Outbox:         box,
		Status:         func() protocol.Status { return protocol.Status{Visit: "home"} },
		MinBackoff:     time.Millisecond, MaxBackoff: 20 * time.Millisecond, Debounce: 10 * time.Millisecond,
	}
	if change != nil {
		change(&cfg)
	}
	l, err := link.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	var once sync.Once
	k := &kiosk{t: t, box: box, link: l, stop: func() {
		once.Do(func() {
			cancel()
			select {
			case err := <-done:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(patience):
				t.Error("Run does not return")
			}
		})
	}}
	t.Cleanup(k.stop)
	return k
}

func fill(t *testing.T, box *outbox.Outbox, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		r := record.Rating{ID: fmt.Sprintf("r%d", i), Application: strings.Repeat("a", 500), Level: record.Satisfied}
		if _, err := box.Append(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
}

// delivered waits until the outbox knows that all is at the hub.
func (k *kiosk) delivered() {
	k.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		_, _, last := k.box.Position()
		if k.box.Acknowledged() == last {
			return
		}
		if time.Now().After(deadline) {
			k.t.Fatalf("%d of %d delivered; %v", k.box.Acknowledged(), last, k.link.State().Err)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// state waits for a state of the link.
func (k *kiosk) state(what string, ok func(link.State) bool) link.State {
	k.t.Helper()
	states, stop := k.link.Subscribe()
	defer stop()
	deadline := time.After(patience)
	for {
		select {
		case s := <-states:
			if ok(s) {
				return s
			}
		case <-deadline:
			k.t.Fatalf("link never was %s: %+v", what, k.link.State())
		}
	}
}

// exactlyOnce compares the hub with what was handed in: every record there, none in
// the same log twice (which commit sees to), and none that nobody handed in.
func (h *hub) exactlyOnce(n int) {
	h.t.Helper()
	held := h.held()
	for i := range n {
		if id := fmt.Sprintf("r%d", i); held[id] == 0 {
			h.t.Errorf("%s is lost", id)
		}
	}
	if len(held) != n {
		h.t.Errorf("%d records at the hub, %d handed in", len(held), n)
	}
}
