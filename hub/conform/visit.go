package conform

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/gorilla/websocket"

	"yeban/sync/protocol"
	"yeban/sync/record"
)

// visit is one case under way.
type visit struct {
	ctx  context.Context
	cfg  Config
	open []*peer
}

func (v *visit) end() {
	for _, p := range v.open {
		p.ws.Close()
	}
}

// handshake asks for a websocket. A status other than 101 is no error.
func (v *visit) handshake(token string, subprotocols ...string) (ws *websocket.Conn, status int, err error) {
	ctx, cancel := context.WithTimeout(v.ctx, v.cfg.Patience)
	defer cancel()
	header := http.Header{}
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	d := websocket.Dialer{Subprotocols: subprotocols, TLSClientConfig: v.cfg.TLS, Proxy: http.ProxyFromEnvironment}
	ws, answer, err := d.DialContext(ctx, v.cfg.URL, header)
	switch {
	case err == nil:
		return ws, http.StatusSwitchingProtocols, nil
	case errors.Is(err, websocket.ErrBadHandshake) && answer != nil:
		return nil, answer.StatusCode, nil
	}
	return nil, 0, err
}

// dial gives a connection on which nothing was said.
func (v *visit) dial() (*peer, error) {
	for again := true; ; again = false {
		ws, status, err := v.handshake(v.cfg.Token, protocol.Subprotocol)
		switch {
		case err != nil:
			return nil, err
		case status == http.StatusServiceUnavailable && again:
			if err := v.pause(time.Second); err != nil {
				return nil, err
			}
			continue
		case status != http.StatusSwitchingProtocols:
			return nil, fmt.Errorf("the handshake is answered with HTTP %d", status)
		}
		p := &peer{visit: v, ws: ws}
		v.open = append(v.open, p)
		return p, nil
	}
}

// connect says HELLO for a log and hears WELCOME.
func (v *visit) connect(l *log) (*peer, protocol.Welcome, error) {
	p, err := v.dial()
	if err != nil {
		return nil, protocol.Welcome{}, err
	}
	w, err := p.hello(v.hello(l))
	if err != nil {
		return nil, w, err
	}
	if !v.cfg.Hasty {
		err = v.pause(time.Duration(w.SettleMs) * time.Millisecond)
	}
	return p, w, err
}

func (v *visit) hello(l *log) *protocol.Hello {
	last := uint64(len(l.entries))
	return &protocol.Hello{
		Kiosk: v.cfg.Kiosk, Software: "conformance", Epoch: l.epoch, First: min(1, last), Last: last,
		Clock: record.Clock{Wall: time.Now()},
	}
}

func (v *visit) pause(d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-v.ctx.Done():
		return v.ctx.Err()
	}
}

// peer is the server at the other end of one connection.
type peer struct {
	*visit
	ws *websocket.Conn
}

func (p *peer) say(kind int, text []byte) error {
	if err := p.ws.SetWriteDeadline(time.Now().Add(p.cfg.Patience)); err != nil {
		return err
	}
	return p.ws.WriteMessage(kind, text)
}

func (p *peer) send(t protocol.FrameType, id string, m protocol.Method, body any) error {
	f, err := protocol.NewFrame(t, id, m, body)
	if err != nil {
		return err
	}
	text, err := f.MarshalJSON()
	if err != nil {
		return err
	}
	return p.say(websocket.TextMessage, text)
}

func (p *peer) records(epoch record.Epoch, entries ...record.Entry) error {
	return p.send(protocol.Event, "", protocol.MethodRecords, &protocol.Records{Epoch: epoch, Entries: entries})
}

// closed means that the server has ended the connection.
type closed struct{ cause error }

func (c *closed) Error() string { return "the connection has ended: " + c.cause.Error() }

// errSilence means that nothing came in time.
var errSilence = errors.New("the server says nothing")

// next waits for a frame. What a hub may send at any time is passed over.
func (p *peer) next() (protocol.Frame, error) {
	until := time.Now().Add(p.cfg.Patience)
	for {
		if err := p.ws.SetReadDeadline(until); err != nil {
			return protocol.Frame{}, err
		}
		kind, text, err := p.ws.ReadMessage()
		if err != nil {
			if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
				return protocol.Frame{}, errSilence
			}
			return protocol.Frame{}, &closed{err}
		}
		if kind != websocket.TextMessage {
			return protocol.Frame{}, errors.New("the server sends a binary message")
		}
		f, err := protocol.Parse(text)
		if _, newer := errors.AsType[*protocol.UnknownMethodError](err); newer {
			continue
		}
		if err != nil {
			return f, fmt.Errorf("the server sends what is no frame: %w", err)
		}
		if f.Type == protocol.Event && f.Method == protocol.MethodCommand {
			continue
		}
		return f, nil
	}
}

// answer waits for what answers a call. Word of other things is passed over.
func (p *peer) answer(id string) (protocol.Frame, error) {
	for {
		f, err := p.next()
		if err != nil {
			return f, err
		}
		switch {
		case (f.Type == protocol.Result || f.Type == protocol.Error) && f.ID == id:
			return f, nil
		case f.Type == protocol.Event && f.Method == protocol.MethodDrain:
			return f, drained(&f)
		case f.Type == protocol.Error:
			return f, faultOf(&f)
		}
	}
}

func drained(f *protocol.Frame) error {
	var d protocol.Drain
	if err := f.Decode(&d); err != nil {
		return err
	}
	return fmt.Errorf("the server drains: come back in %d ms", d.AfterMs)
}

func faultOf(f *protocol.Frame) error {
	fault := new(protocol.Fault)
	if err := f.Decode(fault); err != nil {
		return err
	}
	return fault
}

const helloID = "h1"

func (p *peer) hello(h *protocol.Hello) (w protocol.Welcome, err error) {
	if err := p.send(protocol.Call, helloID, protocol.MethodHello, h); err != nil {
		return w, err
	}
	f, err := p.answer(helloID)
	if err != nil {
		return w, err
	}
	if f.Type == protocol.Error {
		return w, faultOf(&f)
	}
	if f.Method != protocol.MethodHello {
		return w, fmt.Errorf("HELLO is answered with %s", f.Method)
	}
	return w, f.Decode(&w)
}

// acked waits until everything up to have is acknowledged.
func (p *peer) acked(l *log, have uint64) error {
	last := uint64(0)
	for {
		f, err := p.next()
		if err != nil {
			return fmt.Errorf("waiting for ACK %d, last was %d: %w", have, last, err)
		}
		switch {
		case f.Type == protocol.Event && f.Method == protocol.MethodAck:
			var a protocol.Ack
			if err := f.Decode(&a); err != nil {
				return err
			}
			switch {
			case a.Epoch != l.epoch:
				return errors.New("ACK of another epoch")
			case a.Have > have:
				return fmt.Errorf("ACK of %d, only %d was sent", a.Have, have)
			case a.Have < last:
				return fmt.Errorf("ACK of %d after ACK of %d", a.Have, last)
			case a.Have == have:
				return nil
			}
			last = a.Have
		case f.Type == protocol.Event && f.Method == protocol.MethodDrain:
			return drained(&f)
		case f.Type == protocol.Error:
			return faultOf(&f)
		default:
			return fmt.Errorf("%s of type %d where ACK is due", f.Method, f.Type)
		}
	}
}

// probe asks for something that no server knows. Where its answer comes, the conversation
// goes on behind whatever was said before.
func (p *peer) probe() error {
	return p.say(websocket.TextMessage, []byte(`[2,"`+probeID+`","CONFORM-PROBE",{}]`))
}

const probeID = "probe"

// errGoesOn means that a server passes over what it must refuse.
var errGoesOn = errors.New("the conversation goes on as if nothing were wrong")

// fault waits for an Error with a code. Nothing that was sent before may be waiting to be
// acknowledged: an ACK says that the server has taken what it must refuse.
func (p *peer) fault(want protocol.FaultCode) error {
	for {
		f, err := p.next()
		if err != nil {
			return fmt.Errorf("waiting for the fault %s: %w", want, err)
		}
		switch {
		case f.Type == protocol.Event && f.Method == protocol.MethodAck:
			return errors.New("an ACK in place of the fault " + string(want))
		case f.ID == probeID:
			return errGoesOn
		case f.Type != protocol.Error:
			continue
		}
		got, ok := errors.AsType[*protocol.Fault](faultOf(&f))
		if !ok {
			return faultOf(&f)
		}
		if got.Code != want {
			return fmt.Errorf("fault %s where %s is due: %w", got.Code, want, got)
		}
		return nil
	}
}

// ends waits for the end of the connection.
func (p *peer) ends() error {
	for {
		f, err := p.next()
		if _, ok := errors.AsType[*closed](err); ok {
			return nil
		}
		switch {
		case err != nil:
			return fmt.Errorf("the connection does not end: %w", err)
		case f.ID == probeID:
			return errGoesOn
		case f.Type == protocol.Event && f.Method == protocol.MethodAck:
			return errors.New("an ACK where the connection must end")
		}
	}
}

// refused is a fault after which the connection ends.
func (p *peer) refused(want protocol.FaultCode) error {
	if err := p.fault(want); err != nil {
		return err
	}
	return p.ends()
}

// lives proves that a conversation goes on: a record is taken and acknowledged.
func (p *peer) lives(l *log) error {
	e, err := l.add(p.visit)
	if err == nil {
		err = p.records(l.epoch, e)
	}
	if err == nil {
		err = p.acked(l, e.Seq)
	}
	if err != nil {
		return fmt.Errorf("the conversation does not go on: %w", err)
	}
	return nil
}

// cursor connects anew and says how far the server is; the hash must be that of the log.
func (v *visit) cursor(l *log) (uint64, error) {
	p, w, err := v.connect(l)
	if err != nil {
		return 0, err
	}
	p.ws.Close()
	if w.Have > uint64(len(l.entries)) {
		return w.Have, fmt.Errorf("have is %d, the log ends at %d", w.Have, len(l.entries))
	}
	if want := l.hash(w.Have); w.HaveHash != want {
		return w.Have, fmt.Errorf("haveHash at %d is not that of the entry there", w.Have)
	}
	return w.Have, nil
}

// at connects anew; the server must be exactly so far.
func (v *visit) at(l *log, want uint64) error {
	have, err := v.cursor(l)
	if err == nil && have != want {
		err = fmt.Errorf("after connecting anew have is %d, it must be %d", have, want)
	}
	return err
}

// tooMuch is a body of more than n bytes, which is not held in memory.
func tooMuch(n int64) io.Reader { return io.LimitReader(endless{}, n) }

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}
