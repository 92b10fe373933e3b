package conform

import (
	"errors"
	"fmt"
	"time"

	"yeban/sync/protocol"
	"yeban/sync/record"
)

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
