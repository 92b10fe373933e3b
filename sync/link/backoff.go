package link

import (
	"errors"
	"net/http"
	"time"

	"yeban/sync/protocol"
)

// busyAttempt is where back-off starts when a hub says that it has too much to do.
const busyAttempt = 3

// delay is how long to wait before the next try. The usual rule is full jitter, any
// time up to a bound that doubles with each attempt in a row, so that a hall full of
// kiosks does not come back in step.
func (l *Link) delay(err error, attempt int) time.Duration {
	var drain *DrainError
	if errors.As(err, &drain) {
		return drain.After + l.jitter(max(l.cfg.MinBackoff, drain.After/2))
	}
	var settled *settledError
	if errors.As(err, &settled) {
		return l.jitter(l.cfg.MinBackoff)
	}
	var conflict *ConflictError
	if errors.As(err, &conflict) {
		return l.long()
	}
	var refused *RefusedError
	if errors.As(err, &refused) {
		switch {
		case refused.RetryAfter > 0:
			return refused.RetryAfter + l.jitter(max(l.cfg.MinBackoff, refused.RetryAfter/2))
		case refused.Status == http.StatusUnauthorized, refused.Status == http.StatusForbidden:
			return l.long()
		case refused.Status == http.StatusServiceUnavailable, refused.Status == http.StatusTooManyRequests:
			attempt = max(attempt, busyAttempt)
		}
	}
	var fault *protocol.Fault
	if errors.As(err, &fault) {
		switch fault.Code {
		case protocol.FaultFenced, protocol.FaultUnauthorised, protocol.FaultConflict:
			// Somebody has to do something elsewhere; a quick return only disturbs.
			return l.long()
		case protocol.FaultBusy:
			attempt = max(attempt, busyAttempt)
		}
	}
	return l.jitter(min(l.cfg.MaxBackoff, l.cfg.MinBackoff<<min(attempt, 20)))
}

// jitter is any time from 0 up to a bound.
func (l *Link) jitter(bound time.Duration) time.Duration {
	return time.Duration(l.cfg.Rand() * float64(bound))
}

// long is one to two times the longest usual wait.
func (l *Link) long() time.Duration { return l.cfg.MaxBackoff + l.jitter(l.cfg.MaxBackoff) }
