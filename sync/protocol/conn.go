package protocol

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// ErrClosed means that this side has ended the conversation.
var ErrClosed = errors.New("conversation is closed")

// ErrTooLarge means that a frame to be sent exceeds MaxFrameBytes; it was not sent.
var ErrTooLarge = errors.New("frame is too large")

const (
	defaultPing  = 30 * time.Second
	defaultDead  = 90 * time.Second
	defaultQueue = 16
	farewell     = 5 * time.Second // to flush what is queued when closing
	chunk        = 16 << 10        // bytes between two looks at a deadline
	smallFrame   = 512             // bytes: what nearly all frames but RECORDS and BLOB fit into
)

// ConnConfig tunes a Conn. Zero fields take their defaults.
type ConnConfig struct {
	Ping  time.Duration // between two pings; 30 s
	Dead  time.Duration // silence after which the peer is dead; 90 s
	Queue int           // frames that may wait for the writer; 16
}

// Conn carries frames over a websocket, for a hub as for a kiosk. One goroutine may
// call Receive; any number may call Send, SetLiveness, Close and Abort. It owns one
// goroutine, the writer, which is there while there is something to write, so that a
// connection on which nothing is said costs a hub no stack. Close and Abort wait for it:
// one of them must be called.
//
// A peer is dead when no byte came, or none could be written, for the time Dead,
// pings and pongs included. A large frame on a slow line is not silence.
type Conn struct {
	ws    *websocket.Conn
	queue chan []byte
	large int // bytes of the last frame received that was not small; Receive's own

	mu         sync.Mutex
	ping, dead time.Duration
	pings      *time.Timer
	pingDue    bool
	writing    bool // the writer runs, or has ended for ever

	closing  chan struct{} // closed by the first Close, Abort or failed write
	once     sync.Once
	code     int    // close code for the farewell, 0 for none; set before closing
	reason   string // and its text
	finished chan struct{}
	failure  error // why the writer ended; read after finished
}

// NewConn takes over ws, whose handshake is done.
func NewConn(ws *websocket.Conn, cfg ConnConfig) *Conn {
	if cfg.Ping <= 0 {
		cfg.Ping = defaultPing
	}
	if cfg.Dead <= 0 {
		cfg.Dead = defaultDead
	}
	if cfg.Queue <= 0 {
		cfg.Queue = defaultQueue
	}
	c := &Conn{
		ws:       ws,
		queue:    make(chan []byte, cfg.Queue),
		ping:     cfg.Ping,
		dead:     cfg.Dead,
		closing:  make(chan struct{}),
		finished: make(chan struct{}),
	}
	ws.SetReadLimit(MaxFrameBytes)
	ws.SetPongHandler(func(string) error { return c.awaitRead() })
	ws.SetPingHandler(func(data string) error {
		// The pong may have to wait for the writer: bounded, since this runs inside
		// the reader.
		err := ws.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(time.Second))
		if err != nil && !errors.Is(err, websocket.ErrCloseSent) {
			var timeout interface{ Timeout() bool }
			if !errors.As(err, &timeout) || !timeout.Timeout() {
				return err
			}
		}
		return c.awaitRead()
	})
	c.mu.Lock() // the timer may be quicker
	defer c.mu.Unlock()
	c.pings = time.AfterFunc(cfg.Ping, c.pingSoon)
	return c
}

// pingSoon has the writer ping.
func (c *Conn) pingSoon() {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.closing:
		return
	default:
	}
	c.pingDue = true
	c.startWriter()
	c.pings.Reset(c.ping)
}

// startWriter starts the writer where none runs; the caller holds mu.
func (c *Conn) startWriter() {
	if !c.writing {
		c.writing = true
		go c.write()
	}
}

// SetLiveness changes how often this side pings and when it gives the peer up.
func (c *Conn) SetLiveness(ping, dead time.Duration) {
	c.mu.Lock()
	c.ping, c.dead = ping, dead
	select {
	case <-c.closing:
	default:
		c.pings.Reset(ping)
	}
	c.mu.Unlock()
	_ = c.awaitRead() // a dead socket shows itself at the next read
}

// Send queues a frame for the writer and waits while the queue is full. A nil error
// says only that it was queued: what arrived is known by the peer's answer.
func (c *Conn) Send(ctx context.Context, f Frame) error {
	text, err := f.MarshalJSON() // json.Marshal would read the body once more
	if err != nil {
		return fmt.Errorf("send %s: %w", f.Method, err)
	}
	if len(text) > MaxFrameBytes {
		return fmt.Errorf("send %s: %d bytes: %w", f.Method, len(text), ErrTooLarge)
	}
	select {
	case <-c.closing:
		return fmt.Errorf("send %s: %w", f.Method, ErrClosed)
	default:
	}
	select {
	case c.queue <- text:
		c.mu.Lock()
		c.startWriter()
		c.mu.Unlock()
		return nil
	case <-c.closing:
		return fmt.Errorf("send %s: %w", f.Method, ErrClosed)
	case <-ctx.Done():
		return fmt.Errorf("send %s: %w", f.Method, ctx.Err())
	}
}

// Receive waits for the next frame. An *UnknownMethodError leaves the conversation
// whole, and so does ErrFrame, though the caller does well to end it; every other
// error is the end.
func (c *Conn) Receive() (Frame, error) {
	text, err := c.readMessage()
	if err != nil {
		return Frame{}, err
	}
	return Parse(text)
}

func (c *Conn) readMessage() ([]byte, error) {
	if err := c.awaitRead(); err != nil {
		return nil, c.receiveError(err)
	}
	kind, r, err := c.ws.NextReader()
	if err != nil {
		return nil, c.receiveError(err)
	}
	text := make([]byte, 0, smallFrame)
	for {
		if len(text) == cap(text) { // the next large frame is as large as the last
			text = slices.Grow(text, max(len(text), c.large-len(text)+1))
		}
		n, err := r.Read(text[len(text):cap(text)])
		text = text[:len(text)+n]
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = c.awaitRead()
		}
		if err != nil {
			return nil, c.receiveError(err)
		}
	}
	if kind != websocket.TextMessage {
		return nil, fmt.Errorf("%w: binary message", ErrFrame)
	}
	if len(text) > smallFrame {
		c.large = len(text)
	}
	return text, nil
}

// receiveError prefers the cause: a writer that failed has closed the socket under
// the reader.
func (c *Conn) receiveError(err error) error {
	select {
	case <-c.closing:
		<-c.finished
		if c.failure != nil {
			return fmt.Errorf("receive: %w", c.failure)
		}
		return fmt.Errorf("receive: %w", ErrClosed)
	default:
		return fmt.Errorf("receive: %w", err)
	}
}

// Done is closed when this side has begun to end the conversation, or can no longer
// write.
func (c *Conn) Done() <-chan struct{} { return c.closing }

// Close lets the writer send what is queued and a close frame, within a few seconds,
// then ends the connection. Calls after the first wait for the same end.
func (c *Conn) Close(code int, reason string) error {
	c.end(code, reason, nil)
	late := time.AfterFunc(farewell, func() { c.ws.Close() }) // frees a writer that hangs
	defer late.Stop()
	<-c.finished
	return c.failure
}

// Abort ends the connection at once; what is queued is dropped.
func (c *Conn) Abort() {
	c.end(0, "", nil)
	c.ws.Close() // also when a Close is flushing
	<-c.finished
}

func (c *Conn) end(code int, reason string, failure error) {
	c.once.Do(func() {
		c.code, c.reason, c.failure = code, reason, failure
		close(c.closing)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.pings.Stop()
		c.startWriter() // for the farewell
	})
}

// write is the writer goroutine. It ends when nothing is left to write, until the next
// Send or ping, and for ever once the conversation is closing.
func (c *Conn) write() {
	for {
		select {
		case <-c.closing:
			c.sayFarewell()
			c.ws.Close()
			close(c.finished)
			return
		default:
		}
		text, ping, dead, ok := c.nextToWrite()
		var err error
		switch {
		case !ok:
			return
		case ping:
			err = c.ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(dead))
		case text != nil:
			err = c.writeMessage(text, time.Now().Add, dead)
		}
		if err != nil {
			c.end(0, "", fmt.Errorf("write: %w", err))
		}
	}
}

// nextToWrite is not ok when there is nothing: the writer is then no more. It is neither a
// ping nor a text when the conversation is closing.
func (c *Conn) nextToWrite() (text []byte, ping bool, dead time.Duration, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pingDue {
		c.pingDue = false
		return nil, true, c.dead, true
	}
	select {
	case text = <-c.queue:
		return text, false, c.dead, true
	case <-c.closing:
		return nil, false, 0, true
	default:
		c.writing = false
		return nil, false, 0, false
	}
}

func (c *Conn) sayFarewell() {
	if c.code == 0 {
		return
	}
	until := time.Now().Add(farewell)
	fixed := func(time.Duration) time.Time { return until }
	for {
		select {
		case text := <-c.queue:
			if c.writeMessage(text, fixed, 0) != nil {
				return
			}
			continue
		default:
		}
		// Nobody is left to tell if this fails.
		_ = c.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(c.code, c.reason), until)
		return
	}
}

// writeMessage renews the deadline with every chunk, so that a slow line is told from
// a dead one.
func (c *Conn) writeMessage(text []byte, deadline func(time.Duration) time.Time, dead time.Duration) error {
	if err := c.ws.SetWriteDeadline(deadline(dead)); err != nil {
		return err
	}
	w, err := c.ws.NextWriter(websocket.TextMessage)
	if err != nil {
		return err
	}
	for len(text) > 0 {
		n := min(chunk, len(text))
		if err := c.ws.SetWriteDeadline(deadline(dead)); err != nil {
			return err
		}
		if _, err := w.Write(text[:n]); err != nil {
			return err
		}
		text = text[n:]
	}
	return w.Close()
}

func (c *Conn) liveness() (ping, dead time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ping, c.dead
}

func (c *Conn) awaitRead() error {
	_, dead := c.liveness()
	return c.ws.SetReadDeadline(time.Now().Add(dead))
}
