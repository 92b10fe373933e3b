package link

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/sync/errgroup"

	"yeban/sync/protocol"
	"yeban/sync/record"
)

const helloID = "hello"

// writeBuffers are shared by the conversations of a process; a buffer is held only
// while a frame is written.
var writeBuffers sync.Pool

// session is one conversation.
type session struct {
	*Link
	conn    *protocol.Conn
	epoch   record.Epoch
	welcome protocol.Welcome

	mu     sync.Mutex
	sent   uint64        // newest sequence handed to the socket
	acked  uint64        // newest that the hub has
	ack    chan struct{} // acked has moved
	proved bool

	calls calls
	calm  chan struct{} // all records are at the hub
	life  context.Context
}

// outcome is what Run learns of an ended conversation besides its error.
type outcome struct {
	welcomed bool // the hub answered our Hello
	proven   bool // and acknowledged something
}

// converse has one conversation from dialling to its end.
func (l *Link) converse(ctx context.Context) (outcome, error) {
	ws, err := l.dial(ctx)
	if err != nil {
		return outcome{}, err
	}
	s := &session{
		Link: l,
		conn: protocol.NewConn(ws, protocol.ConnConfig{}),
		ack:  make(chan struct{}, 1),
		calm: make(chan struct{}, 1),
	}
	if err := s.hello(ctx); err != nil {
		s.leave(ctx, err)
		return outcome{}, err
	}
	l.watch.set(func(st *State) {
		st.Connected, st.Since, st.Err = true, l.cfg.Clock().Wall, nil
	})
	l.cfg.Logger.Info("link up", "have", s.welcome.Have, "fence", s.welcome.Fence, "clock_offset", l.State().ClockOffset)

	group, running := errgroup.WithContext(ctx)
	s.life = running
	group.Go(func() error { return s.receive() })
	group.Go(func() error { return s.pump(running) })
	if l.cfg.Commands != nil {
		group.Go(func() error { return s.report(running) })
	}
	if l.cfg.Blobs != nil {
		group.Go(func() error { return s.sendBlobs(running) })
	}
	l.talking.Store(s)
	defer l.talking.Store(nil)
	group.Go(func() error {
		// The first to end takes the others with it: the receiver sees its socket go.
		<-running.Done()
		s.leave(ctx, context.Cause(running))
		return nil
	})
	err = group.Wait()
	return outcome{welcomed: true, proven: s.proved}, err
}

// leave ends the conversation as its cause deserves: politely where the hub can be
// expected to listen, at once where the line is the trouble.
func (s *session) leave(ctx context.Context, cause error) {
	var (
		fault    *protocol.Fault
		drain    *DrainError
		conflict *ConflictError
	)
	switch {
	case ctx.Err() != nil:
		s.conn.Close(websocket.CloseGoingAway, "")
	case errors.Is(cause, protocol.ErrFrame):
		if f, err := protocol.NewFrame(protocol.Error, "-", protocol.MethodHello, protocol.Fault{
			Code: protocol.FaultBadFrame, Message: cause.Error(),
		}); err == nil {
			soon, cancel := context.WithTimeout(context.Background(), time.Second)
			_ = s.conn.Send(soon, f)
			cancel()
		}
		s.conn.Close(websocket.CloseProtocolError, "")
	case errors.As(cause, &fault), errors.As(cause, &drain), errors.As(cause, &conflict):
		s.conn.Close(websocket.CloseNormalClosure, "")
	default:
		s.conn.Abort()
	}
}

func (l *Link) dial(ctx context.Context) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.HelloTimeout)
	defer cancel()
	dialer := websocket.Dialer{
		NetDialContext:  l.cfg.DialContext,
		Proxy:           http.ProxyFromEnvironment,
		TLSClientConfig: l.cfg.TLS,
		Subprotocols:    []string{protocol.Subprotocol},
		WriteBufferPool: &writeBuffers,
	}
	ws, answer, err := dialer.DialContext(ctx, l.url, http.Header{"Authorization": {"Bearer " + l.cfg.Token}})
	if errors.Is(err, websocket.ErrBadHandshake) && answer != nil && answer.StatusCode != http.StatusSwitchingProtocols {
		refused := &RefusedError{Status: answer.StatusCode}
		if n, err := strconv.Atoi(answer.Header.Get("Retry-After")); err == nil && n > 0 {
			refused.RetryAfter = min(time.Duration(n)*time.Second, time.Hour)
		}
		return nil, refused
	}
	if err != nil {
		return nil, fmt.Errorf("dial hub: %w", err)
	}
	if ws.Subprotocol() != protocol.Subprotocol {
		ws.Close()
		return nil, fmt.Errorf("dial hub: it speaks %.40q, not %s", ws.Subprotocol(), protocol.Subprotocol)
	}
	return ws, nil
}

// hello says who we are and brings outbox and hub to one position.
func (s *session) hello(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.HelloTimeout)
	defer cancel()
	stop := context.AfterFunc(ctx, s.conn.Abort)
	defer stop()

	epoch, first, last := s.cfg.Outbox.Position()
	s.epoch = epoch
	asked := time.Now()
	clock := s.cfg.Clock()
	f, err := protocol.NewFrame(protocol.Call, helloID, protocol.MethodHello, protocol.Hello{
		Kiosk: s.cfg.Kiosk, Software: s.cfg.Software, CatalogVersion: s.cfg.CatalogVersion(),
		Epoch: epoch, First: first, Last: last, Clock: clock,
	})
	if err != nil {
		return err
	}
	if err := s.conn.Send(ctx, f); err != nil {
		return err
	}
	if err := s.awaitWelcome(); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("wait for WELCOME: %w", ctx.Err())
		}
		return fmt.Errorf("wait for WELCOME: %w", err)
	}
	// Half the way there and back is the best guess of when the hub looked at its clock.
	half := time.Since(asked) / 2
	offset := s.welcome.ServerTime.Sub(clock.Wall.Add(half))
	s.watch.set(func(st *State) {
		st.ClockOffset, st.Fence = offset, s.welcome.Fence
		st.hub, st.asked = s.welcome.ServerTime, asked.Add(half)
	})
	s.conn.SetLiveness(time.Duration(s.welcome.PingSeconds)*time.Second, time.Duration(s.welcome.DeadSeconds)*time.Second)
	return s.resume(first, last)
}

func (s *session) awaitWelcome() error {
	for {
		f, err := s.conn.Receive()
		if err := s.passOver(err); err != nil {
			return err
		}
		switch {
		case err != nil: // passed over
		case f.Type == protocol.Result && f.ID == helloID && f.Method == protocol.MethodHello:
			if err := f.Decode(&s.welcome); err != nil {
				return err
			}
			if s.welcome.Epoch != s.epoch {
				return fmt.Errorf("%w: WELCOME speaks of another epoch", protocol.ErrFrame)
			}
			return nil
		case f.Type == protocol.Error:
			return s.fault(&f)
		case f.Type == protocol.Event && f.Method == protocol.MethodDrain:
			return drained(&f)
		default:
			return fmt.Errorf("%w: %s before WELCOME", protocol.ErrFrame, f.Method)
		}
	}
}

// resume compares the hub's cursor with the log.
func (s *session) resume(first, last uint64) error {
	have := s.welcome.Have
	if have > last {
		return &ConflictError{Reason: fmt.Sprintf("hub has %d, this log ends at %d", have, last)}
	}
	hash, err := s.cfg.Outbox.Hash(have)
	if err != nil {
		switch {
		case first == 0:
			return &ConflictError{Reason: fmt.Sprintf("hub has %d, this log holds nothing up to %d", have, last), After: have}
		case have+1 < first:
			return &ConflictError{Reason: fmt.Sprintf("hub has %d, the oldest held is %d", have, first), After: have}
		}
		return fmt.Errorf("look up %d: %w", have, err)
	}
	if hash != s.welcome.HaveHash {
		return &ConflictError{Reason: fmt.Sprintf("hub has another entry at %d", have)}
	}
	if err := s.cfg.Outbox.Acked(s.epoch, have); err != nil {
		return err
	}
	if have > 0 {
		s.begun = record.Epoch{}
	}
	s.sent, s.acked = have, have
	return nil
}
