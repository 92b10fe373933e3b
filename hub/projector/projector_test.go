package projector

import (
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"yeban/catalog"
	"yeban/hub/bus"
	"yeban/hub/store"
	"yeban/sync/record"
)

// rig is a store with one terminal whose log is written by hand.
type rig struct {
	t     *testing.T
	store *store.Store
	key   *record.PrivateKey
	p     *Projector
	epoch record.Epoch
	fence uint64
	seq   uint64
	prev  record.Hash
}

type oneVersion struct{ *catalog.Catalog }

func (o oneVersion) Version(v string) (*catalog.Catalog, bool) {
	return o.Catalog, v == o.Catalog.Version
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
	r := &rig{t: t, store: st, key: key, epoch: record.Epoch{1}}
	a, err := st.Attach(t.Context(), store.Claim{Kiosk: "hall-1", Epoch: r.epoch})
	if err != nil {
		t.Fatal(err)
	}
	r.fence = a.Fence
	b, err := bus.Open("", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	c := &catalog.Catalog{Version: "v1", Items: []catalog.Item{{ID: "card", Form: catalog.Form{Pages: []catalog.Page{{
		ID: "p", Questions: []catalog.Question{{ID: "why", Kind: catalog.Choice, Options: []catalog.Option{{Value: "lost"}}}},
	}}}}}}
	if issues := c.Compile(); len(issues) > 0 {
		t.Fatal(issues)
	}
	r.p = &Projector{Store: st, Bus: b, Key: key, Catalogs: oneVersion{c}, Log: slog.New(slog.DiscardHandler), Poll: 10 * time.Millisecond}
	return r
}

// append commits a record as the terminal would; change may spoil it before it is sealed
// under pub.
func (r *rig) append(rec record.Record, pub record.PublicKey, change func(plain []byte) []byte) {
	r.t.Helper()
	plain, err := json.Marshal(rec)
	if err != nil {
		r.t.Fatal(err)
	}
	if change != nil {
		plain = change(plain)
	}
	header, err := json.Marshal(rec.Header())
	if err != nil {
		r.t.Fatal(err)
	}
	r.seq++
	e := record.Entry{Seq: r.seq, Prev: r.prev, AtMs: time.Now().UnixMilli(), Kind: rec.Kind(), ID: rec.Key(), Header: header}
	e.Key, e.Sealed, err = record.Seal(nil, pub, plain, record.SealData(record.Origin{Epoch: r.epoch, Seq: r.seq}, e.Kind, e.ID))
	if err != nil {
		r.t.Fatal(err)
	}
	e.Hash = e.Sum(r.epoch)
	r.prev = e.Hash
	out, err := r.store.Commit(r.t.Context(), []store.Batch{{Kiosk: "hall-1", Fence: r.fence, Epoch: r.epoch, Entries: []record.Entry{e}, Received: time.Now()}})
	if err != nil || out[0].Err != nil {
		r.t.Fatal(err, out)
	}
}

func application() record.Application {
	at := time.Now()
	number, err := record.NewReceiptNumber(at, 1)
	if err != nil {
		panic(err)
	}
	return record.Application{
		ID: ulid.Make().String(), ReceiptNumber: number, Kiosk: "hall-1", CatalogVersion: "v1", Item: "card", ItemName: "社会保障卡补领",
		Applicant: record.Person{Name: "张测试", IDNumber: "34010419000101001X", Address: "某省某市测试路一号"},
		Answers:   map[string]string{"why": "lost"},
		Trace:     []record.Step{{At: at, Name: "item.chosen"}, {At: at, Name: "submitted"}},
		Clock:     record.Clock{Wall: at},
	}
}

func (r *rig) drain() {
	r.t.Helper()
	for {
		if n, err := r.p.Step(r.t.Context()); err != nil {
			r.t.Fatal(err)
		} else if n == 0 {
			return
		}
	}
}

func TestOneVisitBecomesOneApplication(t *testing.T) {
	r := newRig(t)
	a := application()
	r.append(a, r.key.Public(), nil)
	r.append(record.Trace{ID: ulid.Make().String(), Application: a.ID, Steps: []record.Step{{Name: "receipt.printed"}}}, r.key.Public(), nil)
	r.append(record.Rating{ID: ulid.Make().String(), Application: a.ID, Level: record.Unsatisfied, Source: record.RatingOnScreen}, r.key.Public(), nil)
	r.drain()
	got, err := r.store.Application(t.Context(), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got.ReceiptNumber != a.ReceiptNumber || got.Rating != record.Unsatisfied || len(got.Steps) != 2 || len(got.Problems) != 0 {
		t.Errorf("got %+v", got)
	}
	if got.MaskedName != "张**" || got.MaskedID != "3401**********001X" {
		t.Errorf("masked %s %s", got.MaskedName, got.MaskedID)
	}
	if steps, err := r.store.TraceSteps(t.Context(), a.ID); err != nil || len(steps) != 1 || steps[0].Name != "receipt.printed" {
		t.Errorf("steps %v, %v", steps, err)
	}
}

func TestWhatCannotBeReadIsParkedAndBlocksNothing(t *testing.T) {
	r := newRig(t)
	other, err := record.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	mine := r.key.Public()
	wrong := application()
	wrong.Answers = map[string]string{"why": "sold"}
	foreign := application()
	foreign.Kiosk = "hall-2"
	receipt := application()
	receipt.ReceiptNumber = "1"
	item := application()
	item.Item = "gone"
	poison := []struct {
		rec    record.Record
		pub    record.PublicKey
		change func([]byte) []byte
		want   Reason
	}{
		{application(), other.Public(), nil, ReasonSealed},
		{application(), mine, func([]byte) []byte { return []byte(`{"id":`) }, ReasonMalformed},
		{application(), mine, func(b []byte) []byte { return append([]byte(`{"hologram":1,`), b[1:]...) }, ReasonVersion},
		{foreign, mine, nil, ReasonForeign},
		{receipt, mine, nil, ReasonReceipt},
		{item, mine, nil, ReasonItem},
		{wrong, mine, nil, ReasonAnswers},
		{record.Rating{ID: ulid.Make().String(), Level: 9}, mine, nil, ReasonRating},
	}
	for _, p := range poison {
		r.append(p.rec, p.pub, p.change)
	}
	good := application()
	r.append(good, mine, nil)
	r.drain()
	if _, err := r.store.Application(t.Context(), good.ID); err != nil {
		t.Errorf("the good one behind them: %v", err)
	}
	parked, err := r.store.ParkedRecords(t.Context(), 100)
	if err != nil || len(parked) != len(poison) {
		t.Fatalf("%d parked, %v", len(parked), err)
	}
	for i, p := range poison {
		got := parked[len(parked)-1-i]
		if got.Reason != string(p.want) {
			t.Errorf("%d: parked as %s (%s), want %s", i, got.Reason, got.Detail, p.want)
		}
		if strings.Contains(got.Detail, "张测试") || strings.Contains(got.Detail, "34010419000101001X") || strings.Contains(got.Detail, "sold") {
			t.Errorf("%d: detail tells personal data", i)
		}
	}
	// Answers that do not fit need a person, and the citizen's application is shown all the same.
	if a, err := r.store.Application(t.Context(), wrong.ID); err != nil || len(a.Problems) == 0 {
		t.Errorf("%+v, %v", a.Problems, err)
	}
	if _, err := r.store.Application(t.Context(), foreign.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("foreign: %v", err)
	}
}

func TestWhatWasParkedIsReleasedWhenTheCauseIsGone(t *testing.T) {
	r := newRig(t)
	other, err := record.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	sealed, item := application(), application()
	item.Item = "new"
	r.append(sealed, other.Public(), nil)
	r.append(item, r.key.Public(), nil)
	r.drain()
	for pos, want := range []Reason{ReasonSealed, ReasonItem} {
		if why, err := r.p.Again(t.Context(), int64(pos+1)); why != want || err != nil {
			t.Errorf("while the cause lasts: %q, %v", why, err)
		}
	}
	known := &catalog.Catalog{Version: "v1", Items: []catalog.Item{{ID: "new", Form: catalog.Form{Pages: []catalog.Page{{
		ID: "p", Questions: []catalog.Question{{ID: "why", Kind: catalog.Choice, Options: []catalog.Option{{Value: "lost"}}}},
	}}}}}}
	if issues := known.Compile(); len(issues) > 0 {
		t.Fatal(issues)
	}
	r.p.Catalogs = oneVersion{known}
	if why, err := r.p.Again(t.Context(), 2); why != "" || err != nil {
		t.Errorf("with the item: %q, %v", why, err)
	}
	withKey := Projector{Store: r.store, Key: other, Log: r.p.Log}
	if why, err := withKey.Again(t.Context(), 1); why != "" || err != nil {
		t.Errorf("with the key: %q, %v", why, err)
	}
	if _, err := r.store.Application(t.Context(), sealed.ID); err != nil {
		t.Error(err)
	}
	if n, err := r.store.CountAttention(t.Context()); err != nil || n != (store.Attention{}) {
		t.Errorf("%+v, %v", n, err)
	}
	if _, err := r.p.Again(t.Context(), 1); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("twice: %v", err)
	}
}

func TestPositionOutlivesTheProcessAndHintsAreNotNeeded(t *testing.T) {
	r := newRig(t)
	first, second := application(), application()
	r.append(first, r.key.Public(), nil)
	r.drain()
	if pos, err := r.store.Position(t.Context(), follower); pos != 1 || err != nil {
		t.Fatalf("position %d, %v", pos, err)
	}
	r.append(second, r.key.Public(), nil) // no hint is given
	projected, stop, err := r.p.Bus.Watch(bus.Projected)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	done := make(chan error, 1)
	go func() { done <- r.p.Run(t.Context()) }()
	select {
	case <-projected:
	case err := <-done:
		t.Fatal(err)
	case <-time.After(30 * time.Second):
		t.Fatal("not projected")
	}
	if _, err := r.store.Application(t.Context(), second.ID); err != nil {
		t.Error(err)
	}
}

func TestMasks(t *testing.T) {
	for in, want := range map[string]string{"张三": "张*", "张": "张*", "阿卜杜拉·买买提": "阿***", "": "", " 李四 ": "李*"} {
		if got := MaskName(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
	for in, want := range map[string]string{"34010419000101001X": "3401**********001X", "H1234567": "H******7", "123": "***", "": ""} {
		if got := MaskID(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}
