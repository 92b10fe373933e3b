package intake

import (
	"math/rand/v2"
	"sync"
	"time"
)

// young is how long a hub that has just started is spared.
const young = time.Minute

// pace tells fresh connections how long to wait before their first RECORDS: a moment
// that differs from one to the next, and longer while a hub has just started or many
// terminals arrive at once, since each of them may have a night's records to send.
type pace struct {
	quiet, busy time.Duration
	many        int // HELLOs a second
	started     time.Time

	mu          sync.Mutex
	second      time.Time // begin of the present count
	now, before int       // HELLOs in this second, and in the one before
}

func (p *pace) settle(now time.Time) time.Duration {
	wait := time.Duration(0)
	if p.quiet > 0 {
		wait = rand.N(p.quiet)
	}
	if crowd := p.count(now); crowd > p.many || now.Sub(p.started) < young {
		wait += p.busy
	}
	return wait
}

// count adds one and gives the larger of two seconds' counts.
func (p *pace) count(now time.Time) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch past := now.Sub(p.second); {
	case past < 0 || past >= 2*time.Second:
		p.second, p.before, p.now = now, 0, 0
	case past >= time.Second:
		p.second, p.before, p.now = p.second.Add(time.Second), p.now, 0
	}
	p.now++
	return max(p.now, p.before)
}
