package devices

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"time"

	"yeban/devices/serialport"
)

// Place is where a device hangs, and how it is known again when it hangs elsewhere.
type Place struct {
	// Port is where it ought to be, and how to talk there.
	Port serialport.Config
	// Candidates are names or patterns (filepath.Match) of the ports among which it is
	// looked for when it is not there. No other port is ever opened.
	Candidates []string
	// Identity is the device's own, see Identifier. Where it is empty any device of the
	// kind will do, and two of one kind are told apart by path alone.
	Identity string
}

// Ports keeps the workers of a process apart: a port is opened, or only probed, by one
// of them at a time. The zero value is ready.
type Ports struct {
	mu      sync.Mutex
	holders map[string]*tenant // by node
	tenants []*tenant
	change  chan struct{} // closed with the next change of a holder
	settled chan struct{} // closed with the next device found, or lost
}

// tenant is one worker's part in Ports.
type tenant struct {
	kind  Kind
	place Place
	found string // node where its device works; empty while it is looked for

	sure    bool          // what works there has said something that makes sense
	wanted  chan struct{} // has a value when another worker wants to look at its port
	yielded time.Time     // when it was last asked to let another look
}

// yieldEvery is the least time between two occasions on which a device that has not said
// a word must leave its port to those that are looked for.
const yieldEvery = 15 * time.Second

// errYield ends a session so that another worker can look at the port. It says nothing of
// the device.
var errYield = errors.New("another worker looks at this port")

// yield asks a tenant that is not sure of its device to let another look at its port, and
// says whether it will: once it is idle.
func (t *tenant) yield() bool {
	if t.sure || t.wanted == nil || time.Since(t.yielded) < yieldEvery {
		return false
	}
	t.yielded = time.Now()
	select {
	case t.wanted <- struct{}{}:
	default:
	}
	return true
}

// errOwned: another worker has its device on this port.
var errOwned = &Fault{State: Offline, Reason: ReasonForeign, Reopen: true, Text: "another device works on this port"}

// errProbed: another worker was looking at this port for all the time that there was.
var errProbed = errors.New("another worker is asking on this port")

// join registers a worker for good.
func (p *Ports) join(t *tenant) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tenants = append(p.tenants, t)
}

// claim takes a port for t alone. It waits as long as another worker only probes it, or
// is about to yield it.
func (p *Ports) claim(ctx context.Context, node string, t *tenant) error {
	var yields *tenant
	for {
		p.mu.Lock()
		holder := p.holders[node]
		if holder == nil {
			if p.holders == nil {
				p.holders = map[string]*tenant{}
			}
			p.holders[node] = t
			p.mu.Unlock()
			return nil
		}
		owned := holder.found == node && holder != yields
		if owned && holder.yield() {
			owned, yields = false, holder
		}
		change := waiting(&p.change)
		p.mu.Unlock()
		if owned {
			return errOwned
		}
		select {
		case <-change:
		case <-ctx.Done():
			return errProbed
		}
	}
}

// settle says that t's device was found on the port it holds.
func (p *Ports) settle(node string, t *tenant) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t.found = node
	tell(&p.change)
	tell(&p.settled)
}

// assure says whether t's device has made sense of late. One that has need not yield.
func (p *Ports) assure(t *tenant, sure bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t.sure = sure
	if sure {
		select {
		case <-t.wanted:
		default:
		}
	}
}

// release gives a port back.
func (p *Ports) release(node string, t *tenant) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.holders[node] == t {
		delete(p.holders, node)
	}
	if t.found == node {
		t.found = ""
		tell(&p.settled)
	}
	tell(&p.change)
}

// news is closed when next some worker finds or loses its device.
func (p *Ports) news() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return waiting(&p.settled)
}

func waiting(c *chan struct{}) <-chan struct{} {
	if *c == nil {
		*c = make(chan struct{})
	}
	return *c
}

func tell(c *chan struct{}) {
	if *c != nil {
		close(*c)
		*c = nil
	}
}

// reserved says whether a port is a printer's own, and its printer not known to be
// elsewhere. A printer prints whatever it is told, so that there nobody asks but in a
// printer's words.
func (p *Ports) reserved(node string, t *tenant) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, o := range p.tenants {
		if o == t || o.kind != Printer || t.kind == Printer || o.found != "" && o.found != node {
			continue
		}
		if home, err := filepath.EvalSymlinks(o.place.Port.Path); err == nil && home == node {
			return true
		}
	}
	return false
}

// printerRates are the rates that the printers of the process listen at.
func (p *Ports) printerRates() (rates []int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	seen := map[int]bool{}
	for _, o := range p.tenants {
		if baud := o.place.Port.Baud; o.kind == Printer && !seen[baud] {
			seen[baud] = true
			rates = append(rates, baud)
		}
	}
	return rates
}
