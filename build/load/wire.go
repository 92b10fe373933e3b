package main

import (
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
)

// wire is a TCP line that counts what it carries.
type wire struct {
	listener net.Listener
	bytes    atomic.Int64
}

// startWire opens a line to a URL or an address.
func (r *rig) startWire(to string) (*wire, error) {
	if u, err := url.Parse(to); err == nil && u.Host != "" {
		to = u.Host
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w := &wire{listener: listener}
	var mu sync.Mutex
	var open []net.Conn
	var running sync.WaitGroup
	running.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				near.Close()
				continue
			}
			mu.Lock()
			open = append(open, near, far)
			mu.Unlock()
			for _, way := range [][2]net.Conn{{near, far}, {far, near}} {
				running.Go(func() {
					defer near.Close()
					defer far.Close()
					_, _ = io.Copy(counter{way[1], &w.bytes}, way[0])
				})
			}
		}
	})
	r.later(func() {
		listener.Close()
		mu.Lock()
		for _, c := range open {
			c.Close()
		}
		mu.Unlock()
		running.Wait()
	})
	return w, nil
}

func (w *wire) address() string { return w.listener.Addr().String() }

func (w *wire) carried() int64 { return w.bytes.Load() }

type counter struct {
	io.Writer
	n *atomic.Int64
}

func (c counter) Write(p []byte) (int, error) {
	n, err := c.Writer.Write(p)
	c.n.Add(int64(n))
	return n, err
}
