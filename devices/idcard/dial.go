package idcard

import (
	"context"
	"errors"
	"slices"
	"time"

	"yeban/devices/serialport"
)

// rates are those that a module can be set to.
var rates = []int{115200, 57600, 38400, 19200, 9600}

// A module is deaf for about 1.5 s after power-up, and nobody knows the rate of one that
// has been set by others. So the likely rate is asked at every second turn, and neither
// has to wait for the other. When all have had their turn, longer ones follow, for a
// module that is slow to answer.
var turns = []struct{ likely, other time.Duration }{
	{250 * time.Millisecond, 150 * time.Millisecond},
	{400 * time.Millisecond, 400 * time.Millisecond},
}

// Dialer finds the reader on a line at whatever rate it has, and remembers the rate for
// the next time. The zero value is ready; one Dial at a time.
type Dialer struct {
	last int // rate at which the module answered last
	next int // turns taken by other rates: a Dial that was cut short is gone on with
}

// Dial opens a line and finds the reader on it: first at the rate it had last, or else
// at the configured one, which goes on being asked in turn with the others that a module
// can be set to. It returns the rate at which the module answered. Where none does, the
// error is what was heard at the configured rate: ErrSilent or ErrGarbled.
func (d *Dialer) Dial(ctx context.Context, c serialport.Config, options ...Option) (*Reader, int, error) {
	if c.Baud == 0 {
		c.Baud = rates[0]
	}
	likely, others := d.order(c.Baud)
	heard := ErrSilent
	at := func(baud int, wait time.Duration) (*Reader, error) {
		c := c
		configured := baud == c.Baud
		c.Baud = baud
		r, err := dialAt(ctx, c, wait, options)
		switch {
		case err == nil:
			d.last, d.next = baud, 0
		case errors.Is(err, ErrGarbled) && configured:
			heard = ErrGarbled
		}
		return r, err
	}
	for range len(turns) * len(others) {
		turn, other := turns[d.next/len(others)%len(turns)], others[d.next%len(others)]
		r, err := at(likely, turn.likely)
		if err == nil || !unheard(err) {
			return r, likely, err
		}
		if r, err = at(other, turn.other); err == nil || !unheard(err) {
			return r, other, err
		}
		d.next++
	}
	return nil, 0, heard
}

// order gives the rate that is asked at every second turn, and the others.
func (d *Dialer) order(configured int) (likely int, others []int) {
	likely = configured
	if d.last != 0 {
		likely = d.last
	}
	for _, baud := range append([]int{configured}, rates...) {
		if baud != likely && !slices.Contains(others, baud) {
			others = append(others, baud)
		}
	}
	return likely, others
}

// unheard is the failure of a module that may answer at another rate or time.
func unheard(err error) bool { return errors.Is(err, ErrSilent) || errors.Is(err, ErrGarbled) }

// Dial is a Dialer's that remembers nothing.
func Dial(ctx context.Context, c serialport.Config, options ...Option) (*Reader, int, error) {
	return new(Dialer).Dial(ctx, c, options...)
}

// dialAt asks for the module's identity once. A module that answers that it is unwell is
// found all the same.
func dialAt(ctx context.Context, c serialport.Config, wait time.Duration, options []Option) (*Reader, error) {
	port, err := serialport.Open(ctx, c)
	if err != nil {
		return nil, err
	}
	r := New(port, options...)
	if r.talk.family == STX {
		return r, nil // nothing can be asked without a card
	}
	a, err := r.talk.exchange(ctx, CmdSAMID, wait)
	if err == nil && a.sw.Code() == OK {
		err = r.talk.recognise(a)
	}
	if err != nil {
		return nil, errors.Join(err, port.Close())
	}
	return r, nil
}
