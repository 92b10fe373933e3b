package devices

import "time"

// retry decides when a port that failed is opened again.
type retry struct {
	Backoff
	rand     func() float64
	failures int // in a row
}

// after is how long to wait after a session that lasted so long and ended so. A
// session that outlived the breaker's hold was a success; a short one was not, even
// if the device answered in it, so that what dies at once again and again is held.
func (r *retry) after(f Fault, lasted time.Duration) (wait time.Duration, held bool) {
	if lasted > r.Hold {
		r.failures = 0
	}
	switch f.Reason {
	case ReasonNoPort:
		r.failures = 0 // whoever plugs it in again starts afresh
		return r.Presence, false
	case ReasonForeign: // two that look for each other's port must not keep step
		r.failures = 0
		return r.Presence/2 + time.Duration(r.rand()*float64(r.Presence)/2), false
	}
	r.failures++
	// Asking a silent port harms nobody, and whoever switches the device on waits.
	breaks := r.failures >= r.Failures && f.Reason != ReasonSilent
	r.failures = min(r.failures, r.Failures)
	if f.Permanent || breaks {
		// One more failure opens the breaker again: the next attempt is a trial.
		return r.Hold + time.Duration(r.rand()*float64(r.Hold)/4), true
	}
	bound := min(r.Min<<(r.failures-1), r.Max)
	if f.Reason == ReasonSilent {
		bound = min(bound, r.Max/3)
	}
	return r.Min/4 + time.Duration(r.rand()*float64(bound)), false
}
