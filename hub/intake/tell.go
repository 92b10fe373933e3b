package intake

import (
	"errors"
	"time"

	"github.com/gorilla/websocket"

	"yeban/hub/store"
	"yeban/sync/protocol"
	"yeban/sync/record"
)

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

func closeCode(code protocol.FaultCode) int {
	switch code {
	case protocol.FaultBadFrame, protocol.FaultUnknown:
		return websocket.CloseProtocolError
	case protocol.FaultBusy:
		return websocket.CloseTryAgainLater
	}
	return websocket.ClosePolicyViolation
}
