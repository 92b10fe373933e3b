package idcard

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"yeban/devices"
)

// Port is what a Reader needs of a serial line; serialport.Port is one.
type Port interface {
	Read(ctx context.Context, p []byte) (int, error)
	Write(ctx context.Context, p []byte) (int, error)
	Reset(ctx context.Context) error
	Close() error
}

// How long a reader may think and pause. Modules find in up to 1000 ms, read in up to
// 3 s, and pause up to 900 ms within the photo.
const (
	thinkShort = 1500 * time.Millisecond
	thinkRead  = 3500 * time.Millisecond
	pause      = 1500 * time.Millisecond // between two pieces of an answer
	babble     = 12 * time.Second        // no answer takes longer, at any baud rate
	afterBad   = 250 * time.Millisecond  // once a broken answer has come, it will not come again

	settleEvery = time.Second     // a module that is reading a card may miss a request
	settleAll   = 5 * time.Second // longer than any late reply
)

// conversation asks and gets the answer to what it asked, not to what was asked
// before: an answer must have the shape of one to this command, and after a command
// whose answer did not come the line is settled first.
type conversation struct {
	port   Port
	family Family
	scan   Scanner
	buf    [2048]byte

	owed bool          // an answer may still come
	sam  *SAMID        // the module we talk to, once known
	late atomic.Uint64 // answers that came for an earlier command

	shown map[Command]devices.Support // by the module's answers
}

// answer is a reply to the command that was asked.
type answer struct {
	sw   SW
	data []byte
}

func (c *conversation) ask(ctx context.Context, cmd Command, think time.Duration) (answer, error) {
	if c.owed {
		if err := c.settle(ctx); err != nil {
			return answer{}, err
		}
	}
	a, err := c.exchange(ctx, cmd, think)
	if err != nil {
		return a, fmt.Errorf("card reader: %s: %w", cmd, err)
	}
	c.show(cmd, a.sw.Code())
	return a, nil
}

// settle makes sure that no answer is on its way any more. A module answers in the
// order of asking, so that once it has told its identity all earlier answers are in,
// and thrown away. Another module's identity is ErrForeign.
func (c *conversation) settle(ctx context.Context) error {
	defer c.forget() // what came late may be a card
	if c.family == STX {
		return c.settleByWaiting(ctx)
	}
	var err error
	for start := time.Now(); time.Since(start) < settleAll; {
		var a answer
		if a, err = c.exchange(ctx, CmdSAMID, settleEvery); err == nil {
			return c.recognise(a)
		}
		if !errors.Is(err, ErrSilent) && !errors.Is(err, ErrGarbled) {
			break
		}
	}
	return fmt.Errorf("card reader: settle: %w", err)
}

// settleByWaiting is for a family without a command that tells answers apart.
func (c *conversation) settleByWaiting(ctx context.Context) error {
	for start := time.Now(); time.Since(start) < babble; {
		_, err := c.read(ctx, thinkRead)
		if errors.Is(err, errQuiet) {
			c.scan.Reset()
			c.owed = false
			return nil
		}
		if err != nil {
			return err
		}
	}
	return ErrGarbled
}

// recognise remembers the module or compares it.
func (c *conversation) recognise(a answer) error {
	if a.sw.Code() != OK {
		return codeError(a.sw)
	}
	id := SAMID(a.data)
	if c.sam != nil && *c.sam != id {
		return ErrForeign
	}
	c.sam = &id
	return nil
}

// exchange sends a request and waits for an answer of the right shape.
func (c *conversation) exchange(ctx context.Context, cmd Command, think time.Duration) (answer, error) {
	if err := c.port.Reset(ctx); err != nil {
		return answer{}, err
	}
	c.scan.Family = c.family
	c.scan.Reset()
	c.owed = true
	// No request takes longer to send than a silent module is waited for.
	wctx, cancel := context.WithTimeout(ctx, thinkShort)
	_, err := c.port.Write(wctx, EncodeRequest(c.family, cmd))
	cancel()
	if err != nil {
		if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
			return answer{}, ErrSilent
		}
		return answer{}, err
	}
	l := listening{until: time.Now().Add(think), end: time.Now().Add(babble), pause: min(pause, think)}
	for {
		if a, ok := c.next(cmd, &l); ok {
			c.owed = false
			return a, nil
		}
		n, err := c.read(ctx, time.Until(l.until))
		switch {
		case errors.Is(err, errQuiet):
			// The start of a frame whose rest does not come may hide a whole one.
			if c.scan.GiveUp() {
				l.bad = true
				continue
			}
			if l.heard || l.bad {
				return answer{}, ErrGarbled
			}
			return answer{}, ErrSilent
		case err != nil:
			return answer{}, err
		}
		c.scan.Feed(c.buf[:n])
		l.more()
	}
}

// listening is how long an answer is still waited for.
type listening struct {
	until, end time.Time
	pause      time.Duration
	heard      bool // anything at all
	bad        bool // something broken, so that the rest is not worth waiting for
}

func (l *listening) more() {
	l.heard = true
	if at := time.Now().Add(l.pause); at.After(l.until) && !l.bad {
		l.until = at
	}
	if l.until.After(l.end) {
		l.until = l.end
	}
}

// next takes the frames that have come, until one answers cmd.
func (c *conversation) next(cmd Command, l *listening) (answer, bool) {
	for {
		f, err := c.scan.Next()
		switch {
		case errors.Is(err, ErrIncomplete):
			return answer{}, false
		case errors.Is(err, ErrChecksum), errors.Is(err, ErrEnd):
			if at := time.Now().Add(afterBad); !l.bad && at.Before(l.until) {
				l.until = at
			}
			l.bad = true
			continue
		case err != nil:
			continue
		}
		sw, data, ok := f.Reply()
		if ok && (answers(cmd, sw.Code(), len(data)) || c.family == STX && sw.Code() == FindFailed) {
			return answer{sw, data}, true
		}
		c.late.Add(1)
	}
}

// errQuiet: nothing came in time.
var errQuiet = errors.New("quiet")

// read reads once; a time-out that is not the caller's is errQuiet.
func (c *conversation) read(ctx context.Context, wait time.Duration) (int, error) {
	if wait <= 0 {
		return 0, errQuiet
	}
	tctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	n, err := c.port.Read(tctx, c.buf[:])
	if err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return n, errQuiet
	}
	return n, err
}

// codeError says what a status code that is no success means.
func codeError(sw SW) error {
	kind := ErrGarbled // our request did not get through as it was sent
	switch code := sw.Code(); {
	case code == OK, code == Found:
		return nil
	case code == FindFailed, code == SelectFailed:
		kind = ErrNoCard
	case code == UnlicensedSAM, code == Unauthorised:
		kind = ErrUnlicensed
	case code == SelfTestFailed:
		kind = ErrSelfTest
	case code == WrongCardType:
		kind = ErrWrongCard
	case readFailed(code):
		kind = ErrLiftAndLayAgain
	}
	return fmt.Errorf("%w (status %s)", kind, sw)
}

// forget overwrites what was received: it was somebody's card.
func (c *conversation) forget() {
	clear(c.buf[:])
	c.scan.wipe()
}
