package link_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
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

// keep takes a piece of an attachment where it fits.
func (h *hub) keep(b protocol.Blob) (have protocol.BlobHave) {
	h.note(func() {
		got := h.blobs[b.Hash]
		if len(b.Data) > 0 {
			h.pieces++
		}
		if b.Offset == int64(len(got)) {
			got = append(got, b.Data...)
		}
		if int64(len(got)) == b.Bytes && record.HashBlob(got) != b.Hash {
			got = nil
		}
		h.blobs[b.Hash] = got
		have = protocol.BlobHave{Hash: b.Hash, Have: int64(len(got))}
	})
	return have
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

// attached appends an application with attachments of the given sizes.
func attached(t *testing.T, box *outbox.Outbox, n int, sizes ...int) (refs []record.BlobRef) {
	t.Helper()
	for _, size := range sizes {
		content := make([]byte, size)
		rand.NewChaCha8([32]byte{byte(size)}).Read(content)
		ref, err := box.PutBlob(t.Context(), record.BlobDocument, "image/jpeg", content)
		if err != nil {
			t.Fatal(err)
		}
		refs = append(refs, ref)
	}
	number, err := record.NewReceiptNumber(time.Date(2026, 1, 1, 0, 0, n, 0, time.UTC), 7)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := box.Append(t.Context(), record.Application{ID: ulid.Make().String(), ReceiptNumber: number, Blobs: refs}); err != nil {
		t.Fatal(err)
	}
	return refs
}

// attachments waits until the outbox knows that all are at the hub, and compares them.
func (k *kiosk) attachments(h *hub, refs []record.BlobRef) {
	k.t.Helper()
	for deadline := time.Now().Add(patience); k.box.Blobs().Pending > 0; time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			k.t.Fatalf("attachments %+v; %v", k.box.Blobs(), k.link.State().Err)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, ref := range refs {
		if _, err := record.OpenBlob(platform(), h.blobs[ref.Hash]); err != nil || record.HashBlob(h.blobs[ref.Hash]) != ref.Hash {
			k.t.Errorf("attachment %s: %v", ref.Hash, err)
		}
	}
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

func TestAttachmentsFollowTheirRecordsInPieces(t *testing.T) {
	h := newHub(t, nil)
	box := boxIn(t, t.TempDir())
	refs := append(attached(t, box, 1, 100_000, 10), attached(t, box, 2, 1000)...)
	var ran atomic.Int64
	k := start(t, h, box, withAll(t, box, &ran))
	k.attachments(h, refs)
	refs = append(refs, attached(t, box, 3, 70_000)...) // while connected
	k.attachments(h, refs)
	k.delivered()
	if h.pieces != 4+1+1+3 {
		t.Errorf("%d pieces", h.pieces)
	}
	// Nothing is sent twice after a restart of the link.
	k.stop()
	start(t, h, box, withAll(t, box, &ran)).state("up", func(s link.State) bool { return s.Connected })
	attached(t, box, 4, 5)
	h.until("the last attachment", func() bool { return h.pieces == 10 })
}

func TestAttachmentGoesOnWhereTheLineWasCut(t *testing.T) {
	h := newHub(t, nil)
	h.line.cutEach(150_000)
	box := boxIn(t, t.TempDir())
	refs := attached(t, box, 1, 400_000)
	var ran atomic.Int64
	k := start(t, h, box, withAll(t, box, &ran))
	k.attachments(h, refs)
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.hellos) < 3 || h.pieces > 13+2*len(h.hellos) {
		t.Errorf("%d conversations, %d pieces", len(h.hellos), h.pieces)
	}
}

func TestAttachmentBeginsAgainAfterAWrongHash(t *testing.T) {
	var spoilt atomic.Int64
	h := newHub(t, nil)
	h.script = func(int) script {
		return script{answer: func(f protocol.Frame) (protocol.FrameType, any) {
			var b protocol.Blob
			if f.Method != protocol.MethodBlob || f.Decode(&b) != nil || b.Offset == 0 || b.Offset+int64(len(b.Data)) < b.Bytes || spoilt.Add(1) > 2 {
				return asItself, nil
			}
			h.note(func() { delete(h.blobs, b.Hash) })
			return protocol.Result, protocol.BlobHave{Hash: b.Hash}
		}}
	}
	box := boxIn(t, t.TempDir())
	refs := attached(t, box, 1, 60_000)
	var ran atomic.Int64
	k := start(t, h, box, withAll(t, box, &ran))
	k.attachments(h, refs)
	if box.Blobs().Lost != 0 {
		t.Errorf("%+v", box.Blobs())
	}
}

func TestAttachmentThatMakesNoWayIsLeftAloneAndTold(t *testing.T) {
	for name, answer := range map[string]func(b protocol.Blob) (protocol.FrameType, any){
		"hash always wrong": func(b protocol.Blob) (protocol.FrameType, any) {
			return protocol.Result, protocol.BlobHave{Hash: b.Hash}
		},
		"refused": func(b protocol.Blob) (protocol.FrameType, any) {
			return protocol.Error, protocol.Fault{Code: protocol.FaultBadFrame}
		},
		"another's answer": func(b protocol.Blob) (protocol.FrameType, any) {
			return protocol.Result, protocol.BlobHave{Hash: record.Hash{9}, Have: 1}
		},
		"too much": func(b protocol.Blob) (protocol.FrameType, any) {
			return protocol.Result, protocol.BlobHave{Hash: b.Hash, Have: b.Bytes + 1}
		},
		"nonsense": func(b protocol.Blob) (protocol.FrameType, any) { return protocol.Result, map[string]any{"have": "all"} },
	} {
		t.Run(name, func(t *testing.T) {
			box := boxIn(t, t.TempDir())
			bad := attached(t, box, 1, 60_000)[0]
			good := attached(t, box, 2, 500)
			h := newHub(t, func(int) script {
				return script{answer: func(f protocol.Frame) (protocol.FrameType, any) {
					var b protocol.Blob
					if f.Method == protocol.MethodBlob && f.Decode(&b) == nil && b.Hash == bad.Hash {
						return answer(b)
					}
					return asItself, nil
				}}
			})
			var ran atomic.Int64
			k := start(t, h, box, withAll(t, box, &ran))
			h.until("the other attachment", func() bool { return len(h.blobs[good[0].Hash]) > 0 })
			k.delivered()
			lost := map[bool]int{true: 1}[name == "refused" || name == "hash always wrong"] // or else only not taken today
			eventually(t, "the other to be noted", func() bool { s := box.Blobs(); return s.Lost == lost && s.Pending == 1 })
			if n := len(h.seen().hellos); n != 1 {
				t.Errorf("%d conversations", n)
			}
		})
	}
}

func TestLostAttachmentHoldsUpNothing(t *testing.T) {
	dir := t.TempDir()
	box := boxIn(t, dir)
	lost, damaged := attached(t, box, 1, 500)[0], attached(t, box, 2, 600)[0]
	there := attached(t, box, 3, 700)[0] // gone here, but the hub has it
	good := attached(t, box, 4, 800)
	file := func(r record.BlobRef) string { return filepath.Join(dir, "blobs", r.Hash.String()) }
	text, err := os.ReadFile(file(there))
	if err == nil {
		err = errors.Join(os.Remove(file(lost)), os.Remove(file(there)), os.WriteFile(file(damaged), bytes.Repeat([]byte("x"), int(damaged.Bytes)), 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	h := newHub(t, nil)
	h.blobs[there.Hash] = text
	var ran atomic.Int64
	k := start(t, h, box, withAll(t, box, &ran))
	h.until("the good attachment", func() bool { return len(h.blobs[good[0].Hash]) > 0 })
	k.delivered()
	eventually(t, "two lost", func() bool { return box.Blobs().Pending == 2 && box.Blobs().Lost == 2 })
}

// TestTroubleOverOneAttachmentHoldsUpNoOther within one conversation, in which the one is
// sent too as soon as the hub takes it again.
func TestTroubleOverOneAttachmentHoldsUpNoOther(t *testing.T) {
	for name, c := range map[string]struct {
		trouble func() (protocol.FrameType, any)
		mended  bool // in the same conversation
	}{
		"busy":   {func() (protocol.FrameType, any) { return protocol.Error, protocol.Fault{Code: protocol.FaultBusy} }, true},
		"silent": {func() (protocol.FrameType, any) { return asItself, silence }, false},
	} {
		t.Run(name, func(t *testing.T) {
			var mended atomic.Bool
			box := boxIn(t, t.TempDir())
			bad := attached(t, box, 1, 60_000)
			good := append(attached(t, box, 2, 500, 600), attached(t, box, 3, 700)...)
			h := newHub(t, func(int) script {
				return script{answer: func(f protocol.Frame) (protocol.FrameType, any) {
					var b protocol.Blob
					if f.Method == protocol.MethodBlob && f.Decode(&b) == nil && b.Hash == bad[0].Hash && !mended.Load() {
						return c.trouble()
					}
					return asItself, nil
				}}
			})
			var ran atomic.Int64
			all := withAll(t, box, &ran)
			k := start(t, h, box, func(cfg *link.Config) { all(cfg); cfg.AckTimeout = 5 * time.Second })
			eventually(t, "the others", func() bool { return box.Blobs().Pending == 1 })
			if next, ok := box.NextBlob(func(record.Hash) bool { return false }); !ok || next != bad[0] {
				t.Errorf("%v, %v is left", next, ok)
			}
			if mended.Store(true); c.mended {
				k.attachments(h, append(good, bad...))
			}
			if n := len(h.seen().hellos); n != 1 {
				t.Errorf("%d conversations", n)
			}
		})
	}
}

// TestHubThatLostAttachmentsIsGivenThemAgain: it was restored from a backup that has their
// records, so that no position goes back.
func TestHubThatLostAttachmentsIsGivenThemAgain(t *testing.T) {
	h := newHub(t, nil)
	box := boxIn(t, t.TempDir())
	var refs []record.BlobRef
	for i := range 20 {
		refs = append(refs, attached(t, box, i, 40_000+i)...)
	}
	var ran atomic.Int64
	k := start(t, h, box, withAll(t, box, &ran))
	k.attachments(h, refs)
	h.note(func() {
		delete(h.blobs, refs[3].Hash)                       // one in the middle
		h.blobs[refs[19].Hash] = h.blobs[refs[19].Hash][:9] // and what came last
	})
	k.delivered()
	h.line.cut()
	h.until("the attachments", func() bool {
		return int64(len(h.blobs[refs[3].Hash])) == refs[3].Bytes && int64(len(h.blobs[refs[19].Hash])) == refs[19].Bytes
	})
	k.attachments(h, refs)
	if h.repeated != 0 {
		t.Errorf("%d records came again", h.repeated)
	}
}

// TestHubIsSeldomAskedAboutDeliveredAttachments, whatever it answers.
func TestHubIsSeldomAskedAboutDeliveredAttachments(t *testing.T) {
	box := boxIn(t, t.TempDir())
	refs := attached(t, box, 1, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120, 130, 140, 150, 160, 170, 180, 190, 200)
	var asked, began, ended atomic.Int64 // times in nanoseconds
	h := newHub(t, func(n int) script {
		return script{answer: func(f protocol.Frame) (protocol.FrameType, any) {
			var b protocol.Blob
			if n == 1 || f.Method != protocol.MethodBlob || f.Decode(&b) != nil ||
				!slices.ContainsFunc(refs, func(r record.BlobRef) bool { return r.Hash == b.Hash }) {
				return asItself, nil
			}
			if len(b.Data) > 0 {
				t.Error("a delivered attachment is sent again")
			}
			now := time.Now().UnixNano()
			began.CompareAndSwap(0, now)
			ended.Store(now)
			if asked.Add(1)%2 == 0 {
				return protocol.Error, protocol.Fault{Code: protocol.FaultBadFrame}
			}
			return asItself, nil
		}}
	})
	var ran atomic.Int64
	k := start(t, h, box, withAll(t, box, &ran))
	k.attachments(h, refs)
	h.line.cut()
	eventually(t, "the questions", func() bool { return asked.Load() == 16 })
	fresh := attached(t, box, 2, 1)[0]
	h.until("a fresh attachment", func() bool { return len(h.blobs[fresh.Hash]) > 0 })
	if d := time.Duration(ended.Load() - began.Load()); asked.Load() != 16 || d < 15*10*time.Millisecond {
		t.Errorf("%d questions in %s", asked.Load(), d)
	}
}

func TestRecordsGoBeforeAttachments(t *testing.T) {
	release := make(chan struct{})
	var pieces atomic.Int64
	h := newHub(t, nil)
	h.script = func(int) script {
		return script{answer: func(f protocol.Frame) (protocol.FrameType, any) {
			if f.Method == protocol.MethodBlob && pieces.Add(1) == 2 {
				<-release // the hub takes its time over a piece
			}
			return asItself, nil
		}}
	}
	box := boxIn(t, t.TempDir())
	refs := attached(t, box, 1, 300_000)
	var ran atomic.Int64
	k := start(t, h, box, withAll(t, box, &ran))
	eventually(t, "the first piece", func() bool { return pieces.Load() >= 1 })
	fill(t, box, 0, 100)
	close(release)
	h.until("all records", func() bool {
		n := 0
		for _, log := range h.logs {
			n = len(log)
		}
		return n == 101
	})
	if n := pieces.Load(); n > 4 {
		t.Errorf("%d pieces went before the records", n)
	}
	k.attachments(h, refs)
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
