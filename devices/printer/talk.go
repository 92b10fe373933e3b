package printer

import (
	"context"
	"errors"
	"time"
)

// talk asks a printer questions and finds the answers among everything else it says.
type talk struct {
	port    Port
	reply   time.Duration // how long an answer may take
	settle  time.Duration // how long after an answer a second copy of it may come
	demux   demux
	queue   []event
	passed  []event // answers to markers that came before the answer to a question
	asb     Status  // from automatic status, whatever was said last in this round
	frame   [4]byte // the automatic status that was said last at all
	noise   int     // bytes without meaning since the last status
	late    bool    // an answer may still come that nobody waits for
	doubles bool    // this printer was heard to say things twice
	trusted bool    // it was listened to for second copies, and said none
	surplus int     // answers beyond the questions, in this round
	single  int     // rounds without surplus, of a printer that was heard to say things twice
	answers bool    // it answered in the last round
}

// settleFor is a few characters' time, and what a USB adapter may hold bytes back.
func settleFor(baud int) time.Duration {
	return max(3*time.Millisecond, 4*10*time.Second/time.Duration(baud))
}

// next gives the next event. It returns context.DeadlineExceeded when none came in d,
// and ctx's own error when that ended.
func (t *talk) next(ctx context.Context, d time.Duration) (event, error) {
	if len(t.queue) == 0 {
		within, cancel := context.WithTimeout(ctx, d)
		defer cancel()
		buf := make([]byte, 256)
		for len(t.queue) == 0 {
			n, err := t.port.Read(within, buf)
			t.queue = append(t.queue, t.demux.push(buf[:n])...)
			if err != nil && len(t.queue) == 0 {
				if ctx.Err() != nil {
					return event{}, ctx.Err()
				}
				if within.Err() != nil {
					return event{}, errNothing
				}
				return event{}, err
			}
		}
	}
	e := t.queue[0]
	t.queue = t.queue[1:]
	switch e.kind {
	case eventNoise:
		t.noise++
	case eventASB:
		t.frame = e.asb
		t.asb.setASB(e.asb)
	}
	return e, nil
}

// errNothing: no event came in the time given.
var errNothing = errors.New("no answer")

// drain throws away what the printer says until it is silent for quiet, at most a
// second long.
func (t *talk) drain(ctx context.Context, quiet time.Duration) (dropped int, err error) {
	end := time.Now().Add(time.Second)
	for time.Now().Before(end) {
		e, err := t.next(ctx, quiet)
		if errors.Is(err, errNothing) {
			return dropped, nil
		}
		if err != nil {
			return dropped, err
		}
		if e.kind == eventEOT && !t.late {
			t.repeated()
		}
		if e.kind != eventASB {
			dropped++
		}
	}
	return dropped, nil
}

// wait gives the first event of a kind that comes in d. Answers to markers that come before
// it are put aside in passed: only who awaits them takes them from there.
func (t *talk) wait(ctx context.Context, kind eventKind, d time.Duration) (event, error) {
	end := time.Now().Add(d)
	for {
		e, err := t.next(ctx, max(time.Until(end), 0))
		if err != nil || e.kind == kind {
			return e, err
		}
		if e.kind == eventSensor || e.kind == eventJobID {
			t.passed = append(t.passed, e)
		}
		if time.Now().After(end) {
			return event{}, errNothing
		}
	}
}

// ask sends DLE EOT n and gives the answer. Answers carry no n: of several that come
// together the last is taken, since a second copy of the one before comes first.
func (t *talk) ask(ctx context.Context, n byte) (byte, error) {
	if _, err := t.port.Write(ctx, append(append([]byte(nil), askStatus...), n)); err != nil {
		return 0, err
	}
	e, err := t.wait(ctx, eventEOT, t.reply)
	if err != nil {
		t.late, t.trusted = true, false
		return 0, err
	}
	answer := e.b
	for !t.trusted {
		e, err := t.wait(ctx, eventEOT, t.settle)
		if errors.Is(err, errNothing) {
			break
		}
		if err != nil {
			return 0, err
		}
		answer = e.b
		t.repeated()
	}
	return answer, nil
}

// repeated notes an answer beyond the questions.
func (t *talk) repeated() {
	t.doubles, t.trusted, t.single = true, false, 0
	t.surplus++
	t.settle = max(t.settle, 25*time.Millisecond)
}

// status asks all four questions. Where answers came twice it asks until two rounds
// agree, at most a few times; where a printer that answered before is silent, once again: an
// answer may be late. Automatic status fills in where no answer comes.
func (t *talk) status(ctx context.Context) (s Status, err error) {
	const rounds = 5
	var before Status
	for i := range rounds {
		if s, err = t.round(ctx); err != nil {
			return Status{}, err
		}
		answered := t.answers
		t.answers = s.OnlineKnown
		if answered && !t.answers {
			continue
		}
		if t.surplus == 0 || i > 0 && s == before {
			break
		}
		before = s
	}
	if !s.OnlineKnown && t.asb.OnlineKnown {
		return t.asb, nil
	}
	return s, nil
}

// askAll asks all four questions in one breath, which saves three ways there and back, and
// sends more behind them; it is for printers that answer each question once. Where an answer
// is missing nobody knows which: then whole is false, and only whether any came counts.
func (t *talk) askAll(ctx context.Context, more []byte) (s Status, whole bool, err error) {
	var questions []byte
	for n := byte(1); n <= 4; n++ {
		questions = append(append(questions, askStatus...), n)
	}
	questions = append(questions, more...)
	if _, err := t.port.Write(ctx, questions); err != nil {
		return s, false, err
	}
	for n := byte(1); n <= 4; n++ {
		e, err := t.wait(ctx, eventEOT, t.reply)
		if errors.Is(err, errNothing) {
			t.late, t.trusted = true, false
			return s, false, nil
		}
		if err != nil {
			return Status{}, false, err
		}
		s.set(n, e.b)
	}
	return s, true, nil
}

// begin listens for what does not belong to the questions that are asked next.
func (t *talk) begin(ctx context.Context) error {
	quiet := t.settle
	switch {
	case t.late:
		quiet = 100 * time.Millisecond
	case t.trusted:
		quiet = 0
	}
	t.noise = 0
	t.asb = Status{}
	if _, err := t.drain(ctx, quiet); err != nil {
		return err
	}
	t.late, t.surplus, t.passed = false, 0, nil
	return nil
}

// round asks all four questions once.
func (t *talk) round(ctx context.Context) (s Status, err error) {
	if err := t.begin(ctx); err != nil {
		return Status{}, err
	}
	if t.trusted {
		s, whole, err := t.askAll(ctx, nil)
		if whole || err != nil || !s.OnlineKnown {
			return s, err
		}
		if _, err := t.drain(ctx, 100*time.Millisecond); err != nil {
			return Status{}, err
		}
		t.late = false
	}
	for n := byte(1); n <= 4; n++ {
		b, err := t.ask(ctx, n)
		if errors.Is(err, errNothing) {
			if n == 1 {
				return s, nil // no use in waiting for the others
			}
			continue
		}
		if err != nil {
			return Status{}, err
		}
		s.set(n, b)
	}
	if t.surplus == 0 && !t.late {
		// A single late answer looks like a double; it must not slow things down for good.
		const enough = 3
		t.single++
		t.doubles = t.doubles && t.single < enough
		t.trusted = !t.doubles
	}
	return s, nil
}
