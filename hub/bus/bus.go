// Package bus carries hints between parts of a hub and between hubs: that something
// was committed, that a terminal's condition changed. It is never truth. A hint may be
// lost, late or doubled; whoever listens also looks into the store by himself.
package bus

import (
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Subjects. A hint's content is in its subject; its body is empty.
const (
	Committed = "yeban.committed" // new entries stand in the store
	Projected = "yeban.projected" // pages about applications have changed
	status    = "yeban.status."   // + terminal: its condition has changed
	taken     = "yeban.taken."    // + terminal: a newer connection took over somewhere
	AnyStatus = "yeban.status.>"
	AnyTaken  = "yeban.taken.>"
	Anything  = "yeban.>"
)

// Status is the subject for one terminal's condition.
func Status(kiosk string) string { return status + kiosk }

// Taken is the subject for a terminal that a connection with this fence took over.
func Taken(kiosk string, fence uint64) string {
	return taken + kiosk + "." + strconv.FormatUint(fence, 10)
}

// TakenBy reads a Taken subject; ok is false for any other.
func TakenBy(subject string) (kiosk string, fence uint64, ok bool) {
	rest, ok := strings.CutPrefix(subject, taken)
	i := strings.LastIndexByte(rest, '.')
	if !ok || i < 1 {
		return "", 0, false
	}
	fence, err := strconv.ParseUint(rest[i+1:], 10, 64)
	return rest[:i], fence, err == nil
}

// Bus is a connection to the hints.
type Bus struct {
	conn *nats.Conn
	own  *server.Server // nil when the server is an external one
}

// Open connects to a NATS server or cluster (comma-separated URLs). With an empty url it
// runs one inside the process, without any listening port.
func Open(url string, log *slog.Logger) (*Bus, error) {
	options := []nats.Option{
		nats.Name("yeban-hub"), nats.MaxReconnects(-1), nats.ReconnectWait(time.Second),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("bus is away; readers poll", "err", err)
			}
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { log.Warn("bus", "err", err) }),
	}
	if url != "" {
		conn, err := nats.Connect(url, append(options, nats.RetryOnFailedConnect(true))...)
		if err != nil {
			return nil, fmt.Errorf("connect to bus: %w", err)
		}
		return &Bus{conn: conn}, nil
	}
	own, err := server.NewServer(&server.Options{DontListen: true, NoLog: true, NoSigs: true})
	if err != nil {
		return nil, fmt.Errorf("start bus: %w", err)
	}
	own.Start()
	if !own.ReadyForConnections(10 * time.Second) {
		own.Shutdown()
		return nil, errors.New("start bus: not ready in 10 s")
	}
	conn, err := nats.Connect("", append(options, nats.InProcessServer(own))...)
	if err != nil {
		own.Shutdown()
		return nil, fmt.Errorf("connect to bus: %w", err)
	}
	return &Bus{conn: conn, own: own}, nil
}

// Hint publishes a subject. It does not wait and cannot fail in a way that matters.
func (b *Bus) Hint(subject string) { _ = b.conn.Publish(subject, nil) }

// Watch gives a channel that holds at most one waiting subject: many hints in a short
// time are one. stop ends it.
func (b *Bus) Watch(subject string) (hints <-chan string, stop func(), err error) {
	ch := make(chan string, 1)
	stop, err = b.Listen(subject, func(s string) {
		select {
		case ch <- s:
		default:
		}
	})
	return ch, stop, err
}

// Listen calls f with each hinted subject, one at a time. f must not block. stop ends it.
func (b *Bus) Listen(subject string, f func(subject string)) (stop func(), err error) {
	sub, err := b.conn.Subscribe(subject, func(m *nats.Msg) { f(m.Subject) })
	if err != nil {
		return nil, fmt.Errorf("listen to %s: %w", subject, err)
	}
	// So that a hint given after Listen returned is heard.
	if b.own != nil {
		if err := b.conn.FlushTimeout(5 * time.Second); err != nil {
			return nil, fmt.Errorf("listen to %s: %w", subject, err)
		}
	}
	return func() { _ = sub.Unsubscribe() }, nil
}

// Close ends the connection, and the server when it is our own.
func (b *Bus) Close() {
	b.conn.Close()
	if b.own != nil {
		b.own.Shutdown()
		b.own.WaitForShutdown()
	}
}
