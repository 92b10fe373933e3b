package simulator

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// Client works a bench in another process.
type Client struct {
	mu   sync.Mutex
	conn net.Conn
	in   *bufio.Reader
}

// Dial connects to the control socket at a path, waiting for it to appear until ctx ends.
func Dial(ctx context.Context, path string) (*Client, error) {
	var d net.Dialer
	for {
		conn, err := d.DialContext(ctx, "unix", path)
		if err == nil {
			return &Client{conn: conn, in: bufio.NewReader(conn)}, nil
		}
		t := time.NewTimer(50 * time.Millisecond)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return nil, fmt.Errorf("simulator: control socket: %w", errors.Join(ctx.Err(), err))
		}
	}
}

// Do sends one request and waits for its response. A response with an Error is
// returned as an error as well.
func (c *Client) Do(ctx context.Context, q Request) (Response, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	stop := context.AfterFunc(ctx, func() { c.conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	line, err := json.Marshal(q)
	if err != nil {
		return Response{}, err
	}
	var r Response
	if _, err := c.conn.Write(append(line, '\n')); err != nil {
		return r, fmt.Errorf("simulator: control socket: %w", err)
	}
	answer, err := c.in.ReadBytes('\n')
	if err != nil {
		return r, fmt.Errorf("simulator: control socket: %w", err)
	}
	if err := json.Unmarshal(answer, &r); err != nil {
		return r, fmt.Errorf("simulator: control socket: %w", err)
	}
	if r.Error != "" {
		return r, errors.New(r.Error)
	}
	return r, nil
}

// Close ends the connection.
func (c *Client) Close() error { return c.conn.Close() }
