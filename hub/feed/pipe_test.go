package feed

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"yeban/sync/protocol"
)

// pipeOffice is the other end of a pipe.
type pipeOffice struct {
	events *bufio.Scanner
	say    io.WriteCloser
	pipe   *Pipe
}

func newPipeOffice(t *testing.T, r *rig) *pipeOffice {
	t.Helper()
	eventsIn, eventsOut := io.Pipe()
	answersIn, answersOut := io.Pipe()
	t.Cleanup(func() { eventsIn.Close(); answersOut.Close() })
	o := &pipeOffice{events: bufio.NewScanner(eventsIn), say: answersOut}
	o.events.Buffer(nil, 1<<20)
	o.pipe = NewPipe(t.Context(), answersIn, eventsOut, func(ctx context.Context, all []Result) error {
		return Apply(ctx, r.store, nil, "office", all)
	})
	return o
}

func (o *pipeOffice) next(t *testing.T) Event {
	t.Helper()
	if !o.events.Scan() {
		t.Fatal("no event: ", o.events.Err())
	}
	var e Event
	if err := json.Unmarshal(o.events.Bytes(), &e); err != nil {
		t.Fatal(err)
	}
	return e
}

func TestPipe(t *testing.T) {
	r := newRig(t)
	ids := r.applications(3)
	o := newPipeOffice(t, r)
	stop := r.run(r.feed("a", o.pipe))
	var got []string
	at := time.Now().Format(time.RFC3339)
	for n := range ids {
		e := o.next(t)
		got = append(got, e.ID)
		switch n {
		case 0:
			fmt.Fprintf(o.say, `{"ack": %q, "results": [{"application": %q, "state": "accepted", "at": %q}]}`+"\n", e.ID, e.ID, at)
		case 1:
			fmt.Fprintf(o.say, `{"ack": "of an event before"}`+"\n"+`{"refuse": %q, "answer": "no such department"}`+"\n", e.ID)
		case 2:
			fmt.Fprintf(o.say, `{"results": [{"receiptNumber": %q, "state": "needs-more", "reason": "请补交照片", "at": %q}]}`+"\n", e.Application.ReceiptNumber, at)
			fmt.Fprintf(o.say, `{"ack": %q}`+"\n", e.ID)
		}
	}
	if f := r.delivered(); f.Refused != 1 || !slices.Equal(got, ids) {
		t.Errorf("feed %+v, events %v", f, got)
	}
	stop()
	for n, want := range []protocol.ResultState{protocol.ResultAccepted, protocol.ResultReceived, protocol.ResultNeedsMore} {
		if res, err := r.store.Application(t.Context(), ids[n]); err != nil || res.Result != want {
			t.Errorf("result %d: %+v, %v", n, res, err)
		}
	}
}

func TestPipeThatEndsMovesNothing(t *testing.T) {
	for name, end := range map[string]func(*pipeOffice){
		"closed":  func(o *pipeOffice) { o.say.Close() },
		"garbled": func(o *pipeOffice) { io.WriteString(o.say, "what?\n") },
		"hostile": func(o *pipeOffice) { io.WriteString(o.say, `{"results": [{"state": "done"}]}`+"\n") },
	} {
		r := newRig(t)
		r.applications(1)
		o := newPipeOffice(t, r)
		f := r.feed("a", o.pipe)
		ended := make(chan error, 1)
		go func() { _, err := f.Step(t.Context()); ended <- err }()
		o.next(t)
		end(o)
		err := <-ended
		if err == nil || name == "closed" != errors.Is(err, ErrPipeClosed) {
			t.Errorf("%s: %v", name, err)
		}
		if all, err := r.store.Feeds(t.Context()); err != nil || all[0].Position != 0 {
			t.Errorf("%s: position %+v, %v", name, all, err)
		}
	}
}
