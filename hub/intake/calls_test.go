package intake

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm3"

	"yeban/hub/store"
	"yeban/sync/protocol"
	"yeban/sync/record"
)

// withBlobs is a log of one entry that names attachments.
func withBlobs(t *testing.T, blobs ...record.BlobRef) record.Entry {
	t.Helper()
	header, err := json.Marshal(record.Header{Application: "01A", Blobs: blobs})
	if err != nil {
		t.Fatal(err)
	}
	e := record.Entry{Seq: 1, Kind: record.KindApplication, ID: "01A", Header: header, Key: []byte("k"), Sealed: []byte("s")}
	e.Hash = e.Sum(testEpoch)
	return e
}

// blob sends a piece and waits for the answer.
func (c *terminal) blob(hash record.Hash, data []byte, from, to int) int64 {
	c.t.Helper()
	c.call(protocol.MethodBlob, &protocol.Blob{Hash: hash, Bytes: int64(len(data)), Offset: int64(from), Data: data[from:to]})
	f := c.result()
	var have protocol.BlobHave
	if err := f.Decode(&have); err != nil || have.Hash != hash || f.Method != protocol.MethodBlob || f.ID != "1" {
		c.t.Fatalf("got %s %s %v", f.Method, f.Body, err)
	}
	return have.Have
}

func TestAnAttachmentArrivesWhole(t *testing.T) {
	h := startHub(t, Config{}, nil)
	data := bytes.Repeat([]byte("photo"), 60_000)
	hash := record.HashBlob(data)
	c, _ := h.connect("hall-1", 1, 1)
	if have := c.blob(hash, data, 0, 0); have != 0 {
		t.Errorf("has %d of what it has never seen", have)
	}
	if have := c.blob(hash, data, 0, 100_000); have != 100_000 { // before its record
		t.Errorf("has %d", have)
	}
	c.records(withBlobs(t, record.BlobRef{Hash: hash, Bytes: int64(len(data)), Role: record.BlobCardPhoto}))
	c.acked(1)
	c, _ = h.connect("hall-1", 1, 1) // the line broke, and the kiosk asks where to go on
	for have := c.blob(hash, data, 0, 0); have < int64(len(data)); {
		have = c.blob(hash, data, int(have), min(int(have)+100_000, len(data)))
	}
	got, err := h.store.AttachedBlobs(t.Context(), "hall-1", "01A")
	if err != nil || len(got) != 1 || got[0].Complete.IsZero() {
		t.Errorf("attachments %+v, %v", got, err)
	}

	spoilt := bytes.Clone(data)
	spoilt[7] ^= 1
	wrong := record.Hash(sm3.Sum([]byte("something else")))
	c.blob(wrong, spoilt, 0, 100_000)
	c.blob(wrong, spoilt, 100_000, 200_000)
	if have := c.blob(wrong, spoilt, 200_000, len(spoilt)); have != 0 {
		t.Errorf("a wrong one is kept: %d", have)
	}
	c.call(protocol.MethodBlob, &protocol.Blob{Hash: hash, Bytes: 17, Data: []byte("x")})
	c.declined(protocol.FaultBadFrame)
	for i := range 5 {
		c.call(protocol.MethodBlob, &protocol.Blob{Hash: record.Hash{byte(i + 1)}, Bytes: protocol.MaxBlobBytes, Data: []byte("x")})
		if i < 4 {
			c.result()
		} else {
			c.declined(protocol.FaultBadFrame)
		}
	}
	c.call(protocol.MethodBlob, &protocol.Blob{Hash: hash, Bytes: protocol.MaxBlobBytes + 1})
	c.fault(protocol.FaultBadFrame)
}

// blobGate holds pieces back until it is opened.
type blobGate struct {
	Store
	entered chan int
	open    chan error
}

func (g *blobGate) PutChunks(ctx context.Context, all []store.Chunk) []store.Stored {
	g.entered <- len(all)
	if err := <-g.open; err != nil {
		return slices.Repeat([]store.Stored{{Err: err}}, len(all))
	}
	return g.Store.PutChunks(ctx, all)
}

func TestAttachmentsDoNotHoldRecordsUp(t *testing.T) {
	g := &blobGate{entered: make(chan int, 8), open: make(chan error, 8)}
	h := startHub(t, Config{}, func(s Store) Store { g.Store = s; return g })
	data := []byte("signature")
	c, _ := h.connect("hall-1", 1, 3)
	other, _ := h.connect("hall-2", 1, 3)
	c.call(protocol.MethodBlob, &protocol.Blob{Hash: record.HashBlob(data), Bytes: int64(len(data)), Data: data})
	<-g.entered
	for _, one := range []*terminal{other, c} {
		one.records(chain(3)...)
		one.acked(3)
	}
	g.open <- errors.New("disk is full")
	c.declined(protocol.FaultBusy)
	g.open <- nil
	if have := c.blob(record.HashBlob(data), data, 0, len(data)); have != int64(len(data)) {
		t.Errorf("has %d after the second try", have)
	}
}

type tells func(*protocol.Progress) (protocol.ProgressList, error)

func (f tells) Progress(_ context.Context, q *protocol.Progress) (protocol.ProgressList, error) {
	return f(q)
}

func TestProgressIsToldWithinBounds(t *testing.T) {
	at := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	h := startHub(t, Config{ProgressEach: 3, Progress: tells(func(q *protocol.Progress) (protocol.ProgressList, error) {
		switch string(q.Sealed) {
		case "foreign":
			return protocol.ProgressList{}, fmt.Errorf("open: %w", record.ErrSealed)
		case "away":
			return protocol.ProgressList{}, errors.New("disk is full")
		}
		return protocol.ProgressList{Applications: []protocol.ProgressEntry{{ReceiptNumber: "R", State: protocol.ResultDone, Submitted: at, At: at}}}, nil
	})}, nil)
	ask := func(c *terminal, sealed string) {
		c.call(protocol.MethodProgress, &protocol.Progress{Key: []byte("k"), Sealed: []byte(sealed)})
	}
	c, _ := h.connect("hall-1", 0, 0)
	ask(c, "mine")
	f := c.result()
	var list protocol.ProgressList
	if f.Method != protocol.MethodProgress || f.Decode(&list) != nil || len(list.Applications) != 1 || list.Applications[0].State != protocol.ResultDone {
		t.Errorf("got %s %s", f.Method, f.Body)
	}
	ask(c, "foreign")
	c.declined(protocol.FaultBadFrame)
	ask(c, "away")
	c.declined(protocol.FaultBusy)
	ask(c, "mine") // one too many
	c.declined(protocol.FaultBusy)
	other, _ := h.connect("hall-2", 0, 0)
	ask(other, "mine")
	other.result()
	other.call(protocol.MethodProgress, &protocol.Progress{})
	other.fault(protocol.FaultBadFrame)
}

func TestSettling(t *testing.T) {
	start := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	p := pace{quiet: 200 * time.Millisecond, busy: 2 * time.Second, many: 20, started: start}
	if got := p.settle(start.Add(59 * time.Second)); got < 2*time.Second || got >= 2200*time.Millisecond {
		t.Errorf("a young hub asks for %v", got)
	}
	quiet := start.Add(time.Hour)
	waits := make(map[time.Duration]bool)
	for i := range 20 {
		got := p.settle(quiet.Add(time.Duration(i) * 10 * time.Millisecond))
		if got >= 200*time.Millisecond {
			t.Errorf("a quiet hub asks for %v", got)
		}
		waits[got] = true
	}
	if len(waits) < 10 {
		t.Errorf("%d different waits of 20", len(waits))
	}
	for name, c := range map[string]struct {
		after time.Duration
		busy  bool
	}{"more in the same second": {900 * time.Millisecond, true}, "the second after": {1500 * time.Millisecond, true}, "when it is over": {3 * time.Second, false}} {
		q := pace{quiet: p.quiet, busy: p.busy, many: p.many, started: start, second: quiet, now: 21}
		if got := q.settle(quiet.Add(c.after)); (got >= 2*time.Second) != c.busy {
			t.Errorf("%s: %v", name, got)
		}
	}
	if got := (&pace{started: start}).settle(start); got != 0 {
		t.Errorf("without settling: %v", got)
	}
}
