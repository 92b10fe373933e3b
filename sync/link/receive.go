package link

import (
	"context"
	"errors"
	"fmt"
	"time"

	"yeban/sync/protocol"
	"yeban/sync/record"
)

// receive reads until the conversation ends. It never waits for anything but the
// socket and the disk, so that pings are answered.
func (s *session) receive() error {
	for {
		f, err := s.conn.Receive()
		if err := s.passOver(err); err != nil {
			return err
		}
		switch {
		case err != nil: // passed over
		case f.Type == protocol.Event && f.Method == protocol.MethodAck:
			if err := s.acknowledge(&f); err != nil {
				return err
			}
		case f.Type == protocol.Event && f.Method == protocol.MethodDrain:
			return drained(&f)
		case f.Type == protocol.Event && f.Method == protocol.MethodCommand:
			s.command(&f)
		case f.Type == protocol.Result && s.calls.answer(f):
		case f.Type == protocol.Error && !ending(&f) && s.calls.answer(f):
		case f.Type == protocol.Error:
			err := s.fault(&f)
			var fault *protocol.Fault
			if errors.As(err, &fault) && fault.Code == protocol.FaultUnknown {
				s.cfg.Logger.Info("hub does not know a method", "method", string(f.Method))
				continue
			}
			return err
		default:
			return fmt.Errorf("%w: %s of type %d from a hub", protocol.ErrFrame, f.Method, int(f.Type))
		}
	}
}

func (s *session) acknowledge(f *protocol.Frame) error {
	var ack protocol.Ack
	if err := f.Decode(&ack); err != nil {
		return err
	}
	s.mu.Lock()
	sent, acked := s.sent, s.acked
	s.mu.Unlock()
	switch {
	case ack.Epoch != s.epoch:
		return fmt.Errorf("%w: ACK of another epoch", protocol.ErrFrame)
	case ack.Have > sent:
		return fmt.Errorf("%w: ACK of %d, sent up to %d", protocol.ErrFrame, ack.Have, sent)
	case ack.Have <= acked:
		return nil // cumulative: an older word adds nothing
	}
	if err := s.cfg.Outbox.Acked(s.epoch, ack.Have); err != nil {
		return err
	}
	s.mu.Lock()
	s.acked, s.proved = ack.Have, true
	s.begun = record.Epoch{}
	s.mu.Unlock()
	ring(s.ack)
	return nil
}

// passOver takes an unknown method from a newer hub calmly: a Call is answered, an
// Event ignored. Other errors come back.
func (s *session) passOver(err error) error {
	var unknown *protocol.UnknownMethodError
	if !errors.As(err, &unknown) {
		return err
	}
	s.cfg.Logger.Info("method of a newer hub passed over", "method", string(unknown.Method))
	if unknown.Type != protocol.Call {
		return nil
	}
	f, err := protocol.NewFrame(protocol.Error, unknown.ID, unknown.Method, protocol.Fault{Code: protocol.FaultUnknown})
	if err != nil {
		return err
	}
	soon, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return s.conn.Send(soon, f)
}

// fault turns an Error frame into what Run decides by.
func (s *session) fault(f *protocol.Frame) error {
	fault := new(protocol.Fault)
	if err := f.Decode(fault); err != nil {
		return err
	}
	if fault.Code == protocol.FaultConflict {
		// Where the two logs part is not said: all that is held goes along.
		return &ConflictError{Reason: fault.Error()}
	}
	return fault
}

func drained(f *protocol.Frame) error {
	var d protocol.Drain
	if err := f.Decode(&d); err != nil {
		return err
	}
	return &DrainError{After: time.Duration(d.AfterMs) * time.Millisecond, Reason: d.Reason}
}
