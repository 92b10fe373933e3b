package link

import (
	"errors"
	"fmt"
	"time"
)

// Why a question to the hub has no answer. A hub that refuses one is a *protocol.Fault.
var (
	ErrNotConnected = errors.New("there is no conversation with the hub")
	ErrUnsupported  = errors.New("hub does not know this")
	ErrTimeout      = errors.New("hub does not answer")
)

// ConflictError means that the hub's chain and this log cannot both be right: the
// disk was cloned or restored from an image, or the hub from a backup older than
// what is still held here.
type ConflictError struct {
	Reason string
	After  uint64 // newest position that the hub is certain to hold of this log
}

func (e *ConflictError) Error() string { return "log and hub contradict each other: " + e.Reason }

// DrainError means that the hub asked for the end of the conversation.
type DrainError struct {
	After  time.Duration
	Reason string
}

func (e *DrainError) Error() string {
	return fmt.Sprintf("hub asks to come back in %s: %.200q", e.After, e.Reason)
}

// RefusedError means that the hub answered the handshake with another status than
// 101.
type RefusedError struct {
	Status     int
	RetryAfter time.Duration // 0 when the hub did not say
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("hub refuses the socket: HTTP %d", e.Status)
}
