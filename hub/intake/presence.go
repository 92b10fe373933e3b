package intake

import (
	"context"
	"slices"
	"sync"
	"time"

	"yeban/hub/bus"
	"yeban/hub/store"
)

// presence keeps the latest word of every terminal and writes the changed ones to the
// store in one transaction now and then.
type presence struct {
	server *Server

	mu      sync.Mutex
	waiting map[string]store.Condition

	stop    chan struct{}
	running sync.WaitGroup
}

func startPresence(s *Server) *presence {
	p := &presence{server: s, waiting: make(map[string]store.Condition), stop: make(chan struct{})}
	p.running.Go(p.run)
	return p
}

// put keeps c unless a connection with a newer fence has spoken since.
func (p *presence) put(c store.Condition) {
	c.Seen = p.server.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if old, ok := p.waiting[c.Kiosk]; ok {
		if old.Fence > c.Fence {
			return
		}
		if len(c.Status) == 0 && old.Fence == c.Fence {
			old.Seen = c.Seen
			c = old
		}
	}
	p.waiting[c.Kiosk] = c
}

// changed hints that pages about a terminal are out of date.
func (p *presence) changed(kiosk string) { p.server.bus.Hint(bus.Status(kiosk)) }

func (p *presence) run() {
	flush := time.NewTicker(p.server.cfg.Flush)
	defer flush.Stop()
	alive := time.NewTicker(p.server.cfg.Ping)
	defer alive.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-alive.C:
			// A session that lives has been heard within Dead: Conn sees to that.
			for _, one := range p.server.live() {
				p.put(store.Condition{Kiosk: one.kiosk, Fence: one.fence})
			}
		case <-flush.C:
			if err := p.flush(); err != nil {
				p.server.log.Error("write conditions", "err", err)
			}
		}
	}
}

func (p *presence) flush() error {
	p.mu.Lock()
	all := make([]store.Condition, 0, len(p.waiting))
	for _, c := range p.waiting {
		all = append(all, c)
	}
	clear(p.waiting)
	p.mu.Unlock()
	if len(all) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	fenced, err := p.server.store.SaveConditions(ctx, all)
	if err != nil {
		return err
	}
	for _, c := range all {
		if slices.Contains(fenced, c.Kiosk) {
			p.server.fenceOff(c.Kiosk, c.Fence+1)
			continue
		}
		p.changed(c.Kiosk)
	}
	return nil
}

func (p *presence) close() error {
	close(p.stop)
	p.running.Wait()
	return p.flush()
}
