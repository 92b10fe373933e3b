package evaluator

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"yeban/devices"
)

// ev1 drives a device that speaks EV1.
type ev1 struct {
	*wire
	opt     Options
	scanner scanner
	queue   []frame
	seq     byte
	open    *[8]byte // session of the open question
	greeted bool     // HELLO was asked for since the device has power, for all that is known
	hello   atomic.Pointer[greeting]
}

const (
	ev1Addr  = 1
	ev1Tries = 3
	// lull is the silence after which a frame that has begun is given up.
	lull = 250 * time.Millisecond
	// ev1Fresh in an answer to STATUS: nobody has asked for HELLO since power-up.
	ev1Fresh = 0x80
	// ev1Glimpse is how often a device is asked whether it still has its question.
	ev1Glimpse = 2 * time.Second
	// gather is how long the rest of a frame that has begun is let come in before it is
	// looked at: at 9600 baud a read for each byte would cost more than all the rest.
	gather = 12 * time.Millisecond
)

func newEV1(port Port, o Options) *ev1 { return &ev1{wire: newWire(port), opt: o} }

// next gives the next frame that comes within d. Results of other questions than
// the open one are acknowledged, so that they are not repeated, counted and dropped.
func (e *ev1) next(ctx context.Context, d time.Duration) (frame, error) {
	end := time.Now().Add(d)
	for {
		for len(e.queue) > 0 {
			f := e.queue[0]
			e.queue = e.queue[1:]
			if f.cmd == cmdResult {
				mine, err := e.acknowledge(ctx, f)
				if err != nil {
					return frame{}, err
				}
				if !mine {
					continue
				}
			}
			return f, nil
		}
		wait := time.Until(end)
		if len(e.scanner.buf) > 0 {
			if err := e.pause(ctx, gather); err != nil {
				return frame{}, err
			}
			wait = min(wait, lull)
		}
		p, err := e.read(ctx, wait)
		if errors.Is(err, errNothing) {
			e.queue = append(e.queue, e.scanner.stalled()...)
			if len(e.queue) == 0 && time.Now().After(end) {
				return frame{}, errNothing
			}
			continue
		}
		if err != nil {
			return frame{}, err
		}
		e.queue = append(e.queue, e.scanner.push(p)...)
	}
}

// acknowledge answers a RESULT and tells whether it belongs to the open question.
func (e *ev1) acknowledge(ctx context.Context, f frame) (mine bool, err error) {
	if len(f.data) < 14 {
		e.dropped.Add(1)
		return false, nil
	}
	ack := frame{addr: ev1Addr, seq: f.seq, cmd: cmdAck, data: append([]byte{byte(cmdResult)}, f.data[:8]...)}
	if err := e.write(ctx, ack.bytes()); err != nil {
		return false, err
	}
	if e.open == nil || [8]byte(f.data) != *e.open {
		e.dropped.Add(1)
		return false, nil
	}
	return true, nil
}

// call sends a command and gives the data of its acknowledgement, or the open question's
// result where that comes first. It is sent again where no answer comes: every EV1 command
// may be.
func (e *ev1) call(ctx context.Context, cmd command, data []byte) (answer []byte, result *frame, err error) {
	e.seq++
	f := frame{addr: ev1Addr, seq: e.seq, cmd: cmd, data: data}.bytes()
	for range ev1Tries {
		if err := e.write(ctx, f); err != nil {
			return nil, nil, err
		}
		end := time.Now().Add(e.opt.Reply)
		for {
			g, err := e.next(ctx, time.Until(end))
			if errors.Is(err, errNothing) {
				break
			}
			if err != nil {
				return nil, nil, err
			}
			switch {
			case g.cmd == cmdResult: // of the open question, and faster than the acknowledgement
				return nil, &g, nil
			case g.seq != e.seq || len(g.data) == 0 || g.data[0] != byte(cmd): // late, of an earlier call
			case g.cmd == cmdAck:
				return g.data[1:], nil, nil
			case g.cmd == cmdNak && len(g.data) > 1 && g.data[1] != 1:
				return nil, nil, fmt.Errorf("%w: reason %d", ErrRefused, g.data[1])
			}
		}
	}
	return nil, nil, ErrSilent
}

// Ask implements Evaluator.
func (e *ev1) Ask(ctx context.Context, a Ask) (Answer, error) {
	if err := a.check(); err != nil {
		return Answer{}, err
	}
	if err := e.take(ctx); err != nil {
		return Answer{}, err
	}
	defer e.release()
	e.open = &a.Session
	defer func() { e.open = nil }()
	end := time.Now().Add(a.Timeout)
	result, err := e.question(ctx, a, a.Timeout)
	if err != nil {
		return Answer{}, fmt.Errorf("open question: %w", e.cancel(ctx, a, err))
	}
	for result == nil {
		// The device closes the question by itself; the reply time more covers its word on
		// the way.
		left := time.Until(end.Add(e.opt.Reply))
		f, err := e.next(ctx, min(left, ev1Glimpse))
		switch {
		case err == nil && f.cmd == cmdResult:
			result = &f
		case errors.Is(err, errNothing) && left > ev1Glimpse:
			result, err = e.remind(ctx, a, end)
		case errors.Is(err, errNothing):
			err = ErrTimeout
		}
		if err != nil {
			return Answer{}, e.cancel(ctx, a, err)
		}
	}
	return e.answer(result.data)
}

// question opens a question. Its result may come before the acknowledgement.
func (e *ev1) question(ctx context.Context, a Ask, timeout time.Duration) (result *frame, err error) {
	data := append([]byte(nil), a.Session[:]...)
	data = binary.BigEndian.AppendUint16(data, uint16((timeout+99*time.Millisecond)/(100*time.Millisecond)))
	_, result, err = e.call(ctx, cmdAsk, append(data, 5, 1, 2, 3, 4, 5))
	return result, err
}

// remind asks again for the rest of the time where the device was without power, and with
// that lost the question. Its result may come meanwhile.
func (e *ev1) remind(ctx context.Context, a Ask, end time.Time) (result *frame, err error) {
	said, result, err := e.call(ctx, cmdStatus, nil)
	if errors.Is(err, ErrRefused) {
		return nil, nil // busy, which is as good as asking
	}
	if err != nil || result != nil || len(said) == 0 || said[0] != ev1Fresh {
		return result, err
	}
	e.greeted = false
	left := time.Until(end)
	if left <= 0 {
		return nil, ErrTimeout
	}
	return e.question(ctx, a, left)
}

func (e *ev1) answer(data []byte) (Answer, error) {
	if data[8] == 0 {
		return Answer{}, ErrTimeout
	}
	l := e.opt.Polarity.level(data[8])
	if !l.Valid() {
		e.dropped.Add(1)
		return Answer{}, fmt.Errorf("%w: level %d", ErrRefused, data[8])
	}
	return Answer{Level: l, Millis: int(binary.BigEndian.Uint32(data[10:]))}, nil
}

// cancel closes a question on the device, for the reason why.
func (e *ev1) cancel(ctx context.Context, a Ask, why error) error {
	ctx, stop := afterwards(ctx)
	defer stop()
	e.open = nil // an answer that comes now comes too late
	// Whether it could be told or not, the reason stays the same.
	_, _, _ = e.call(ctx, cmdCancel, a.Session[:])
	return why
}

// Welcome implements Evaluator.
func (e *ev1) Welcome(ctx context.Context) error {
	if err := e.take(ctx); err != nil {
		return err
	}
	defer e.release()
	if _, _, err := e.call(ctx, cmdWelcome, nil); err != nil {
		return fmt.Errorf("welcome: %w", err)
	}
	return nil
}

// Poll implements Evaluator.
func (e *ev1) Poll(ctx context.Context) (devices.Status, error) {
	s := devices.Status{Device: e.opt.Name, Kind: devices.Evaluator, State: devices.DeviceBusy, At: e.opt.Now()}
	if !e.try() {
		return s, nil
	}
	defer e.release()
	junk := e.scanner.junk
	said, _, err := e.call(ctx, cmdStatus, nil)
	if errors.Is(err, ErrSilent) || len(said) > 0 && said[0]&ev1Fresh != 0 {
		e.greeted = false
	}
	if err == nil && !e.greeted {
		e.greeted = true
		if err = e.greet(ctx); errors.Is(err, ErrSilent) {
			err = nil // an older device: what it can do stays unknown
		}
	}
	switch {
	case err == nil:
		s.State = devices.Online
	case errors.Is(err, ErrSilent):
		s.State, s.Reason = devices.PowerOff, devices.ReasonSilent
		if e.scanner.junk > junk {
			s.State, s.Reason = devices.Offline, devices.ReasonGarbled
		}
	case errors.Is(err, ErrRefused):
		s.State, s.Reason = devices.Offline, devices.ReasonForeign
	default:
		return devices.Status{}, fmt.Errorf("ask evaluator: %w", err)
	}
	s.At = e.opt.Now()
	return s, nil
}
