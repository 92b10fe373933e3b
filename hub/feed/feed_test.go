package feed

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"yeban/hub/store"
	"yeban/sync/protocol"
	"yeban/sync/record"
)

// office is a sink that says what the test wants and remembers.
type office struct {
	mu  sync.Mutex
	got []string
	say func(n int, e *Event) (Answer, error) // nil: has it
}

func (o *office) Deliver(_ context.Context, e *Event) (Answer, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.got = append(o.got, e.ID)
	if o.say == nil {
		return Answer{}, nil
	}
	return o.say(len(o.got), e)
}

func (o *office) ids() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.got)
}

func TestEverythingInOrderAndOnceOverRestarts(t *testing.T) {
	r := newRig(t)
	want := r.applications(3)
	o := new(office)
	stop := r.run(r.feed("a", o))
	r.delivered()
	stop()
	want = append(want, r.applications(200)...)
	rating := record.Rating{ID: ulid.Make().String(), Application: want[0], Level: record.Satisfied, Source: record.RatingOnScreen, At: time.Now()}
	r.hand(rating, r.key.Public())
	r.hand(record.Trace{ID: ulid.Make().String(), Application: want[0]}, r.key.Public())
	r.project()
	want = append(want, rating.ID)
	r.run(r.feed("b", o))
	r.delivered()
	if got := o.ids(); !slices.Equal(got, want) {
		t.Errorf("%d events, want %d in their order", len(got), len(want))
	}
}

func TestFailureIsTriedAgainUnderTheSameID(t *testing.T) {
	r := newRig(t)
	want := r.applications(2)
	alarms := func() (kinds []string) {
		open, err := r.store.OpenAlarms(t.Context(), 10)
		if err != nil {
			t.Error(err)
		}
		for _, a := range open {
			kinds = append(kinds, a.Kind)
		}
		return kinds
	}
	o := &office{say: func(n int, _ *Event) (Answer, error) {
		switch {
		case n < 3:
			return Answer{}, errors.New("away")
		case n == 3:
			if got := alarms(); !slices.Equal(got, []string{"feed.failing"}) {
				t.Errorf("while it fails: alarms %v", got)
			}
			return Answer{}, errors.New("away")
		}
		return Answer{}, nil
	}}
	r.run(r.feed("a", o))
	r.delivered()
	if got := o.ids(); !slices.Equal(got, []string{want[0], want[0], want[0], want[0], want[1]}) {
		t.Errorf("deliveries %v", got)
	}
	if got := alarms(); len(got) != 0 {
		t.Errorf("after it got through: alarms %v", got)
	}
}

func TestRefusedEventDoesNotStandInTheWay(t *testing.T) {
	r := newRig(t)
	want := r.applications(3)
	o := &office{say: func(_ int, e *Event) (Answer, error) {
		if e.ID == want[1] {
			return Answer{}, &RefusedError{"HTTP 422"}
		}
		return Answer{}, nil
	}}
	r.run(r.feed("a", o))
	if f := r.delivered(); f.Refused != 1 {
		t.Errorf("feed %+v", f)
	}
	if got := o.ids(); !slices.Equal(got, want) {
		t.Errorf("deliveries %v", got)
	}
	refused, err := r.store.FeedRefusals(t.Context(), "office", 10)
	if err != nil || len(refused) != 1 || refused[0].ID != want[1] || refused[0].Answer != "HTTP 422" {
		t.Errorf("refusals %+v, %v", refused, err)
	}
}

func TestARefusedEventIsDeliveredAgainWhenSomebodyAsks(t *testing.T) {
	r := newRig(t)
	want := r.applications(3)
	var mends atomic.Bool
	o := &office{say: func(_ int, e *Event) (Answer, error) {
		if e.ID == want[1] && !mends.Load() {
			return Answer{}, &RefusedError{"HTTP 422"}
		}
		return Answer{}, nil
	}}
	r.run(r.feed("a", o))
	r.delivered()
	settled := func() store.Feed {
		t.Helper()
		for {
			if f := r.delivered(); f.Again == 0 {
				return f
			}
			time.Sleep(2 * time.Millisecond)
		}
	}
	for _, mended := range []bool{false, true} {
		mends.Store(mended)
		if n, err := r.store.RetryRefusals(t.Context(), "office", want[1]); err != nil || n != 1 {
			t.Fatal(n, err)
		}
		if f := settled(); (f.Refused == 0) != mended || f.Position != 3 {
			t.Errorf("mended %t: feed %+v", mended, f)
		}
	}
	if got := o.ids(); !slices.Equal(got, append(want, want[1], want[1])) {
		t.Errorf("deliveries %v", got)
	}
	if alarms, err := r.store.OpenAlarms(t.Context(), 9); err != nil || len(alarms) != 0 {
		t.Errorf("alarms %+v, %v", alarms, err)
	}
}

func TestPositionMovesAfterDeliveryOnly(t *testing.T) {
	r := newRig(t)
	want := r.applications(1)
	o := new(office)
	broken := &brokenStore{Store: r.store, fail: 2}
	f := r.feed("a", o)
	f.cfg.Store = broken
	r.run(f)
	r.delivered()
	// Delivered, then not noted, as after a crash: told again, under the same id.
	if got := o.ids(); !slices.Equal(got, []string{want[0], want[0], want[0]}) {
		t.Errorf("deliveries %v", got)
	}
}

// brokenStore does not move for a while.
type brokenStore struct {
	Store
	fail int
}

func (b *brokenStore) MoveFeed(ctx context.Context, name, holder string, from, to int64, delivered bool, refused *store.FeedRefusal) error {
	if b.fail > 0 {
		b.fail--
		return errors.New("database is away")
	}
	return b.Store.MoveFeed(ctx, name, holder, from, to, delivered, refused)
}

func TestOneProcessDelivers(t *testing.T) {
	r := newRig(t)
	first, second := new(office), new(office)
	a, b := r.feed("a", first), r.feed("b", second)
	one := r.applications(1)
	for range 2 {
		if _, err := a.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(first.ids(), one) || len(second.ids()) != 0 {
		t.Fatalf("a had %v, b %v", first.ids(), second.ids())
	}
	if err := r.store.ReleaseFeed(t.Context(), "office", "a"); err != nil {
		t.Fatal(err)
	}
	two := r.applications(1)
	if _, err := b.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(second.ids(), two) {
		t.Errorf("b had %v, want %v", second.ids(), two)
	}
	// A holder that was away for longer than its lease must not move the position.
	err := r.store.MoveFeed(t.Context(), "office", "a", 1, 2, true, nil)
	if !errors.Is(err, store.ErrFenced) {
		t.Errorf("old holder: %v", err)
	}
}

func TestOnlyWhatCanBeReadAndOnlyOnce(t *testing.T) {
	r := newRig(t)
	stranger, err := record.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	r.hand(r.application(), stranger.Public()) // parked: waits for a person
	a := r.application()
	e := r.hand(a, r.key.Public())
	// The same record carried over into a later log.
	h := a.Header()
	h.Origin = &record.Origin{Epoch: r.epoch, Seq: e.Seq}
	r.newLog()
	carried := e
	carried.Seq, carried.Prev, carried.Header = 1, record.Hash{}, mustJSON(t, h)
	r.commit(&carried)
	r.project()
	o := new(office)
	r.run(r.feed("a", o))
	r.delivered()
	if got := o.ids(); !slices.Equal(got, []string{a.ID}) {
		t.Errorf("deliveries %v, want %s alone", got, a.ID)
	}
}

func TestResultsOfAnAnswer(t *testing.T) {
	r := newRig(t)
	ids := r.applications(2)
	at := time.Now().Truncate(time.Millisecond)
	o := &office{say: func(n int, e *Event) (Answer, error) {
		return Answer{Results: []Result{
			{Application: e.ID, State: protocol.ResultAccepted, At: at},
			{Application: "01UNKNOWN", State: protocol.ResultDone, At: at}, // nobody's; the others count
		}}, nil
	}}
	r.run(r.feed("a", o))
	r.delivered()
	for _, id := range ids {
		if got, err := r.store.Application(t.Context(), id); err != nil || got.Result != protocol.ResultAccepted || !got.ResultAt.Equal(at) {
			t.Errorf("result %+v, %v", got, err)
		}
	}
	older := store.Result{Application: ids[0], State: protocol.ResultRejected, Reason: "x", At: at.Add(-time.Hour)}
	if changed, err := r.store.SaveResult(t.Context(), older); err != nil || changed {
		t.Errorf("an older word replaced a newer: %t, %v", changed, err)
	}
}

func TestResultCheck(t *testing.T) {
	now := time.Now()
	good := Result{Application: "x", State: protocol.ResultNeedsMore, Reason: "bring the book", At: now}
	if err := good.check(now); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Result){
		"state of another version": func(r *Result) { r.State = "perhaps" },
		"received is ours to say":  func(r *Result) { r.State = protocol.ResultReceived },
		"names nothing":            func(r *Result) { r.Application = "" },
		"names two":                func(r *Result) { r.ReceiptNumber = "y" },
		"no reason":                func(r *Result) { r.Reason = "" },
		"no moment":                func(r *Result) { r.At = time.Time{} },
		"next century":             func(r *Result) { r.At = now.AddDate(100, 0, 0) },
		"too long":                 func(r *Result) { r.Reason = strings.Repeat("长", 400) },
	} {
		bad := good
		if change(&bad); bad.check(now) == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestNothingPersonalIsSaid(t *testing.T) {
	r := newRig(t)
	r.applications(1)
	o := &office{say: func(n int, e *Event) (Answer, error) {
		if n == 1 {
			return Answer{}, fmt.Errorf("cannot take %v", *e)
		}
		return Answer{}, &RefusedError{fmt.Sprintf("%v %+v %#v", *e, e, *e)}
	}}
	r.run(r.feed("a", o))
	r.delivered()
	for _, secret := range []string{secretName, secretNumber} {
		if strings.Contains(r.logs.String(), secret) {
			t.Errorf("log holds %q", secret)
		}
	}
	refused, err := r.store.FeedRefusals(t.Context(), "office", 1)
	if err != nil || len(refused) != 1 || strings.Contains(refused[0].Answer, secretName) {
		t.Errorf("refusals %+v, %v", refused, err)
	}
	if !strings.Contains(r.logs.String(), "«application ") {
		t.Error("the event was never printed: this test cannot fail")
	}
}

func TestWrongKeyStallsAndRefusesNothing(t *testing.T) {
	r := newRig(t)
	r.applications(2)
	other, err := record.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	o := new(office)
	f := r.feed("a", o)
	f.cfg.Key = other
	if _, err := f.Step(t.Context()); err == nil {
		t.Fatal("a feed with another key went on")
	}
	all, err := r.store.Feeds(t.Context())
	if err != nil || all[0].Position != 0 || all[0].Refused != 0 || len(o.ids()) != 0 {
		t.Errorf("feed %+v, %v, told %v", all, err, o.ids())
	}
}
