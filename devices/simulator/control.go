package simulator

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image/png"
	"io"
	"net"
	"sync"
)

// Request is one line of JSON on the control socket. Do is one of
//
//	lay      Card: key of a card of the tray
//	lift
//	press    Level: 1–5
//	paper    Paper: load, out, low, full; answers nothing
//	cover    Open
//	power    Off: the printer's
//	restart  takes the evaluator's power and gives it back at once
//	tear     throws the printed paper away
//	unplug   Device
//	plug     Device, As: another name, or empty
//	fault    Device, Faults: replaces that device's faults
//	image    answers PNG
//	receipts answers Receipts
//	state    answers State
//
// Every answer carries State.
type Request struct {
	Do     string          `json:"do" yaml:"do"`
	Card   string          `json:"card,omitempty" yaml:"card"`
	Level  int             `json:"level,omitempty" yaml:"level"`
	Paper  string          `json:"paper,omitempty" yaml:"paper"`
	Open   bool            `json:"open,omitempty" yaml:"open"`
	Off    bool            `json:"off,omitempty" yaml:"off"`
	Device string          `json:"device,omitempty" yaml:"device"`
	As     string          `json:"as,omitempty" yaml:"as"`
	Faults json.RawMessage `json:"faults,omitempty" yaml:"-"`
}

// Response answers a Request.
type Response struct {
	Error    string    `json:"error,omitempty"`
	State    State     `json:"state"`
	Receipts []Receipt `json:"receipts,omitempty"`
	PNG      []byte    `json:"png,omitempty"`
}

// State is the bench at a moment.
type State struct {
	Card      string            `json:"card,omitempty"` // key of the card that lies on the reader
	Asking    bool              `json:"asking"`
	Asked     int               `json:"asked"`
	Reads     int               `json:"reads"`
	Printer   PrinterState      `json:"printer"`
	Ports     map[string]string `json:"ports"` // name of the port by device; none where it is unplugged
	Unplugged []string          `json:"unplugged,omitempty"`
	Faults    map[string]any    `json:"faults,omitempty"`
}

// maxRequestLine bounds a line of the control socket.
const maxRequestLine = 64 << 10

// ErrRequest is returned for a request that makes no sense.
var ErrRequest = errors.New("simulator: bad request")

// State is the bench at this moment.
func (b *Bench) State() State {
	s := State{
		Asking: b.Evaluator.Asking(), Asked: b.Evaluator.Asked(), Reads: b.Reader.Reads(), Printer: b.Printer.State(),
		Ports:  map[string]string{},
		Faults: map[string]any{"idcard": b.Reader.Faults(), "printer": b.Printer.Faults(), "evaluator": b.Evaluator.Faults()},
	}
	if c, laid := b.Reader.Card(); laid {
		s.Card = c.Key
	}
	for _, l := range b.lines() {
		if port := l.port(); port != "" {
			s.Ports[l.name] = port
		} else {
			s.Unplugged = append(s.Unplugged, l.name)
		}
	}
	return s
}

// Do carries out a request.
func (b *Bench) Do(q Request) (r Response, err error) {
	defer func() { r.State = b.State() }()
	switch q.Do {
	case "lay":
		c, err := CardByKey(q.Card)
		if err != nil {
			return r, err
		}
		b.Reader.Lay(c)
	case "lift":
		b.Reader.Lift()
	case "press":
		return r, b.Evaluator.Press(q.Level)
	case "paper":
		return r, b.setPaper(q.Paper)
	case "cover":
		b.Printer.SetCover(q.Open)
	case "power":
		b.Printer.SetPower(!q.Off)
	case "restart":
		b.Evaluator.Restart()
	case "tear":
		b.Printer.TearOff()
	case "unplug":
		return r, b.Unplug(q.Device)
	case "plug":
		return r, b.Plug(q.Device, q.As)
	case "fault":
		return r, b.setFaults(q.Device, q.Faults)
	case "image":
		var buf bytes.Buffer
		if err := png.Encode(&buf, b.Printer.Image()); err != nil {
			return r, fmt.Errorf("simulator: draw paper: %w", err)
		}
		r.PNG = buf.Bytes()
	case "receipts":
		r.Receipts = b.Printer.Receipts()
	case "state":
	default:
		return r, fmt.Errorf("%w: do %q", ErrRequest, q.Do)
	}
	return r, nil
}

func (b *Bench) setPaper(to string) error {
	switch to {
	case "load", "full":
		b.Printer.LoadPaper()
	case "out":
		b.Printer.RemovePaper()
	case "low":
		b.Printer.SetNearEnd(true)
	default:
		return fmt.Errorf("%w: paper %q", ErrRequest, to)
	}
	return nil
}

// setFaults replaces a device's faults by those in raw; a field that no fault has is
// an error.
func (b *Bench) setFaults(device string, raw []byte) error {
	var err error
	switch device {
	case "idcard":
		err = decodeFaults(raw, b.Reader.SetFaults)
	case "printer":
		err = decodeFaults(raw, b.Printer.SetFaults)
	case "evaluator":
		err = decodeFaults(raw, b.Evaluator.SetFaults)
	default:
		return fmt.Errorf("%w: device %q", ErrRequest, device)
	}
	if err != nil {
		return fmt.Errorf("%w: faults of %s: %w", ErrRequest, device, err)
	}
	return nil
}

// decodeFaults reads a struct of faults, none where raw is empty, and sets it where it
// makes sense.
func decodeFaults[F interface{ check() error }](raw []byte, set func(F)) error {
	var f F
	if len(raw) > 0 {
		d := json.NewDecoder(bytes.NewReader(raw))
		d.DisallowUnknownFields()
		if err := d.Decode(&f); err != nil {
			return err
		}
	}
	if err := f.check(); err != nil {
		return err
	}
	set(f)
	return nil
}

// Serve lets other processes work the bench: one JSON Request a line, one JSON
// Response a line. It returns when ctx ends, after the last connection closed.
func (b *Bench) Serve(ctx context.Context, l net.Listener) error {
	var all sync.WaitGroup
	defer all.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	for {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("simulator: control socket: %w", err)
		}
		all.Go(func() {
			defer conn.Close()
			stop := context.AfterFunc(ctx, func() { conn.Close() })
			defer stop()
			b.converse(conn)
		})
	}
}

// converse answers until the other side has no more to say, or says too much in a line.
func (b *Bench) converse(conn io.ReadWriter) {
	in := bufio.NewScanner(conn)
	in.Buffer(nil, maxRequestLine)
	out := json.NewEncoder(conn)
	for in.Scan() {
		var q Request
		var r Response
		err := json.Unmarshal(in.Bytes(), &q)
		if err != nil {
			err = fmt.Errorf("%w: %w", ErrRequest, err)
		} else {
			r, err = b.Do(q)
		}
		if err != nil {
			r.Error = err.Error()
		}
		if out.Encode(r) != nil {
			return
		}
	}
	if errors.Is(in.Err(), bufio.ErrTooLong) { // otherwise nobody is there to hear it
		_ = out.Encode(Response{Error: fmt.Sprintf("%v: a line of more than %d bytes", ErrRequest, maxRequestLine), State: b.State()})
	}
}
