// Package bus carries hints between parts of a hub and between hubs: that something
// was committed, that a terminal's condition changed. It is never truth. A hint may be
// lost, late or doubled; whoever listens also looks into the store by himself.
package bus

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Subjects. A hint's content is in its subject; its body is empty.
const (
	Committed  = "yeban.committed" // new entries stand in the store
	Projected  = "yeban.projected" // pages about applications have changed
	status     = "yeban.status."   // + terminal: its condition has changed
	taken      = "yeban.taken."    // + terminal: a newer connection took over somewhere
	command    = "yeban.command."  // + terminal: an order waits for it
	AnyStatus  = "yeban.status.>"
	AnyTaken   = "yeban.taken.>"
	AnyCommand = "yeban.command.>"
	Anything   = "yeban.>"
)

// Status is the subject for one terminal's condition.
func Status(kiosk string) string { return status + kiosk }

// Taken is the subject for a terminal that a connection with this fence took over.
func Taken(kiosk string, fence uint64) string {
	return taken + kiosk + "." + strconv.FormatUint(fence, 10)
}

// Command is the subject for orders to one terminal.
func Command(kiosk string) string { return command + kiosk }

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

// Hint publishes a subject. It does not wait and cannot fail in a way that matters: while
// an external bus is away, hints are dropped.
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
	// So that a hint given here after Listen returned is heard. An external bus may be
	// away, and then nothing is.
	if b.own != nil || b.conn.IsConnected() {
		if err := b.conn.FlushTimeout(5 * time.Second); err != nil && b.own != nil {
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
