package link

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"yeban/sync/protocol"
)

// callPrefix begins the id of every Call behind HELLO.
const callPrefix = "k"

// calls matches answers with what was asked in one conversation.
type calls struct {
	mu      sync.Mutex
	asked   uint64
	waiting map[string]chan protocol.Frame
	unknown map[protocol.Method]bool // to this hub
}

func (c *calls) begin() (id string, answer chan protocol.Frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	id = callPrefix + strconv.FormatUint(c.asked, 10)
	if c.waiting == nil {
		c.waiting = map[string]chan protocol.Frame{}
	}
	answer = make(chan protocol.Frame, 1)
	c.waiting[id] = answer
	return id, answer
}

func (c *calls) end(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiting, id)
}

// answer hands a frame to whoever asked, and says whether it was asked for at all. One
// that comes too late is dropped.
func (c *calls) answer(f protocol.Frame) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if answer, ok := c.waiting[f.ID]; ok {
		delete(c.waiting, f.ID)
		answer <- f
		return true
	}
	digits, ours := strings.CutPrefix(f.ID, callPrefix)
	n, err := strconv.ParseUint(digits, 10, 64)
	return ours && err == nil && n > 0 && n <= c.asked
}

func (c *calls) knows(m protocol.Method) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.unknown[m]
}

func (c *calls) notKnown(m protocol.Method) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.unknown == nil {
		c.unknown = map[protocol.Method]bool{}
	}
	c.unknown[m] = true
}

// ending tells a fault that is about the conversation, whatever it answers.
func ending(f *protocol.Frame) bool {
	var fault protocol.Fault
	if f.Decode(&fault) != nil {
		return true
	}
	switch fault.Code {
	case protocol.FaultUnauthorised, protocol.FaultFenced, protocol.FaultConflict:
		return true
	}
	return false
}

// ask makes a Call and waits for its Result. Errors: ErrUnsupported, ErrTimeout, ErrNotConnected when the
// conversation ends, the hub's *protocol.Fault, the context's.
func (s *session) ask(ctx context.Context, m protocol.Method, body any, timeout time.Duration) (protocol.Frame, error) {
	var none protocol.Frame
	if !s.calls.knows(m) {
		return none, fmt.Errorf("%s: %w", m, ErrUnsupported)
	}
	id, answer := s.calls.begin()
	defer s.calls.end(id)
	f, err := protocol.NewFrame(protocol.Call, id, m, body)
	if err != nil {
		return none, err
	}
	late := time.NewTimer(timeout)
	defer late.Stop()
	sending, stop := context.WithTimeout(ctx, timeout)
	defer stop()
	if err := s.conn.Send(sending, f); err != nil {
		if ctx.Err() == nil && sending.Err() != nil {
			err = ErrTimeout
		}
		return none, fmt.Errorf("%s: %w", m, err)
	}
	select {
	case f := <-answer:
		err := verdict(&f)
		if errors.Is(err, ErrUnsupported) {
			s.calls.notKnown(m)
		}
		return f, err
	case <-ctx.Done():
		return none, fmt.Errorf("%s: %w", m, ctx.Err())
	case <-s.life.Done():
		return none, fmt.Errorf("%s: %w", m, ErrNotConnected)
	case <-late.C:
		return none, fmt.Errorf("%s: %w", m, ErrTimeout)
	}
}

// over tells an error that says only that the conversation has ended; its cause is known
// to whoever ended it.
func over(err error) bool {
	return errors.Is(err, ErrNotConnected) || errors.Is(err, protocol.ErrClosed)
}

// verdict turns an Error frame into an error.
func verdict(f *protocol.Frame) error {
	if f.Type != protocol.Error {
		return nil
	}
	fault := new(protocol.Fault)
	if err := f.Decode(fault); err != nil {
		return err
	}
	if fault.Code == protocol.FaultUnknown {
		return ErrUnsupported
	}
	return fault
}
