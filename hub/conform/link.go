package conform

import (
	"fmt"
	"time"

	"github.com/gorilla/websocket"

	"yeban/sync/protocol"
)

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
