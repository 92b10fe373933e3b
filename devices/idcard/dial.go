package idcard

import (
	"context"
	"errors"
	"time"

	"yeban/devices/serialport"
)

// otherBauds are the rates that a module can be set to.
var otherBauds = []int{115200, 57600, 38400, 19200, 9600}

const (
	bootTime  = 2 * time.Second        // modules are deaf for about 1.5 s after power-up
	probeTime = 400 * time.Millisecond // at a rate that is a guess
)

// Dial opens a line and finds the reader on it: at the configured baud rate for as
// long as a module may take to boot, then at the others a module can be set to. It
// returns the rate at which the module answered. Where none does, the error is what
// was heard at the configured rate: ErrSilent or ErrGarbled.
func Dial(ctx context.Context, c serialport.Config, options ...Option) (*Reader, int, error) {
	if c.Baud == 0 {
		c.Baud = otherBauds[0]
	}
	r, first := dialAt(ctx, c, bootTime, options)
	if first == nil {
		return r, c.Baud, nil
	}
	if !errors.Is(first, ErrSilent) && !errors.Is(first, ErrGarbled) || r != nil {
		return nil, 0, first
	}
	for _, baud := range otherBauds {
		if baud == c.Baud {
			continue
		}
		other := c
		other.Baud = baud
		r, err := dialAt(ctx, other, probeTime, options)
		if err == nil {
			return r, baud, nil
		}
		if !errors.Is(err, ErrSilent) && !errors.Is(err, ErrGarbled) {
			return nil, 0, err
		}
	}
	return nil, 0, first
}

// dialAt asks for the module's identity until it answers or time is up. A module that
// answers that it is unwell is found all the same.
func dialAt(ctx context.Context, c serialport.Config, patience time.Duration, options []Option) (*Reader, error) {
	port, err := serialport.Open(ctx, c)
	if err != nil {
		return nil, err
	}
	r := New(port, options...)
	if r.talk.family == STX {
		return r, nil // nothing can be asked without a card
	}
	garbled := 0
	for start := time.Now(); ; {
		var a answer
		a, err = r.talk.exchange(ctx, CmdSAMID, probeTime)
		if err == nil && a.sw.Code() == OK {
			err = r.talk.recognise(a)
		}
		if err == nil {
			return r, nil
		}
		if errors.Is(err, ErrGarbled) {
			garbled++ // awake, but at another rate
		}
		again := errors.Is(err, ErrSilent) || errors.Is(err, ErrGarbled)
		if !again || garbled == 2 || time.Since(start) >= patience {
			return nil, errors.Join(err, port.Close())
		}
	}
}
