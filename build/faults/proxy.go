package main

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// way says how a proxy treats bytes at the moment.
type way int

const (
	through     way = iota // as they come
	swallowDown            // from the hub nothing arrives; towards it all does
	silent                 // nothing arrives anywhere, and no connection ends
)

// proxy stands between terminals and hubs on TCP. It knows nothing of what is said.
type proxy struct {
	listener net.Listener
	all      sync.WaitGroup

	mu     sync.Mutex
	target string
	how    way
	rate   int        // bytes a second each way, 0 for no bound
	cutAt  int        // a connection ends after so many bytes more, 0 for never
	random *rand.Rand // nil: no delays
	conns  map[net.Conn]net.Conn
	left   []net.Conn // behind
	cuts   int
}

// startProxy listens on a port of its own and ends with the scene.
func (s *scene) startProxy(target string) (*proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{listener: l, target: target, conns: map[net.Conn]net.Conn{}}
	p.all.Go(p.accept)
	s.defers(p.close)
	return p, nil
}

func (p *proxy) address() string { return p.listener.Addr().String() }

func (p *proxy) close() {
	_ = p.listener.Close()
	p.cut()
	p.all.Wait()
}

// set changes the way; bytes under way keep theirs.
func (p *proxy) set(change func(*proxy)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(p)
}

// cut ends every connection with RST.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for a, b := range p.conns {
		p.reset(a, b)
	}
	for _, c := range p.left {
		_ = c.Close()
	}
	p.left = nil
}

// leaveBehind ends the terminals' side of every connection. The hub's side stays open: a
// hub that sleeps finds what was sent to it, and no end.
func (p *proxy) leaveBehind() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for near, far := range p.conns {
		delete(p.conns, near)
		p.left = append(p.left, far)
		_ = near.Close()
	}
}

// reset needs mu.
func (p *proxy) reset(conns ...net.Conn) {
	for _, c := range conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = c.Close()
	}
	delete(p.conns, conns[0])
	p.cuts++
}

func (p *proxy) accept() {
	for {
		near, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		target := p.target
		p.mu.Unlock()
		far, err := net.Dial("tcp", target)
		if err != nil {
			_ = near.Close()
			continue
		}
		p.mu.Lock()
		p.conns[near] = far
		p.mu.Unlock()
		p.all.Go(func() { p.copy(near, near, far, false) })
		p.all.Go(func() { p.copy(near, far, near, true) })
	}
}

// copy carries one direction; name is the connection in conns.
func (p *proxy) copy(name, from, to net.Conn, down bool) {
	buffer := make([]byte, 4<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && !p.pass(name, to, buffer[:n], down) {
			return
		}
		if err != nil {
			p.mu.Lock()
			how, known := p.how, p.conns[name] != nil
			p.mu.Unlock()
			if how == through && known { // otherwise the other side hears nothing of the end either
				if tcp, ok := to.(*net.TCPConn); ok && err == io.EOF {
					_ = tcp.CloseWrite()
				} else {
					_ = to.Close()
				}
			}
			return
		}
	}
}

// pass is false when the connection has ended.
func (p *proxy) pass(name, to net.Conn, b []byte, down bool) bool {
	p.mu.Lock()
	how, rate, delay, cut := p.how, p.rate, time.Duration(0), false
	if p.random != nil && p.random.IntN(20) == 0 {
		delay = time.Duration(p.random.IntN(80)) * time.Millisecond // a segment lost and sent again
	}
	if p.cutAt > 0 && how == through {
		if p.cutAt <= len(b) {
			b, cut, p.cutAt = b[:p.cutAt], true, 0
		} else {
			p.cutAt -= len(b)
		}
	}
	p.mu.Unlock()
	if rate > 0 {
		delay += time.Duration(len(b)) * time.Second / time.Duration(rate)
	}
	time.Sleep(delay)
	if how == silent || how == swallowDown && down {
		return true
	}
	_, err := to.Write(b)
	if cut {
		p.mu.Lock()
		far := p.conns[name]
		if far != nil {
			p.reset(name, far)
		}
		p.mu.Unlock()
		return false
	}
	return err == nil
}

// wasCut waits until the connection that cutAt was set for has ended.
func (p *proxy) wasCut(ctx context.Context, before int) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		p.mu.Lock()
		cuts := p.cuts
		p.mu.Unlock()
		if cuts > before {
			return nil
		}
		if !wait(ctx, time.Millisecond) {
			return context.Cause(ctx)
		}
	}
}
