package link_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"yeban/sync/command"
	"yeban/sync/link"
	"yeban/sync/outbox"
	"yeban/sync/protocol"
	"yeban/sync/record"
)

// reply answers a Call as a hub must, unless the script knows better.
func (h *hub) reply(c *protocol.Conn, s script, f protocol.Frame) {
	if s.answer != nil {
		switch t, body := s.answer(f); {
		case t != asItself:
			h.say(c, t, f.ID, f.Method, body)
			return
		case body != nil:
			return // silence
		}
	}
	switch f.Method {
	case protocol.MethodReport:
		var body protocol.Report
		h.decode(f, &body)
		h.note(func() { h.reports = append(h.reports, body) })
		h.say(c, protocol.Result, f.ID, f.Method, struct{}{})
	case protocol.MethodBlob:
		var body protocol.Blob
		h.decode(f, &body)
		h.say(c, protocol.Result, f.ID, f.Method, h.keep(body))
	case protocol.MethodProgress:
		var body protocol.Progress
		h.decode(f, &body)
		number, err := record.Unseal(platform(), body.Key, body.Sealed, []byte(protocol.ProgressSeal))
		if err != nil {
			h.t.Error(err)
		}
		h.note(func() { h.asked = append(h.asked, number) })
		h.say(c, protocol.Result, f.ID, f.Method, protocol.ProgressList{Applications: []protocol.ProgressEntry{{ReceiptNumber: "n", State: protocol.ResultAccepted}}})
	}
}

func (h *hub) decode(f protocol.Frame, body interface{ Validate() error }) {
	if err := f.Decode(body); err != nil {
		h.t.Error(err)
	}
}

func unknown(methods ...protocol.Method) func(protocol.Frame) (protocol.FrameType, any) {
	return func(f protocol.Frame) (protocol.FrameType, any) {
		if slices.Contains(methods, f.Method) {
			return protocol.Error, protocol.Fault{Code: protocol.FaultUnknown}
		}
		return asItself, nil
	}
}

var silence = struct{}{}

// withAll gives a link everything that it can have.
func withAll(t *testing.T, box *outbox.Outbox, ran *atomic.Int64) func(*link.Config) {
	t.Helper()
	notebook, err := command.Open(command.Config{Dir: t.TempDir(), Actions: map[protocol.CommandName]command.Action{
		"count": {Do: func(context.Context, map[string]string) error { ran.Add(1); return nil }},
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- notebook.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done; notebook.Close() })
	return func(cfg *link.Config) {
		cfg.Commands, cfg.Blobs, cfg.Platform = notebook, box, platform().Public()
		cfg.CallTimeout = 200 * time.Millisecond
	}
}

// eventually waits for what no event tells.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func order(name protocol.CommandName) protocol.Command {
	return protocol.Command{ID: ulid.Make().String(), Name: name, Expires: time.Now().Add(time.Hour)}
}

func TestCommandIsRunOnceAndReported(t *testing.T) {
	c := order("count")
	h := newHub(t, func(n int) script {
		s := script{commands: []protocol.Command{c, c}}
		if n == 1 {
			s.answer = func(f protocol.Frame) (protocol.FrameType, any) { return asItself, silence }
		}
		return s
	})
	box := boxIn(t, t.TempDir())
	var ran atomic.Int64
	start(t, h, box, withAll(t, box, &ran))
	eventually(t, "the command", func() bool { return ran.Load() > 0 })
	h.line.cut() // the reports of the first conversation were not answered
	h.until("the report", func() bool { return len(h.reports) >= 2 })
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.reports[0].State != protocol.CommandBegun || h.reports[1].State != protocol.CommandDone || ran.Load() != 1 {
		t.Errorf("%+v, ran %d times", h.reports, ran.Load())
	}
}

func TestReportsAreRepeatedUntilAnsweredWithinAConversation(t *testing.T) {
	var asked atomic.Int64
	h := newHub(t, func(int) script {
		return script{commands: []protocol.Command{order("count"), order("dance")}, answer: func(f protocol.Frame) (protocol.FrameType, any) {
			switch {
			case f.Method != protocol.MethodReport:
				return asItself, nil
			case asked.Add(1) == 1:
				return asItself, silence
			case asked.Load() == 2:
				return protocol.Error, protocol.Fault{Code: protocol.FaultBusy}
			}
			return asItself, nil
		}}
	})
	box := boxIn(t, t.TempDir())
	var ran atomic.Int64
	start(t, h, box, withAll(t, box, &ran))
	h.until("all reports", func() bool { return len(h.reports) == 3 })
	h.mu.Lock()
	defer h.mu.Unlock()
	if got := fmt.Sprint([]protocol.CommandState{h.reports[0].State, h.reports[1].State, h.reports[2].State}); got != "[begun done refused]" || len(h.hellos) != 1 {
		t.Errorf("%s in %d conversations", got, len(h.hellos))
	}
}

func TestUnansweredReportIsToldEverMoreSlowly(t *testing.T) {
	var asked atomic.Int64
	h := newHub(t, func(int) script {
		return script{commands: []protocol.Command{order("dance")}, answer: func(f protocol.Frame) (protocol.FrameType, any) {
			if f.Method == protocol.MethodReport && asked.Add(1) <= 6 {
				return protocol.Error, protocol.Fault{Code: protocol.FaultBusy}
			}
			return asItself, nil
		}}
	})
	box := boxIn(t, t.TempDir())
	var ran atomic.Int64
	all := withAll(t, box, &ran)
	began := time.Now()
	start(t, h, box, func(cfg *link.Config) {
		all(cfg)
		cfg.MinBackoff, cfg.MaxBackoff = 4*time.Millisecond, 64*time.Millisecond
	})
	h.until("the report", func() bool { return len(h.reports) == 1 })
	if d := time.Since(began); d < (4+8+16+32+64+64)*time.Millisecond || len(h.seen().hellos) != 1 {
		t.Errorf("after %s, in %d conversations", d, len(h.seen().hellos))
	}
}

func TestReportThatTheHubRefusesDoesNotHoldUpTheOthers(t *testing.T) {
	bad := order("count")
	h := newHub(t, func(int) script {
		return script{commands: []protocol.Command{bad, order("dance")}, answer: func(f protocol.Frame) (protocol.FrameType, any) {
			var r protocol.Report
			if f.Method == protocol.MethodReport && f.Decode(&r) == nil && r.Command == bad.ID {
				return protocol.Error, protocol.Fault{Code: protocol.FaultBadFrame, Message: "no such command"}
			}
			return asItself, nil
		}}
	})
	box := boxIn(t, t.TempDir())
	var ran atomic.Int64
	start(t, h, box, withAll(t, box, &ran))
	h.until("the other report", func() bool { return len(h.reports) == 1 && h.reports[0].State == protocol.CommandRefused })
}

func TestHubThatKnowsNothingOfAllThisIsServedAsBefore(t *testing.T) {
	var asked atomic.Int64
	h := newHub(t, func(int) script {
		no := unknown(protocol.MethodReport, protocol.MethodBlob, protocol.MethodProgress)
		return script{commands: []protocol.Command{order("count")}, answer: func(f protocol.Frame) (protocol.FrameType, any) {
			asked.Add(1)
			return no(f)
		}}
	})
	box := boxIn(t, t.TempDir())
	attached(t, box, 1, 500)
	var ran atomic.Int64
	k := start(t, h, box, withAll(t, box, &ran))
	eventually(t, "the questions", func() bool { return asked.Load() >= 2 })
	for range 3 {
		if _, err := k.link.Progress(t.Context(), "x"); !errors.Is(err, link.ErrUnsupported) {
			t.Error(err)
		}
	}
	fill(t, box, 0, 20)
	k.delivered()
	if len(h.seen().hellos) != 1 || asked.Load() != 3 || box.Blobs().Pending != 1 || box.Blobs().Lost != 0 {
		t.Errorf("%d conversations, asked %d times, %+v", len(h.seen().hellos), asked.Load(), box.Blobs())
	}
}

func TestProgress(t *testing.T) {
	h := newHub(t, nil)
	box := boxIn(t, t.TempDir())
	var ran atomic.Int64
	k := start(t, h, box, withAll(t, box, &ran))
	k.state("up", func(s link.State) bool { return s.Connected })
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		list, err := k.link.Progress(t.Context(), "34010419000101001X")
		if err == nil {
			if len(list) != 1 || list[0].State != protocol.ResultAccepted || string(h.asked[0]) != "34010419000101001X" {
				t.Errorf("%v, asked %d times", list, len(h.asked))
			}
			break
		}
		if !errors.Is(err, link.ErrNotConnected) || time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	k.stop()
	if _, err := k.link.Progress(t.Context(), "x"); !errors.Is(err, link.ErrNotConnected) {
		t.Error(err)
	}
}

func TestProgressThatCannotBeHad(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(protocol.Frame) (protocol.FrameType, any)
		want   error
		fault  protocol.FaultCode
	}{
		"silent": {func(protocol.Frame) (protocol.FrameType, any) { return asItself, silence }, link.ErrTimeout, ""},
		"refused": {func(protocol.Frame) (protocol.FrameType, any) {
			return protocol.Error, protocol.Fault{Code: protocol.FaultBusy}
		}, nil, protocol.FaultBusy},
		"nonsense": {func(protocol.Frame) (protocol.FrameType, any) {
			return protocol.Result, map[string]any{"applications": 7}
		}, protocol.ErrFrame, ""},
		"endless list": {func(protocol.Frame) (protocol.FrameType, any) {
			return protocol.Result, protocol.ProgressList{Applications: make([]protocol.ProgressEntry, 21)}
		}, protocol.ErrFrame, ""},
		"hung up": {func(protocol.Frame) (protocol.FrameType, any) {
			return protocol.Error, protocol.Fault{Code: protocol.FaultFenced}
		}, link.ErrNotConnected, ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHub(t, func(int) script { return script{answer: c.answer} })
			box := boxIn(t, t.TempDir())
			k := start(t, h, box, func(cfg *link.Config) {
				cfg.Platform, cfg.CallTimeout = platform().Public(), 200*time.Millisecond
				if name == "hung up" {
					cfg.CallTimeout = patience
				}
			})
			h.until("the first status", func() bool { return len(h.statuses) > 0 })
			_, err := k.link.Progress(t.Context(), "34010419000101001X")
			var fault *protocol.Fault
			if c.fault != "" && (!errors.As(err, &fault) || fault.Code != c.fault) || c.want != nil && !errors.Is(err, c.want) {
				t.Error(err)
			}
			if err == nil || strings.Contains(err.Error(), "3401") {
				t.Error(err)
			}
			if name == "hung up" {
				return
			}
			fill(t, box, 0, 5)
			k.delivered()
			if len(h.seen().hellos) != 1 {
				t.Errorf("%d conversations", len(h.seen().hellos))
			}
		})
	}
}

func TestLateAndForeignAnswers(t *testing.T) {
	h := newHub(t, func(n int) script {
		if n == 1 {
			return script{afterward: []string{`[3,"k9","PROGRESS",{}]`}} // nobody asked
		}
		return script{}
	})
	box := boxIn(t, t.TempDir())
	k := start(t, h, box, nil)
	k.state("in trouble", func(s link.State) bool { return errors.Is(s.Err, protocol.ErrFrame) })
	fill(t, box, 0, 5)
	k.delivered()
}

func TestHostileCommandsEndNothing(t *testing.T) {
	h := newHub(t, func(int) script {
		return script{afterward: []string{`[5,"","COMMAND",{}]`, `[5,"","COMMAND",{"id":7}]`,
			`[5,"","COMMAND",{"id":"x","name":"count","args":{"a":"` + strings.Repeat("x", 5000) + `"},"expires":"2999-01-01T00:00:00Z"}]`}}
	})
	box := boxIn(t, t.TempDir())
	var ran atomic.Int64
	k := start(t, h, box, withAll(t, box, &ran))
	fill(t, box, 0, 5)
	k.delivered()
	if len(h.seen().hellos) != 1 || ran.Load() != 0 {
		t.Errorf("%d conversations, ran %d", len(h.seen().hellos), ran.Load())
	}
}
