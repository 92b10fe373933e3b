package model

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"
)

// flight is how much may be on its way in one direction before its writer must wait.
const flight = 64 << 10

// line is what lies between one machine and the hub's servers. Connections are made over
// it, and what can befall one befalls it here. Nothing arrives in the instant in which it
// was written.
type line struct {
	door func(server int) *door // nil when that server is down

	mu    sync.Mutex
	draw  *rand.Rand
	delay time.Duration // of everything
	each  time.Duration // of every byte besides
	held  bool          // nothing comes through
	cut   int           // so many bytes from now a connection breaks; 0 is never
	mute  bool          // and neither side is told
	talks []*talk       // connections that are not over on both sides

	broken int // connections in the middle of what was being written
}

// talk is one connection.
type talk struct {
	kiosk, hub *end
	server     int
	held       bool // nothing of it comes through
}

func newLine(seed uint64, door func(int) *door) *line {
	return &line{door: door, draw: rand.New(rand.NewPCG(seed, 0x6c696e65)), delay: 20 * time.Millisecond}
}

// dial connects to one of the servers.
func (l *line) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	l.mu.Lock()
	held, delay, server := l.held, l.delay, l.draw.IntN(servers)
	l.mu.Unlock()
	if held {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	time.Sleep(delay)
	d := l.door(server)
	if d == nil {
		return nil, syscall.ECONNREFUSED
	}
	up, down := &stream{moved: sync.NewCond(&l.mu)}, &stream{moved: sync.NewCond(&l.mu)}
	t := &talk{server: server}
	t.kiosk, t.hub = &end{line: l, talk: t, in: down, out: up}, &end{line: l, talk: t, in: up, out: down}
	l.mu.Lock()
	l.talks = append(slices.DeleteFunc(l.talks, func(t *talk) bool { return t.kiosk.gone && t.hub.gone }), t)
	l.mu.Unlock()
	var err error
	select {
	case d.in <- t.hub:
		return t.kiosk, nil
	case <-d.shut:
		err = syscall.ECONNREFUSED
	case <-ctx.Done():
		err = ctx.Err()
	}
	l.change(func(*line) { t.kiosk.gone, t.hub.gone = true, true })
	return nil, err
}

// change alters the line, and has everybody look again.
func (l *line) change(how func(*line)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	how(l)
	for _, t := range l.talks {
		t.kiosk.in.moved.Broadcast()
		t.hub.in.moved.Broadcast()
	}
}

// delayAll holds up what is on its way on the present connections, for so long.
func (l *line) delayAll(wait time.Duration) {
	var late []*talk
	hold := func(held bool) func(*line) {
		return func(*line) {
			for _, t := range late {
				t.held = held
			}
		}
	}
	l.change(func(l *line) {
		late = slices.Clone(l.talks)
		hold(true)(l)
	})
	time.AfterFunc(wait, func() { l.change(hold(false)) })
}

// heal makes a good line of it. Connections that are broken stay broken.
func (l *line) heal() {
	l.change(func(l *line) { l.delay, l.each, l.held, l.cut = time.Millisecond, 0, false, 0 })
}

// lose breaks every connection. Where it is mute neither side learns it.
func (l *line) lose(mute bool) {
	l.change(func(l *line) {
		for _, t := range l.talks {
			t.kiosk.out.fail(mute)
			t.hub.out.fail(mute)
		}
	})
}

// hangUp has one side vanish. What it has sent is on its way all the same; where it is not
// mute the other side learns it behind that.
func (l *line) hangUp(side func(*talk) *end, mute bool) {
	l.change(func(l *line) {
		for _, t := range l.talks {
			if e := side(t); e != nil && !e.gone {
				e.vanish(mute)
			}
		}
	})
}

// stream is one direction of a connection. The line's lock is for all of it.
type stream struct {
	moved  *sync.Cond
	queue  []piece
	size   int
	void   bool  // what is written from now on never arrives
	over   error // behind the queue; nil while the writer may write
	closed bool  // nobody will read
}

type piece struct {
	at   time.Time
	data []byte
}

func (s *stream) fail(mute bool) {
	s.void = true
	if !mute && s.over == nil {
		s.over = syscall.ECONNRESET
	}
	s.moved.Broadcast()
}

// end is a net.Conn.
type end struct {
	line    *line
	talk    *talk
	in, out *stream
	gone    bool
	read    limit
	write   limit
}

// limit is a deadline.
type limit struct {
	at    time.Time
	timer *time.Timer
}

func (d *limit) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

func (e *end) Read(p []byte) (int, error) {
	e.line.mu.Lock()
	defer e.line.mu.Unlock()
	for {
		switch s := e.in; {
		case e.gone:
			return 0, net.ErrClosed
		case e.read.passed():
			return 0, os.ErrDeadlineExceeded
		case e.line.held, e.talk.held:
		case len(s.queue) > 0:
			if first := &s.queue[0]; !time.Now().Before(first.at) {
				n := copy(p, first.data)
				if first.data = first.data[n:]; len(first.data) == 0 {
					s.queue = s.queue[1:]
				}
				s.size -= n
				s.moved.Broadcast()
				return n, nil
			}
		case s.over != nil:
			return 0, s.over
		}
		e.in.moved.Wait()
	}
}

func (e *end) Write(p []byte) (n int, err error) {
	e.line.mu.Lock()
	defer e.line.mu.Unlock()
	for n < len(p) {
		switch s := e.out; {
		case e.gone:
			return n, net.ErrClosed
		case e.write.passed():
			return n, os.ErrDeadlineExceeded
		case s.closed, s.over != nil:
			return n, syscall.EPIPE
		case s.size >= flight:
			s.moved.Wait()
		default:
			n += e.send(p[n:min(len(p), n+flight-s.size)])
		}
	}
	return n, nil
}

// send puts some bytes on the line, on which it may break among them.
func (e *end) send(data []byte) int {
	l, s := e.line, e.out
	breaks := l.cut > 0 && l.cut <= len(data)
	if breaks {
		data = data[:l.cut]
	}
	if l.cut = max(0, l.cut-len(data)); s.void {
		s.size += len(data)
		return len(data)
	}
	at := time.Now().Add(l.delay)
	if n := len(s.queue); n > 0 && s.queue[n-1].at.After(at) {
		at = s.queue[n-1].at
	}
	at = at.Add(l.each * time.Duration(len(data)))
	s.queue = append(s.queue, piece{at, slices.Clone(data)})
	s.size += len(data)
	time.AfterFunc(time.Until(at), func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		s.moved.Broadcast()
	})
	if breaks {
		l.broken++
		e.in.fail(l.mute)
		e.out.fail(l.mute)
	}
	return len(data)
}

// vanish ends this side; the caller holds the line's lock.
func (e *end) vanish(mute bool) {
	e.gone = true
	if !mute {
		if e.out.over == nil {
			e.out.over = io.EOF
		}
		e.in.closed = true
	}
	e.in.moved.Broadcast()
	e.out.moved.Broadcast()
}

func (e *end) Close() error {
	e.line.mu.Lock()
	defer e.line.mu.Unlock()
	if e.gone {
		return net.ErrClosed
	}
	// A reset, or a last word, that a line which has gone dead does not carry either.
	e.vanish(e.out.void)
	return nil
}

func (e *end) LocalAddr() net.Addr  { return &net.TCPAddr{} }
func (e *end) RemoteAddr() net.Addr { return &net.TCPAddr{} }

func (e *end) SetDeadline(t time.Time) error {
	return errors.Join(e.SetReadDeadline(t), e.SetWriteDeadline(t))
}
func (e *end) SetReadDeadline(t time.Time) error  { return e.limit(&e.read, e.in, t) }
func (e *end) SetWriteDeadline(t time.Time) error { return e.limit(&e.write, e.out, t) }

func (e *end) limit(d *limit, s *stream, t time.Time) error {
	e.line.mu.Lock()
	defer e.line.mu.Unlock()
	if e.gone {
		return net.ErrClosed
	}
	if d.timer != nil {
		d.timer.Stop()
	}
	d.at, d.timer = t, nil
	if wait := time.Until(t); wait > 0 {
		d.timer = time.AfterFunc(wait, func() {
			e.line.mu.Lock()
			defer e.line.mu.Unlock()
			s.moved.Broadcast()
		})
	}
	s.moved.Broadcast()
	return nil
}

// door is a server's net.Listener.
type door struct {
	in   chan net.Conn
	shut chan struct{}
	once sync.Once
}

func newDoor() *door { return &door{in: make(chan net.Conn), shut: make(chan struct{})} }

func (d *door) Accept() (net.Conn, error) {
	select {
	case c := <-d.in:
		return c, nil
	case <-d.shut:
		return nil, net.ErrClosed
	}
}

func (d *door) Close() error {
	d.once.Do(func() { close(d.shut) })
	return nil
}

func (d *door) Addr() net.Addr { return &net.TCPAddr{} }

// chance is in [0, 1).
func (l *line) chance() float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.draw.Float64()
}
