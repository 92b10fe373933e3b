package conform_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"yeban/sync/protocol"
	"yeban/sync/record"
)

// mistake is what a fake server does wrong.
type mistake string

const (
	none              mistake = "none"
	anyToken          mistake = "any token"
	anySubprotocol    mistake = "any subprotocol"
	anyKiosk          mistake = "any kiosk"
	haveTooSmall      mistake = "have is too small"
	wrongHash         mistake = "haveHash is wrong"
	noFence           mistake = "no fence"
	sameFence         mistake = "the fence does not grow"
	takesDuplicates   mistake = "duplicates are refused"
	takesGaps         mistake = "gaps are taken"
	takesConflicts    mistake = "conflicts are taken"
	takesAnyHello     mistake = "any HELLO is welcome"
	acksTooFar        mistake = "ACK of more than was sent"
	blocksOnBadRecord mistake = "a bad record is refused"
	closesOnUnknown   mistake = "an unknown method ends it"
	takesGarbage      mistake = "garbage is passed over"
	takesLarge        mistake = "a large message is passed over"
	neverPongs        mistake = "no pong"
)

// fake is somebody else's server, in memory.
type fake struct {
	mistake mistake
	url     string

	mu    sync.Mutex
	fence uint64
	logs  map[record.Epoch][]record.Entry
	now   *guest
}

// guest is a connection of the terminal.
type guest struct {
	server *fake
	ws     *websocket.Conn
	write  sync.Mutex
	fence  uint64
	epoch  record.Epoch
}

func newFake(t *testing.T, m mistake) *fake {
	s := &fake{mistake: m, logs: map[record.Epoch][]record.Entry{}}
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	s.url = h.URL
	return s
}

func (s *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	auth, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || auth != token && s.mistake != anyToken {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	up := websocket.Upgrader{Subprotocols: []string{protocol.Subprotocol}}
	ws, err := up.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer ws.Close()
	if ws.Subprotocol() == "" && s.mistake != anySubprotocol {
		return
	}
	if s.mistake != takesLarge {
		ws.SetReadLimit(protocol.MaxFrameBytes)
	}
	if s.mistake == neverPongs {
		ws.SetPingHandler(func(string) error { return nil })
	}
	g := &guest{server: s, ws: ws}
	g.serve()
}

func (g *guest) send(t protocol.FrameType, id string, m protocol.Method, body any) {
	f, err := protocol.NewFrame(t, id, m, body)
	if err != nil {
		panic(err)
	}
	text, err := f.MarshalJSON()
	if err != nil {
		panic(err)
	}
	g.write.Lock()
	defer g.write.Unlock()
	_ = g.ws.WriteMessage(websocket.TextMessage, text)
}

func (g *guest) fault(id string, code protocol.FaultCode) {
	g.send(protocol.Error, id, protocol.MethodHello, &protocol.Fault{Code: code, Message: "no"})
}

// end says a fault and goodbye.
func (g *guest) end(id string, code protocol.FaultCode) {
	g.fault(id, code)
	g.write.Lock()
	_ = g.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.ClosePolicyViolation, ""), time.Now().Add(time.Second))
	g.write.Unlock()
	g.ws.Close()
}

func (g *guest) serve() {
	for {
		kind, text, err := g.ws.ReadMessage()
		if err != nil {
			return
		}
		if len(text) > protocol.MaxFrameBytes {
			continue // only with takesLarge
		}
		f, err := protocol.Parse(text)
		if kind != websocket.TextMessage {
			err = protocol.ErrFrame
		}
		if err != nil && errors.Is(err, protocol.ErrFrame) && g.server.mistake == takesGarbage {
			continue
		}
		unknown, is := errors.AsType[*protocol.UnknownMethodError](err)
		switch {
		case is && g.server.mistake == closesOnUnknown:
			return
		case is && unknown.Type == protocol.Call:
			g.fault(unknown.ID, protocol.FaultUnknown)
			continue
		case is:
			continue
		case err == nil:
			err = g.frame(&f)
		}
		switch {
		case err == nil:
		default:
			id, code := "-", protocol.FaultBadFrame
			if fault, ok := errors.AsType[*protocol.Fault](err); ok {
				code = fault.Code
			}
			if g.fence == 0 && f.ID != "" {
				id = f.ID
			}
			g.end(id, code)
			return
		}
	}
}

func (g *guest) frame(f *protocol.Frame) error {
	switch {
	case f.Method == protocol.MethodHello && f.Type == protocol.Call && g.fence == 0:
		return g.hello(f)
	case g.fence == 0:
		return &protocol.Fault{Code: protocol.FaultBadFrame}
	case f.Method == protocol.MethodRecords && f.Type == protocol.Event:
		return g.records(f)
	case f.Method == protocol.MethodStatus && f.Type == protocol.Event:
		return f.Decode(new(protocol.Status))
	case f.Type == protocol.Call && f.Method != protocol.MethodHello: // an older server
		g.fault(f.ID, protocol.FaultUnknown)
		return nil
	case f.Method == protocol.MethodHello:
		return &protocol.Fault{Code: protocol.FaultBadFrame}
	}
	return protocol.ErrFrame
}

func (g *guest) hello(f *protocol.Frame) error {
	var h protocol.Hello
	if err := f.Decode(&h); err != nil {
		return err
	}
	s := g.server
	if h.Kiosk != kiosk && s.mistake != anyKiosk {
		return &protocol.Fault{Code: protocol.FaultUnauthorised}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fence++; s.mistake == sameFence {
		s.fence = 1
	}
	log := s.logs[h.Epoch]
	have := uint64(len(log))
	if (h.Last < have || h.First > have+1) && s.mistake != takesAnyHello {
		return &protocol.Fault{Code: protocol.FaultConflict}
	}
	if s.now != nil && s.mistake != noFence {
		go s.now.end("-", protocol.FaultFenced)
	}
	s.now, g.fence, g.epoch = g, s.fence, h.Epoch
	w := protocol.Welcome{
		Epoch: h.Epoch, Have: min(have, h.Last), Fence: s.fence, ServerTime: time.Now(),
		WindowRecords: 100, WindowBytes: 1 << 20, PingSeconds: 30, DeadSeconds: 90, StatusSeconds: 30,
	}
	if s.mistake == haveTooSmall && w.Have > 0 {
		w.Have--
	}
	if w.Have > 0 {
		w.HaveHash = log[w.Have-1].Hash
		if s.mistake == wrongHash {
			w.HaveHash[0] ^= 1
		}
	}
	g.send(protocol.Result, f.ID, protocol.MethodHello, &w)
	return nil
}

func (g *guest) records(f *protocol.Frame) error {
	var r protocol.Records
	if err := f.Decode(&r); err != nil {
		return err
	}
	if r.Epoch != g.epoch {
		return &protocol.Fault{Code: protocol.FaultBadFrame}
	}
	s := g.server
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now != g && s.mistake != noFence {
		return &protocol.Fault{Code: protocol.FaultFenced}
	}
	log := s.logs[g.epoch]
	for _, e := range r.Entries {
		have := uint64(len(log))
		var last record.Hash
		if have > 0 {
			last = log[have-1].Hash
		}
		contradicts := e.Hash != e.Sum(g.epoch) || e.Seq <= have && log[e.Seq-1].Hash != e.Hash || e.Seq == have+1 && e.Prev != last
		switch {
		case contradicts && s.mistake != takesConflicts:
			return &protocol.Fault{Code: protocol.FaultConflict}
		case e.Seq <= have && s.mistake == takesDuplicates:
			return &protocol.Fault{Code: protocol.FaultConflict}
		case e.Seq <= have:
			continue
		case e.Seq > have+1 && s.mistake != takesGaps:
			return &protocol.Fault{Code: protocol.FaultBadFrame}
		case string(e.Key) == "no key" && s.mistake == blocksOnBadRecord:
			return &protocol.Fault{Code: protocol.FaultBadFrame}
		}
		log = append(log, e)
	}
	s.logs[g.epoch] = log
	have := uint64(len(log))
	if s.mistake == acksTooFar && have == 2 && len(r.Entries) == 1 {
		have += 10
	}
	g.send(protocol.Event, "", protocol.MethodAck, &protocol.Ack{Epoch: g.epoch, Have: have})
	return nil
}
