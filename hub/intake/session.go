package intake

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"yeban/hub/store"
	"yeban/sync/protocol"
	"yeban/sync/record"
)

// noID is the id of an Error frame that answers something without a readable id.
const noID = "-"

// batchesUnderWay is how many RECORDS of one terminal may wait for the writer; the
// terminal's next one waits in the socket.
const batchesUnderWay = 16

// session is one terminal's connection. Its reader is the goroutine of serve; a second
// one sends acknowledgements and farewells, and is there only while there are any:
// thousands of terminals have nothing to hear for hours.
type session struct {
	server *Server
	kiosk  string // as the token says
	conn   *protocol.Conn
	log    *slog.Logger
	epoch  record.Epoch
	fence  uint64

	unhook func() bool // from the server's end

	slots chan struct{} // batchesUnderWay
	calls chan struct{} // callsUnderWay

	mu       sync.Mutex
	acked    uint64 // on stable storage
	told     uint64 // last ACK sent
	farewell *protocol.Fault
	goodbye  *protocol.Drain
	parcels  []parcel        // to be sent
	ordered  map[string]bool // commands that this connection has carried
	news     bool            // something of the above has changed
	telling  bool            // the teller runs, or must not, before WELCOME
	ended    bool            // it must not any more
	drained  bool            // DRAIN was sent; the teller's own, as told is
	teller   sync.WaitGroup
}

func newSession(s *Server, kiosk string, conn *protocol.Conn, remote string) *session {
	return &session{
		server: s, kiosk: kiosk, conn: conn,
		log:   s.log.With("kiosk", kiosk, "remote", remote),
		slots: make(chan struct{}, batchesUnderWay), calls: make(chan struct{}, callsUnderWay),
		telling: true,
	}
}

// begin hears HELLO and answers it. When it is false the connection has ended; otherwise
// serve must follow.
func (s *session) begin() bool {
	s.unhook = context.AfterFunc(s.server.ctx, func() {
		// A peer that takes nothing any more must not keep the hub from stopping.
		defer time.AfterFunc(time.Second, s.conn.Abort).Stop()
		s.conn.Close(websocket.CloseGoingAway, "hub stops")
	})
	id, err := s.hello()
	if err != nil {
		s.refuse(id, err)
		s.over()
		return false
	}
	return true
}

// over follows the last word.
func (s *session) over() {
	if s.fence != 0 {
		s.detach()
	}
	s.server.unregister(s)
	s.unhook()
}

// serve talks with the terminal until the connection ends.
func (s *session) serve() {
	defer s.over()
	s.mu.Lock()
	s.telling = false
	s.tellNews()
	s.mu.Unlock()
	err := s.read()
	if fault, ok := errors.AsType[*protocol.Fault](err); ok {
		s.end(fault.Code, fault.Message)
	} else {
		s.log.Info("terminal has gone", "fence", s.fence, "cause", err)
		s.conn.Abort()
	}
	s.mu.Lock()
	s.ended = true // no other teller begins
	s.mu.Unlock()
	s.teller.Wait()
}

// hello receives HELLO and answers WELCOME. The id is that of the call.
func (s *session) hello() (id string, err error) {
	late := time.AfterFunc(s.server.cfg.HelloTimeout, func() {
		s.conn.Close(websocket.ClosePolicyViolation, "no HELLO")
	})
	f, err := s.conn.Receive()
	late.Stop()
	if id = f.ID; id == "" {
		id = noID
	}
	if err != nil {
		return id, err
	}
	if f.Type != protocol.Call || f.Method != protocol.MethodHello {
		return id, &protocol.Fault{Code: protocol.FaultBadFrame, Message: "want HELLO first"}
	}
	var h protocol.Hello
	if err := f.Decode(&h); err != nil {
		return id, err
	}
	if h.Kiosk != s.kiosk {
		return id, &protocol.Fault{Code: protocol.FaultUnauthorised, Message: "token belongs to another terminal"}
	}
	select {
	case s.server.hellos <- struct{}{}:
		defer func() { <-s.server.hellos }()
	default:
		return id, &protocol.Fault{Code: protocol.FaultBusy, Message: "too many terminals are arriving"}
	}
	a, err := s.server.store.Attach(s.server.ctx, store.Claim{
		Kiosk: s.kiosk, Epoch: h.Epoch, First: h.First, Last: h.Last,
		Software: h.Software, CatalogVersion: h.CatalogVersion, Clock: h.Clock.Wall,
	})
	s.fence, s.epoch, s.acked, s.told = a.Fence, h.Epoch, a.Have, a.Have
	if err != nil {
		return id, err
	}
	cfg := s.server.cfg
	welcome, err := protocol.NewFrame(protocol.Result, id, protocol.MethodHello, &protocol.Welcome{
		Epoch: h.Epoch, Have: a.Have, HaveHash: a.HaveHash, Fence: a.Fence, ServerTime: s.server.now(),
		WindowRecords: cfg.WindowRecords, WindowBytes: cfg.WindowBytes,
		PingSeconds: seconds(cfg.Ping), DeadSeconds: seconds(cfg.Dead),
		SettleMs: int(s.server.pace.settle(s.server.now()).Milliseconds()), StatusSeconds: seconds(cfg.StatusEvery),
	})
	if err != nil {
		return id, err
	}
	// Registered first: whoever has heard WELCOME can be fenced off.
	if !s.server.register(s) {
		return id, &protocol.Fault{Code: protocol.FaultFenced, Message: "a newer connection has taken over"}
	}
	if err := s.conn.Send(s.server.ctx, welcome); err != nil {
		return id, err
	}
	s.log.Info("terminal is here", "fence", a.Fence, "have", a.Have, "software", h.Software)
	return id, nil
}

// read takes frames until the end. A *protocol.Fault is to be told to the peer.
func (s *session) read() error {
	for {
		f, err := s.conn.Receive()
		var unknown *protocol.UnknownMethodError
		switch {
		case errors.As(err, &unknown):
			if unknown.Type == protocol.Call {
				s.sendFault(unknown.ID, protocol.FaultUnknown, "method is not known to this hub")
			}
			continue
		case errors.Is(err, protocol.ErrFrame):
			return &protocol.Fault{Code: protocol.FaultBadFrame, Message: "not a frame of this protocol"}
		case err != nil:
			return err
		}
		switch {
		case f.Type == protocol.Event && f.Method == protocol.MethodRecords:
			err = s.records(&f)
		case f.Type == protocol.Event && f.Method == protocol.MethodStatus:
			err = s.status(&f)
		case f.Type == protocol.Call && f.Method == protocol.MethodReport:
			err = s.report(&f)
		case f.Type == protocol.Call && f.Method == protocol.MethodBlob:
			err = s.blob(&f)
		case f.Type == protocol.Call && f.Method == protocol.MethodProgress:
			err = s.progress(&f)
		default:
			err = &protocol.Fault{Code: protocol.FaultBadFrame, Message: fmt.Sprintf("%s is not for a hub to hear now", f.Method)}
		}
		if err != nil {
			return err
		}
	}
}

func (s *session) records(f *protocol.Frame) error {
	var r protocol.Records
	if err := f.Decode(&r); err != nil {
		return &protocol.Fault{Code: protocol.FaultBadFrame, Message: "RECORDS does not fit"}
	}
	if r.Epoch != s.epoch {
		return &protocol.Fault{Code: protocol.FaultBadFrame, Message: "RECORDS of another epoch than HELLO"}
	}
	select {
	case s.slots <- struct{}{}:
	case <-s.conn.Done():
		return protocol.ErrClosed
	}
	return s.server.writer.submit(s.server.ctx, job{
		bytes: int64(len(f.Body)),
		batch: store.Batch{
			Kiosk: s.kiosk, Fence: s.fence, Epoch: r.Epoch, Entries: r.Entries, Received: s.server.now(),
			Whole: whole(&r), // here, where terminals do not wait for each other
		},
		done: s.committed,
	})
}

// whole says whether each entry bears its own hash. What one is that does not, the store
// tells.
func whole(r *protocol.Records) bool {
	for i := range r.Entries {
		if e := &r.Entries[i]; e.Hash != e.Sum(r.Epoch) {
			return false
		}
	}
	return true
}

func (s *session) status(f *protocol.Frame) error {
	var st protocol.Status
	if err := f.Decode(&st); err != nil {
		return &protocol.Fault{Code: protocol.FaultBadFrame, Message: "STATUS does not fit"}
	}
	s.server.presence.put(store.Condition{
		Kiosk: s.kiosk, Fence: s.fence, CatalogVersion: st.CatalogVersion, Status: f.Body,
		Troubles: st.Troubles, At: s.server.now(),
	})
	return nil
}

// committed is called by the writer and must not wait.
func (s *session) committed(o store.Outcome, err error) {
	<-s.slots
	s.mu.Lock()
	s.acked = max(s.acked, o.Have)
	s.mu.Unlock()
	var conflict *store.ConflictError
	switch {
	case err != nil:
		s.drain(s.server.comeBack(), "store is away")
	case o.Err == nil:
		s.poke()
	case errors.Is(o.Err, store.ErrFenced):
		s.end(protocol.FaultFenced, "a newer connection has taken over")
	case errors.Is(o.Err, store.ErrGap):
		s.end(protocol.FaultBadFrame, "entries are missing before these")
	case errors.Is(o.Err, store.ErrNotFound):
		s.end(protocol.FaultUnauthorised, "terminal is no longer known")
	case errors.As(o.Err, &conflict):
		s.log.Error("log contradicts what is committed", "conflict", conflict.Kind, "seq", conflict.Seq, "epoch", s.epoch)
		s.end(protocol.FaultConflict, conflict.Error())
	default:
		s.drain(s.server.comeBack(), "store is away")
	}
}

func (s *session) detach() {
	// Long enough for a whole province that goes at once, while its last records are written.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.server.ctx), 15*time.Second)
	defer cancel()
	if err := s.server.store.Detach(ctx, s.kiosk, s.fence); err != nil {
		s.log.Error("note that terminal has gone", "err", err)
	}
	s.server.presence.changed(s.kiosk)
}

func seconds(d time.Duration) int { return max(1, int(d.Round(time.Second).Seconds())) }
