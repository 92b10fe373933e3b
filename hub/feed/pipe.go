package feed

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// Pipe writes each event as a JSON line and reads JSON lines back:
//
//	{"ack": "<id>"}                         has it; may carry "results" besides
//	{"refuse": "<id>", "answer": "<why>"}   will never take it
//	{"results": [ … ]}                      at any time
//
// The next event is written after the ack of the one before.
type Pipe struct {
	out     io.Writer
	results func(context.Context, []Result) error

	turn  chan struct{} // held while a line is written
	lines chan pipeLine
	ended chan struct{}
	mu    sync.Mutex
	err   error // why reading ended
}

type pipeLine struct {
	Ack     string   `json:"ack"`
	Refuse  string   `json:"refuse"`
	Answer  string   `json:"answer"`
	Results []Result `json:"results"`
}

const maxPipeLine = 1 << 20

// ErrPipeClosed means that the other side has gone.
var ErrPipeClosed = errors.New("back office has closed the pipe")

// NewPipe begins to read in until it ends. results takes what comes without an ack.
func NewPipe(ctx context.Context, in io.Reader, out io.Writer, results func(context.Context, []Result) error) *Pipe {
	p := &Pipe{out: out, results: results, turn: make(chan struct{}, 1), lines: make(chan pipeLine), ended: make(chan struct{})}
	go p.read(ctx, in)
	return p
}

// Done is closed when there is nothing more to read.
func (p *Pipe) Done() <-chan struct{} { return p.ended }

// Err is why reading ended: ErrPipeClosed, or what was wrong with a line.
func (p *Pipe) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

func (p *Pipe) read(ctx context.Context, in io.Reader) {
	err := p.scan(ctx, in)
	p.mu.Lock()
	p.err = err
	p.mu.Unlock()
	close(p.ended)
}

func (p *Pipe) scan(ctx context.Context, in io.Reader) error {
	s := bufio.NewScanner(in)
	s.Buffer(make([]byte, 64<<10), maxPipeLine)
	for n := 1; s.Scan(); n++ {
		if len(s.Bytes()) == 0 {
			continue
		}
		var l pipeLine
		if err := json.Unmarshal(s.Bytes(), &l); err != nil {
			return fmt.Errorf("line %d from the back office is not JSON", n)
		}
		for i := range l.Results {
			if err := l.Results[i].check(time.Now()); err != nil {
				return fmt.Errorf("line %d from the back office: result %d: %w", n, i+1, err)
			}
		}
		if l.Ack == "" && l.Refuse == "" {
			if err := p.results(ctx, l.Results); err != nil {
				return fmt.Errorf("line %d from the back office: %w", n, err)
			}
			continue
		}
		select {
		case p.lines <- l:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := s.Err(); err != nil {
		return fmt.Errorf("read from the back office: %w", err)
	}
	return ErrPipeClosed
}

// Deliver writes an event and waits for its ack.
func (p *Pipe) Deliver(ctx context.Context, e *Event) (Answer, error) {
	if err := p.write(ctx, e); err != nil {
		return Answer{}, err
	}
	for {
		select {
		case <-ctx.Done():
			return Answer{}, ctx.Err()
		case <-p.ended:
			return Answer{}, p.Err()
		case l := <-p.lines:
			switch e.ID {
			case l.Ack:
				return Answer{Results: l.Results}, nil
			case l.Refuse:
				return Answer{}, &RefusedError{clip(l.Answer, 200)}
			}
			// The ack of an event that was written again after a time-out: it is not this one.
		}
	}
}

// write hands over one line. A reader that stands still does not hold up the end of the
// program: what is written then is lost with the pipe, and its position has not moved.
func (p *Pipe) write(ctx context.Context, e *Event) error {
	var line bytes.Buffer
	if err := json.NewEncoder(&line).Encode(e); err != nil {
		return &RefusedError{"event cannot be written as JSON"}
	}
	select {
	case p.turn <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("write event: the line before is not read: %w", ctx.Err())
	}
	written := make(chan error, 1)
	go func() {
		defer func() { <-p.turn }()
		_, err := p.out.Write(line.Bytes())
		clear(line.Bytes())
		written <- err
	}()
	select {
	case err := <-written:
		if err != nil {
			return fmt.Errorf("write event: %w", err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("write event: %w", ctx.Err())
	}
}

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}
