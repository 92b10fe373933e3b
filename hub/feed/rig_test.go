package feed

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"yeban/hub/bus"
	"yeban/hub/projector"
	"yeban/hub/store"
	"yeban/sync/record"
)

// rig is a real store with one terminal, a projector, and a log that can be searched.
type rig struct {
	t     *testing.T
	store *store.Store
	key   *record.PrivateKey
	proj  *projector.Projector
	logs  *lockedBuffer
	log   *slog.Logger

	epoch record.Epoch
	fence uint64
	seq   uint64
	prev  record.Hash
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newRig(t *testing.T) *rig {
	t.Helper()
	st, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "hub.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	key, err := record.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := st.AddKiosk(t.Context(), store.Kiosk{ID: "hall-1", Number: 1}, "t", false); err != nil {
		t.Fatal(err)
	}
	logs := new(lockedBuffer)
	log := slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	b, err := bus.Open("", log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	r := &rig{t: t, store: st, key: key, logs: logs, log: log, proj: &projector.Projector{Store: st, Bus: b, Key: key, Log: log}}
	r.newLog()
	return r
}

// newLog begins another life of the terminal's log.
func (r *rig) newLog() {
	r.t.Helper()
	r.epoch[0]++
	r.seq, r.prev = 0, record.Hash{}
	a, err := r.store.Attach(r.t.Context(), store.Claim{Kiosk: "hall-1", Epoch: r.epoch})
	if err != nil {
		r.t.Fatal(err)
	}
	r.fence = a.Fence
}

// hand commits a record as the terminal would and returns its entry.
func (r *rig) hand(rec record.Record, to record.PublicKey) record.Entry {
	r.t.Helper()
	plain, err := record.Encode(rec)
	if err != nil {
		r.t.Fatal(err)
	}
	header, err := json.Marshal(rec.Header())
	if err != nil {
		r.t.Fatal(err)
	}
	e := record.Entry{Seq: r.seq + 1, Prev: r.prev, AtMs: 1, Kind: rec.Kind(), ID: rec.Key(), Header: header}
	e.Key, e.Sealed, err = record.Seal(nil, to, plain, record.SealData(record.Origin{Epoch: r.epoch, Seq: e.Seq}, e.Kind, e.ID))
	if err != nil {
		r.t.Fatal(err)
	}
	r.commit(&e)
	return e
}

func (r *rig) commit(e *record.Entry) {
	r.t.Helper()
	e.Hash = e.Sum(r.epoch)
	out, err := r.store.Commit(r.t.Context(), []store.Batch{{Kiosk: "hall-1", Fence: r.fence, Epoch: r.epoch, Entries: []record.Entry{*e}, Received: time.Now()}})
	if err != nil || out[0].Err != nil {
		r.t.Fatal(err, out)
	}
	r.seq, r.prev = e.Seq, e.Hash
}

// project has the projector look at everything.
func (r *rig) project() {
	r.t.Helper()
	for {
		n, err := r.proj.Step(r.t.Context())
		if err != nil {
			r.t.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
}

const secretName, secretNumber = "张测试", "34010419000101001X"

func (r *rig) application() record.Application {
	number, err := record.NewReceiptNumber(time.Now().Add(time.Duration(r.seq)*time.Second), 1)
	if err != nil {
		r.t.Fatal(err)
	}
	return record.Application{
		ID: ulid.Make().String(), ReceiptNumber: number, Kiosk: "hall-1", Item: "card", ItemName: "社会保障卡补领",
		Applicant: record.Person{Name: secretName, IDNumber: secretNumber, Address: "某省某市测试路一号"},
		Clock:     record.Clock{Wall: time.Now()},
	}
}

// applications hands so many in and returns their ids in order.
func (r *rig) applications(n int) (ids []string) {
	for range n {
		a := r.application()
		r.hand(a, r.key.Public())
		ids = append(ids, a.ID)
	}
	r.project()
	return ids
}

// feed makes one with short pauses.
func (r *rig) feed(holder string, sink Sink) *Feed {
	return New(Config{Name: "office", Holder: holder, Store: r.store, Sink: sink, Key: r.key, Log: r.log,
		Poll: 5 * time.Millisecond, Min: time.Millisecond, Max: 5 * time.Millisecond, Alarm: time.Nanosecond})
}

// run delivers in the background until the test ends or stop is called.
func (r *rig) run(f *Feed) (stop func()) {
	ctx, cancel := context.WithCancel(r.t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := f.Run(ctx); err != nil {
			r.t.Error(err)
		}
	}()
	stop = func() { cancel(); <-ended }
	r.t.Cleanup(stop)
	return stop
}

// delivered waits until the feed has come behind everything projected.
func (r *rig) delivered() store.Feed {
	r.t.Helper()
	for {
		all, err := r.store.Feeds(r.t.Context())
		if err != nil {
			r.t.Fatal(err)
		}
		if len(all) == 1 && all[0].Behind == 0 && all[0].Position > 0 {
			return all[0]
		}
		select {
		case <-r.t.Context().Done():
			r.t.Fatalf("feed is at %+v", all)
		case <-time.After(2 * time.Millisecond):
		}
	}
}
