package link_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"yeban/sync/link"
	"yeban/sync/outbox"
	"yeban/sync/protocol"
	"yeban/sync/record"
)

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
