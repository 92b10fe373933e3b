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
	if f.Reason == ReasonNoPort {
		r.failures = 0 // whoever plugs it in again starts afresh
		return r.Presence, false
	}
	r.failures++
	if f.Permanent || r.failures >= r.Failures {
		// One more failure opens the breaker again: the next attempt is a trial.
		r.failures = min(r.failures, r.Failures)
		return r.Hold + time.Duration(r.rand()*float64(r.Hold)/4), true
	}
	bound := min(r.Min<<(r.failures-1), r.Max)
	return r.Min/4 + time.Duration(r.rand()*float64(bound)), false
}
