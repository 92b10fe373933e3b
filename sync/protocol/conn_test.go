package protocol_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"yeban/sync/protocol"
)

// sockets gives the two ends of a websocket on loopback.
func sockets(t *testing.T) (server, client *websocket.Conn) {
	t.Helper()
	accepted := make(chan *websocket.Conn, 1)
	upgrader := websocket.Upgrader{Subprotocols: []string{protocol.Subprotocol}}
	hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		accepted <- ws
	}))
	t.Cleanup(hub.Close)
	client, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(hub.URL, "http"), nil)
	if err != nil {
		t.Fatal(err)
	}
	server = <-accepted
	t.Cleanup(func() { client.Close(); server.Close() })
	return server, client
}

func status(visit string) protocol.Frame {
	f, _ := protocol.NewFrame(protocol.Event, "", protocol.MethodStatus, protocol.Status{Visit: visit})
	return f
}

func TestManySendersOneReader(t *testing.T) {
	a, b := sockets(t)
	from, to := protocol.NewConn(a, protocol.ConnConfig{Queue: 2}), protocol.NewConn(b, protocol.ConnConfig{})
	defer to.Abort()
	const senders, each = 8, 50
	var group sync.WaitGroup
	for s := range senders {
		group.Go(func() {
			for i := range each {
				if err := from.Send(t.Context(), status(fmt.Sprintf("%d %d", s, i))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	next := map[string]int{}
	for range senders * each {
		f, err := to.Receive()
		if err != nil {
			t.Fatal(err)
		}
		var body protocol.Status
		if err := f.Decode(&body); err != nil {
			t.Fatal(err)
		}
		who, i, _ := strings.Cut(body.Visit, " ")
		if i != fmt.Sprint(next[who]) {
			t.Fatalf("sender %s: %s came, want %d", who, i, next[who])
		}
		next[who]++
	}
	group.Wait()
	from.Close(websocket.CloseNormalClosure, "")
}

func TestCloseDeliversWhatIsQueued(t *testing.T) {
	a, b := sockets(t)
	from, to := protocol.NewConn(a, protocol.ConnConfig{}), protocol.NewConn(b, protocol.ConnConfig{})
	defer to.Abort()
	for range 10 {
		if err := from.Send(t.Context(), status("x")); err != nil {
			t.Fatal(err)
		}
	}
	if err := from.Close(websocket.CloseGoingAway, "enough"); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if _, err := to.Receive(); err != nil {
			t.Fatal(err)
		}
	}
	var closed *websocket.CloseError
	if _, err := to.Receive(); !errors.As(err, &closed) || closed.Code != websocket.CloseGoingAway {
		t.Errorf("%v", err)
	}
	if err := from.Send(t.Context(), status("late")); !errors.Is(err, protocol.ErrClosed) {
		t.Errorf("late send: %v", err)
	}
	if _, err := from.Receive(); !errors.Is(err, protocol.ErrClosed) {
		t.Errorf("late receive: %v", err)
	}
}

func TestPingsKeepAQuietConversationAlive(t *testing.T) {
	a, b := sockets(t)
	cfg := protocol.ConnConfig{Ping: 100 * time.Millisecond, Dead: 2 * time.Second}
	here, there := protocol.NewConn(a, cfg), protocol.NewConn(b, cfg)
	defer here.Abort()
	got := make(chan error, 1)
	go func() { _, err := here.Receive(); got <- err }()
	go there.Receive()
	select {
	case err := <-got:
		t.Fatalf("quiet conversation ended: %v", err)
	case <-time.After(3 * time.Second): // longer than Dead
	}
	if err := there.Send(t.Context(), status("x")); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err != nil {
		t.Error(err)
	}
	there.Abort()
}

func TestSilenceIsDeath(t *testing.T) {
	a, _ := sockets(t) // the other end never reads, so never pongs
	c := protocol.NewConn(a, protocol.ConnConfig{})
	defer c.Abort()
	got := make(chan error, 1)
	go func() { _, err := c.Receive(); got <- err }()
	c.SetLiveness(50*time.Millisecond, 300*time.Millisecond)
	select {
	case err := <-got:
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("%v", err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the dead was not noticed")
	}
}

func TestReceiveSurvivesNonsense(t *testing.T) {
	a, b := sockets(t)
	c := protocol.NewConn(a, protocol.ConnConfig{})
	defer c.Abort()
	b.WriteMessage(websocket.TextMessage, []byte(`hello?`))
	b.WriteMessage(websocket.BinaryMessage, []byte(`[2,"1","HELLO",{}]`))
	b.WriteMessage(websocket.TextMessage, []byte(`[5,"","TELEPORT",{}]`))
	b.WriteMessage(websocket.TextMessage, []byte(`[5,"","ACK",{}]`))
	for range 2 {
		if _, err := c.Receive(); !errors.Is(err, protocol.ErrFrame) {
			t.Errorf("%v", err)
		}
	}
	var unknown *protocol.UnknownMethodError
	if _, err := c.Receive(); !errors.As(err, &unknown) {
		t.Errorf("%v", err)
	}
	if f, err := c.Receive(); err != nil || f.Method != protocol.MethodAck {
		t.Errorf("%v", err)
	}
	b.WriteMessage(websocket.TextMessage, make([]byte, protocol.MaxFrameBytes+1))
	if _, err := c.Receive(); !errors.Is(err, websocket.ErrReadLimit) {
		t.Errorf("too large: %v", err)
	}
}

func TestSendWaitsNoLongerThanAsked(t *testing.T) {
	a, _ := sockets(t)
	c := protocol.NewConn(a, protocol.ConnConfig{Queue: 1})
	defer c.Abort()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	big := status(strings.Repeat("x", 900<<10))
	for {
		err := c.Send(ctx, big)
		if errors.Is(err, context.DeadlineExceeded) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	huge := status(strings.Repeat("x", protocol.MaxFrameBytes))
	if err := c.Send(t.Context(), huge); !errors.Is(err, protocol.ErrTooLarge) {
		t.Errorf("%v", err)
	}
}
