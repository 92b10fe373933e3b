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

// end has the peer told of a fault and the connection closed. The first one counts.
func (s *session) end(code protocol.FaultCode, message string) {
	s.mu.Lock()
	if s.farewell == nil {
		s.farewell = &protocol.Fault{Code: code, Message: message}
	}
	s.mu.Unlock()
	s.poke()
}

// drain has the peer asked to go.
func (s *session) drain(after time.Duration, reason string) {
	s.mu.Lock()
	if s.goodbye == nil {
		s.goodbye = &protocol.Drain{AfterMs: int(after.Milliseconds()), Reason: reason}
	}
	s.mu.Unlock()
	s.poke()
}

func (s *session) poke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.news = true
	s.tellNews()
}

// tellNews starts the teller when it is needed; the caller holds mu.
func (s *session) tellNews() {
	if s.news && !s.telling && !s.ended {
		s.telling = true
		s.teller.Go(s.tell)
	}
}

// tell sends what committed, post, end and drain ask for, until nothing is left to tell or
// the connection ends.
func (s *session) tell() {
	for {
		s.mu.Lock()
		if !s.news {
			s.telling = false
			s.mu.Unlock()
			return
		}
		s.news = false
		acked, farewell, goodbye, parcels := s.acked, s.farewell, s.goodbye, s.parcels
		s.parcels = nil
		s.mu.Unlock()
		select {
		case <-s.conn.Done():
			return // telling stays: there is nobody to tell
		default:
		}
		if acked > s.told {
			s.send(protocol.Event, "", protocol.MethodAck, &protocol.Ack{Epoch: s.epoch, Have: acked})
			s.told = acked
		}
		for _, p := range parcels {
			s.sendFrame(p.frame)
			if p.answer {
				<-s.calls
			}
		}
		if goodbye != nil && !s.drained {
			s.send(protocol.Event, "", protocol.MethodDrain, goodbye)
			s.drained = true
		}
		if farewell != nil {
			s.sendFault(noID, farewell.Code, farewell.Message)
			s.conn.Close(closeCode(farewell.Code), string(farewell.Code))
			return
		}
	}
}

// refuse answers a HELLO that was not accepted.
func (s *session) refuse(id string, err error) {
	fault, ok := errors.AsType[*protocol.Fault](err)
	conflict, isConflict := errors.AsType[*store.ConflictError](err)
	var unknown *protocol.UnknownMethodError
	switch {
	case ok:
	case isConflict:
		fault = &protocol.Fault{Code: protocol.FaultConflict, Message: conflict.Error()}
	case errors.Is(err, protocol.ErrFrame), errors.As(err, &unknown):
		fault = &protocol.Fault{Code: protocol.FaultBadFrame, Message: "want HELLO first"}
	case errors.Is(err, store.ErrNotFound):
		fault = &protocol.Fault{Code: protocol.FaultUnauthorised, Message: "terminal is no longer known"}
	case s.fence == 0 && s.epoch != record.Epoch{}: // the store failed
		fault = &protocol.Fault{Code: protocol.FaultBusy, Message: "store is away"}
	default:
		s.log.Info("terminal was gone before WELCOME", "cause", err)
		s.conn.Abort()
		return
	}
	s.log.Warn("terminal refused", "fault", fault.Code, "cause", err)
	if fault.Code == protocol.FaultBusy {
		s.send(protocol.Event, "", protocol.MethodDrain,
			&protocol.Drain{AfterMs: int(s.server.comeBack().Milliseconds()), Reason: fault.Message})
	}
	s.sendFault(id, fault.Code, fault.Message)
	s.conn.Close(closeCode(fault.Code), string(fault.Code))
}

func (s *session) sendFault(id string, code protocol.FaultCode, message string) {
	s.server.metrics.faults.WithLabelValues(string(code)).Inc()
	s.send(protocol.Error, id, protocol.MethodHello, &protocol.Fault{Code: code, Message: message})
}

// send gives up with the connection; its reader sees why.
func (s *session) send(t protocol.FrameType, id string, m protocol.Method, body any) {
	f, err := protocol.NewFrame(t, id, m, body)
	if err != nil {
		s.log.Error("send", "method", m, "err", err)
		return
	}
	s.sendFrame(f)
}

func (s *session) sendFrame(f protocol.Frame) {
	err := s.conn.Send(s.server.ctx, f)
	if err != nil && !errors.Is(err, protocol.ErrClosed) && s.server.ctx.Err() == nil {
		s.log.Error("send", "method", f.Method, "err", err)
	}
}

func (s *session) detach() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.server.ctx), 5*time.Second)
	defer cancel()
	if err := s.server.store.Detach(ctx, s.kiosk, s.fence); err != nil {
		s.log.Error("note that terminal has gone", "err", err)
	}
	s.server.presence.changed(s.kiosk)
}

func closeCode(code protocol.FaultCode) int {
	switch code {
	case protocol.FaultBadFrame, protocol.FaultUnknown:
		return websocket.CloseProtocolError
	case protocol.FaultBusy:
		return websocket.CloseTryAgainLater
	}
	return websocket.ClosePolicyViolation
}

func seconds(d time.Duration) int { return max(1, int(d.Round(time.Second).Seconds())) }
