package conform

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"yeban/sync/protocol"
	"yeban/sync/record"
)

const specHandshake = "asyncapi.yaml, info: handshake, token, subprotocol"

var handshakeCases = []one{
	{name: "handshake", spec: specHandshake, essential: true,
		expected: "101 with subprotocol yeban.v1",
		run: func(v *visit) error {
			p, err := v.dial()
			if err != nil {
				return err
			}
			if got := p.ws.Subprotocol(); got != protocol.Subprotocol {
				return fmt.Errorf("subprotocol %q", got)
			}
			return nil
		}},
	{name: "handshake without a token", spec: specHandshake, expected: "401",
		run: func(v *visit) error { return v.unauthorised("") }},
	{name: "handshake with a wrong token", spec: specHandshake, expected: "401",
		run: func(v *visit) error { return v.unauthorised(strings.Repeat("X", 52)) }},
	{name: "handshake with another subprotocol", spec: specHandshake,
		expected: "refused, or the connection ends without WELCOME",
		run:      func(v *visit) error { return v.foreign("yeban.v0") }},
	{name: "handshake without a subprotocol", spec: specHandshake,
		expected: "refused, or the connection ends without WELCOME",
		run:      func(v *visit) error { return v.foreign() }},
}

func (v *visit) unauthorised(token string) error {
	ws, status, err := v.handshake(token, protocol.Subprotocol)
	if err != nil {
		return err
	}
	if ws != nil {
		ws.Close()
	}
	if status != http.StatusUnauthorized {
		return fmt.Errorf("HTTP %d", status)
	}
	return nil
}

func (v *visit) foreign(subprotocols ...string) error {
	ws, status, err := v.handshake(v.cfg.Token, subprotocols...)
	if err != nil {
		return err
	}
	if ws == nil {
		if status < 400 || status >= 500 {
			return fmt.Errorf("HTTP %d", status)
		}
		return nil
	}
	p := &peer{visit: v, ws: ws}
	v.open = append(v.open, p)
	l, err := newLog()
	if err != nil {
		return err
	}
	_, err = p.hello(v.hello(l))
	if err == nil {
		return errors.New("WELCOME all the same")
	}
	if errors.Is(err, errSilence) {
		return err
	}
	return nil
}

var helloCases = []one{
	{name: "HELLO of a new log", spec: "welcome.json; asyncapi.yaml, operation greet", essential: true,
		expected: "WELCOME with its fields: epoch as in HELLO, have 0 with a hash of zeros, window, times in bounds",
		run: func(v *visit) error {
			l, err := v.newLog(3)
			if err != nil {
				return err
			}
			_, w, err := v.connect(l)
			switch {
			case err != nil:
				return err
			case w.Epoch != l.epoch:
				return errors.New("epoch is another than in HELLO")
			case w.Have != 0:
				return fmt.Errorf("have %d of a log that nobody has sent", w.Have)
			case w.Fence == 0:
				return errors.New("fence is 0")
			case w.ServerTime.IsZero():
				return errors.New("serverTime is missing")
			}
			return nil
		}},
	{name: "HELLO of an empty log", spec: "hello.json: first and last are 0", expected: "WELCOME with have 0",
		run: func(v *visit) error {
			l, err := newLog()
			if err != nil {
				return err
			}
			_, w, err := v.connect(l)
			if err == nil && w.Have != 0 {
				err = fmt.Errorf("have %d", w.Have)
			}
			return err
		}},
	{name: "fence grows", spec: "welcome.json: fence", expected: "each WELCOME has a larger fence than the one before",
		run: func(v *visit) error {
			var last uint64
			for range 3 {
				l, err := newLog()
				if err != nil {
					return err
				}
				_, w, err := v.connect(l)
				if err != nil {
					return err
				}
				if w.Fence <= last {
					return fmt.Errorf("fence %d after %d", w.Fence, last)
				}
				last = w.Fence
			}
			return nil
		}},
	{name: "HELLO of another terminal", spec: "hello.json: kiosk; fault.json: unauthorised", expected: "Error unauthorised to the call, and the end",
		run: func(v *visit) error {
			l, err := newLog()
			if err != nil {
				return err
			}
			h := v.hello(l)
			h.Kiosk = "not-" + v.cfg.Kiosk
			return v.helloRefused(h, protocol.FaultUnauthorised)
		}},
	{name: "HELLO without an epoch", spec: "hello.json: epoch; fault.json: bad-frame", expected: "Error bad-frame, and the end",
		run: func(v *visit) error {
			return v.helloRefused(v.hello(&log{epoch: record.Epoch{}}), protocol.FaultBadFrame)
		}},
	{name: "something else before HELLO", spec: "asyncapi.yaml, info: order of a conversation", expected: "Error bad-frame, and the end",
		run: func(v *visit) error {
			p, err := v.dial()
			if err == nil {
				err = p.send(protocol.Event, "", protocol.MethodStatus, &protocol.Status{At: time.Now(), Visit: "home"})
			}
			if err == nil {
				err = p.refused(protocol.FaultBadFrame)
			}
			return err
		}},
	{name: "HELLO twice", spec: "asyncapi.yaml, info: order of a conversation", expected: "Error bad-frame, and the end",
		run: func(v *visit) error {
			l, err := newLog()
			if err != nil {
				return err
			}
			p, _, err := v.connect(l)
			if err == nil {
				err = p.send(protocol.Call, "h2", protocol.MethodHello, v.hello(l))
			}
			if err == nil {
				err = p.refused(protocol.FaultBadFrame)
			}
			return err
		}},
}

// helloRefused says a HELLO that must be answered with a fault.
func (v *visit) helloRefused(h *protocol.Hello, want protocol.FaultCode) error {
	p, err := v.dial()
	if err != nil {
		return err
	}
	_, err = p.hello(h)
	if err == nil {
		return errors.New("WELCOME all the same")
	}
	fault, ok := errors.AsType[*protocol.Fault](err)
	if !ok {
		return err
	}
	if fault.Code != want {
		return fmt.Errorf("fault %s", fault.Code)
	}
	return p.ends()
}

var fenceCases = []one{
	{name: "a second connection fences the first", spec: "asyncapi.yaml, info: every newer connection; fault.json: fenced",
		expected: "the first hears Error fenced and ends; the second works",
		run: func(v *visit) error {
			l, err := v.newLog(1)
			if err != nil {
				return err
			}
			first, _, err := v.connect(l)
			if err != nil {
				return err
			}
			second, _, err := v.connect(l)
			if err != nil {
				return err
			}
			// A server may learn it only from what the first one says.
			_ = first.records(l.epoch, l.entries...)
			if err := first.refused(protocol.FaultFenced); err != nil {
				return fmt.Errorf("first: %w", err)
			}
			return second.exchange(l, 1)
		}},
	{name: "records behind the fence are not taken", spec: "asyncapi.yaml, info: every newer connection",
		expected: "what a fenced connection still sends is not committed",
		run: func(v *visit) error {
			l, err := v.newLog(2)
			if err != nil {
				return err
			}
			first, _, err := v.connect(l)
			if err != nil {
				return err
			}
			if _, _, err := v.connect(l); err != nil {
				return err
			}
			_ = first.records(l.epoch, l.entries...) // it may be closed already
			if err := first.ends(); err != nil {
				return err
			}
			return v.at(l, 0)
		}},
}

var linkCases = []one{
	{name: "ping", spec: "asyncapi.yaml, info; welcome.json: pingSeconds", expected: "a websocket ping is answered with its pong",
		run: func(v *visit) error {
			l, err := newLog()
			if err != nil {
				return err
			}
			p, _, err := v.connect(l)
			if err != nil {
				return err
			}
			heard := false
			p.ws.SetPongHandler(func(data string) error {
				heard = data == "conform"
				return p.ws.SetReadDeadline(time.Now()) // and no longer
			})
			if err := p.ws.WriteControl(websocket.PingMessage, []byte("conform"), time.Now().Add(v.cfg.Patience)); err != nil {
				return err
			}
			if _, err := p.next(); !heard {
				return fmt.Errorf("no pong: %w", err)
			}
			return nil
		}},
	{name: "the server pings", spec: "welcome.json: pingSeconds", expected: "a ping within pingSeconds",
		run: func(v *visit) error {
			l, err := newLog()
			if err != nil {
				return err
			}
			p, w, err := v.connect(l)
			if err != nil {
				return err
			}
			wait := time.Duration(w.PingSeconds) * time.Second
			if wait > v.cfg.Longest {
				return skip("pingSeconds is %d, longer than this run waits", w.PingSeconds)
			}
			heard := false
			p.ws.SetPingHandler(func(string) error {
				heard = true
				return p.ws.SetReadDeadline(time.Now())
			})
			p.cfg.Patience += wait
			if _, err := p.next(); !heard {
				return fmt.Errorf("no ping: %w", err)
			}
			return nil
		}},
	{name: "a silent terminal is given up", spec: "welcome.json: deadSeconds", expected: "the connection ends after deadSeconds without a byte, and not much sooner",
		run: func(v *visit) error {
			l, err := newLog()
			if err != nil {
				return err
			}
			p, w, err := v.connect(l)
			if err != nil {
				return err
			}
			dead := time.Duration(w.DeadSeconds) * time.Second
			if dead > v.cfg.Longest {
				return skip("deadSeconds is %d, longer than this run waits", w.DeadSeconds)
			}
			p.ws.SetPingHandler(func(string) error { return nil }) // as a dead one does
			silent := time.Now()
			p.visit = &visit{ctx: v.ctx, cfg: v.cfg}
			p.cfg.Patience += dead
			if err := p.ends(); err != nil {
				return err
			}
			if took := time.Since(silent); took < dead/2 {
				return fmt.Errorf("ended after %v", took.Round(time.Millisecond))
			}
			return nil
		}},
	{name: "DRAIN", spec: "drain.json", expected: "DRAIN before a server stops",
		run: func(*visit) error { return skip("cannot be provoked from here: stop the server and look") }},
}
