package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"yeban/sync/outbox"
	"yeban/sync/record"
)

var platform = sync.OnceValue(func() *record.PrivateKey {
	key, err := record.GenerateKey(nil)
	if err != nil {
		panic(err)
	}
	return key
})

// clock is a wall clock that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func config(dir string, c *clock) outbox.Config {
	return outbox.Config{Dir: dir, Platform: platform().Public(), Now: c.Now, LockTimeout: time.Second}
}

func open(t testing.TB, cfg outbox.Config) *outbox.Outbox {
	t.Helper()
	o, err := outbox.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.Close() })
	return o
}

func rating(id string) record.Rating {
	return record.Rating{ID: id, Application: "a", Level: record.Satisfied, Source: record.RatingOnScreen}
}

func application(t testing.TB, at time.Time) record.Application {
	t.Helper()
	number, err := record.NewReceiptNumber(at, 7)
	if err != nil {
		t.Fatal(err)
	}
	return record.Application{ID: ulid.Make().String(), ReceiptNumber: number, Item: "renewal", Clock: record.Clock{Wall: at}}
}

func appendOne(t testing.TB, o *outbox.Outbox, r record.Record) outbox.Position {
	t.Helper()
	p, err := o.Append(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// all reads the whole log and checks its chain.
func all(t testing.TB, o *outbox.Outbox) []record.Entry {
	t.Helper()
	epoch, first, last := o.Position()
	if last == 0 {
		return nil
	}
	before, err := o.Hash(first - 1)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := o.Read(first-1, 1<<30, 1<<40)
	if err != nil {
		t.Fatal(err)
	}
	seq := first - 1
	for i := range entries {
		if err := entries[i].Follows(epoch, seq, before); err != nil {
			t.Fatal(err)
		}
		seq, before = entries[i].Seq, entries[i].Hash
	}
	if seq != last {
		t.Fatalf("log ends at %d, position says %d", seq, last)
	}
	return entries
}

func ids(entries []record.Entry) []string {
	var out []string
	for _, e := range entries {
		out = append(out, e.ID)
	}
	return out
}

func TestAppendedRecordIsSealedChainedAndStays(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	o := open(t, config(dir, c))
	a := application(t, c.Now())
	a.Applicant.Name = "测某某"
	p1 := appendOne(t, o, a)
	p2 := appendOne(t, o, rating("r1"))
	if p1.Seq != 1 || p2.Seq != 2 || p1.Epoch != p2.Epoch {
		t.Fatalf("positions %v %v", p1, p2)
	}
	select {
	case <-o.Notify():
	default:
		t.Error("nobody was told")
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	o = open(t, config(dir, c))
	entries := all(t, o)
	if len(entries) != 2 || entries[0].Hash != p1.Hash || entries[1].Hash != p2.Hash {
		t.Fatalf("%d entries", len(entries))
	}
	plaintext, err := record.Open(platform(), &entries[0], p1.Epoch)
	if err != nil {
		t.Fatal(err)
	}
	r, err := record.Decode(&entries[0], plaintext)
	if err != nil || r.(*record.Application).Applicant.Name != a.Applicant.Name {
		t.Errorf("%v %v", r, err)
	}
	if o.SetAside() != nil {
		t.Error(o.SetAside())
	}
}

func TestDuplicatesAreRefused(t *testing.T) {
	c := newClock()
	o := open(t, config(t.TempDir(), c))
	a := application(t, c.Now())
	p := appendOne(t, o, a)
	var twin *outbox.DuplicateError
	if _, err := o.Append(t.Context(), a); !errors.Is(err, outbox.ErrDuplicate) || !errors.As(err, &twin) || twin.Position != p || twin.By != "id" {
		t.Errorf("same id: %v", err)
	}
	b := a
	b.ID = ulid.Make().String()
	if _, err := o.Append(t.Context(), b); !errors.As(err, &twin) || twin.By != "receipt number" {
		t.Errorf("same receipt number: %v", err)
	}
	if n := len(all(t, o)); n != 1 {
		t.Errorf("%d entries", n)
	}
}

func TestUnsendableRecordsAreRefused(t *testing.T) {
	c := newClock()
	o := open(t, config(t.TempDir(), c))
	noNumber, large := application(t, c.Now()), application(t, c.Now())
	noNumber.ReceiptNumber = "123"
	large.Answers = map[string]string{"x": string(make([]byte, record.MaxPlaintext))}
	for name, r := range map[string]record.Record{"no id": rating(""), "long id": rating(string(make([]byte, 99))), "no number": noNumber, "large": large} {
		if _, err := o.Append(t.Context(), r); !errors.Is(err, outbox.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := o.Append(ctx, rating("r")); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if all(t, o) != nil {
		t.Error("something was appended")
	}
}

func TestConcurrentAppendsHaveNoGaps(t *testing.T) {
	o := open(t, config(t.TempDir(), newClock()))
	var group sync.WaitGroup
	for w := range 8 {
		group.Go(func() {
			for i := range 10 {
				if _, err := o.Append(context.Background(), rating(fmt.Sprintf("%d-%d", w, i))); err != nil {
					t.Error(err)
				}
				if _, err := o.Read(0, 3, 1<<20); err != nil {
					t.Error(err)
				}
				if _, err := o.Stats(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if n := len(all(t, o)); n != 80 {
		t.Errorf("%d entries", n)
	}
}

func TestReadKeepsToItsBounds(t *testing.T) {
	o := open(t, config(t.TempDir(), newClock()))
	for i := range 10 {
		appendOne(t, o, rating(fmt.Sprint(i)))
	}
	one, _ := o.Entry(4)
	for _, c := range []struct{ after, records, bytes, want int }{
		{0, 3, 1 << 20, 3}, {8, 3, 1 << 20, 2}, {10, 3, 1 << 20, 0}, {99, 3, 1 << 20, 0},
		{3, 5, one.WireSize(), 1}, {3, 5, 1, 1}, {3, 5, one.WireSize()*2 + 4, 2},
	} {
		got, err := o.Read(uint64(c.after), c.records, c.bytes)
		if err != nil || len(got) != c.want || (c.want > 0 && got[0].Seq != uint64(c.after)+1) {
			t.Errorf("%+v: %d entries, %v", c, len(got), err)
		}
	}
	if _, err := o.Entry(11); !errors.Is(err, outbox.ErrNoEntry) {
		t.Error(err)
	}
}

func TestAcknowledgedEntriesStayForTheRetentionTime(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	o := open(t, config(dir, c))
	a := application(t, c.Now())
	appendOne(t, o, a)
	for i := range 5 {
		appendOne(t, o, rating(fmt.Sprint(i)))
	}
	epoch, _, _ := o.Position()
	if err := o.Acked(epoch, 4); err != nil {
		t.Fatal(err)
	}
	c.Add(3 * 24 * time.Hour)
	if err := o.Acked(epoch, 6); err != nil {
		t.Fatal(err)
	}
	prune := func(want uint64) {
		t.Helper()
		if err := o.Prune(c.Now()); err != nil {
			t.Fatal(err)
		}
		if _, first, last := o.Position(); first != want || last != 6 {
			t.Fatalf("holds %d to %d, want from %d", first, last, want)
		}
		all(t, o)
	}
	prune(1)
	c.Add(4*24*time.Hour + time.Minute)
	prune(5)
	if _, err := o.Read(2, 10, 1<<20); !errors.Is(err, outbox.ErrNoEntry) {
		t.Errorf("read of what is gone: %v", err)
	}
	if _, err := o.Append(t.Context(), a); err != nil {
		t.Errorf("a receipt number is free again once pruned: %v", err)
	}
	if err := o.Acked(epoch, 7); err != nil {
		t.Fatal(err)
	}
	c.Add(30 * 24 * time.Hour)
	if err := o.Prune(c.Now()); err != nil {
		t.Fatal(err)
	}
	if _, first, last := o.Position(); first != 7 || last != 7 {
		t.Errorf("holds %d to %d: the newest must stay", first, last)
	}
	o.Close()
	o = open(t, config(dir, c))
	if p := appendOne(t, o, rating("next")); p.Seq != 8 {
		t.Errorf("went on at %d", p.Seq)
	}
	all(t, o)
	if s, _ := o.Stats(); s.Counts[record.KindRating] != 1 || s.Counts[record.KindApplication] != 1 {
		t.Errorf("counts %v", s.Counts)
	}
}

func TestUnacknowledgedEntriesAreNeverPruned(t *testing.T) {
	c := newClock()
	o := open(t, config(t.TempDir(), c))
	for i := range 3 {
		appendOne(t, o, rating(fmt.Sprint(i)))
	}
	c.Add(100 * 24 * time.Hour)
	if err := o.Prune(c.Now()); err != nil {
		t.Fatal(err)
	}
	if n := len(all(t, o)); n != 3 {
		t.Errorf("%d left", n)
	}
	s, _ := o.Stats()
	if s.Queued != 3 || s.OldestAge != 100*24*time.Hour {
		t.Errorf("%+v", s)
	}
}

func TestHubThatWasRestoredIsReplayedTo(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	o := open(t, config(dir, c))
	for i := range 5 {
		appendOne(t, o, rating(fmt.Sprint(i)))
	}
	epoch, _, _ := o.Position()
	for _, have := range []uint64{5, 2} {
		if err := o.Acked(epoch, have); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.Acked(record.Epoch{9}, 5); err != nil || o.Acknowledged() != 2 {
		t.Errorf("late word of another epoch: %v, acked %d", err, o.Acknowledged())
	}
	if err := o.Acked(epoch, 6); !errors.Is(err, outbox.ErrNoEntry) {
		t.Errorf("ahead of the log: %v", err)
	}
	o.Close()
	o = open(t, config(dir, c))
	if o.Acknowledged() != 2 {
		t.Errorf("acked %d after a restart", o.Acknowledged())
	}
	c.Add(100 * 24 * time.Hour)
	if err := o.Prune(c.Now()); err != nil {
		t.Fatal(err)
	}
	if got, err := o.Read(2, 10, 1<<20); err != nil || len(got) != 3 {
		t.Errorf("%d to replay, %v", len(got), err)
	}
}

func TestNewEpochCarriesWhatTheHubMayLack(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	o := open(t, config(dir, c))
	a := application(t, c.Now())
	appendOne(t, o, rating("r0"))
	appendOne(t, o, a)
	appendOne(t, o, rating("r2"))
	old, _, _ := o.Position()
	if err := o.Acked(old, 1); err != nil {
		t.Fatal(err)
	}
	before := all(t, o)
	if err := o.NewEpoch("test", 1); err != nil {
		t.Fatal(err)
	}
	check := func() {
		t.Helper()
		epoch, first, last := o.Position()
		if epoch == old || first != 1 || last != 2 || o.Acknowledged() != 0 {
			t.Fatalf("epoch %s, %d to %d, acked %d", epoch, first, last, o.Acknowledged())
		}
		for i, e := range all(t, o) {
			was := before[i+1]
			if e.ID != was.ID || e.AtMs != was.AtMs || string(e.Sealed) != string(was.Sealed) {
				t.Errorf("entry %d is not what it was", e.Seq)
			}
			if _, err := record.Open(platform(), &e, epoch); err != nil {
				t.Errorf("entry %d: %v", e.Seq, err)
			}
		}
	}
	check()
	if _, err := o.Append(t.Context(), rating("r0")); !errors.Is(err, outbox.ErrDuplicate) {
		t.Errorf("id of the ended log: %v", err)
	}
	if _, err := o.Append(t.Context(), a); !errors.Is(err, outbox.ErrDuplicate) {
		t.Errorf("id carried over: %v", err)
	}
	o.Close()
	o = open(t, config(dir, c))
	check()
	if err := o.NewEpoch("again", 0); err != nil {
		t.Fatal(err)
	}
	o.Close()
	verify := func(ended int) {
		t.Helper()
		r, err := outbox.OpenReadOnly(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		report, err := r.Verify(t.Context(), c.Now())
		if err != nil || len(report.Ended) != ended || report.Last != 2 {
			t.Errorf("%+v %v", report, err)
		}
	}
	verify(2)
	o = open(t, config(dir, c))
	for _, e := range all(t, o) {
		epoch, _, _ := o.Position()
		if at, err := e.Origin(epoch); err != nil || at.Epoch != old {
			t.Errorf("origin %v %v", at, err)
		}
	}
	c.Add(8 * 24 * time.Hour)
	if err := o.Prune(c.Now()); err != nil {
		t.Fatal(err)
	}
	o.Close()
	verify(0)
}

func TestClosedOutboxSaysSo(t *testing.T) {
	o := open(t, config(t.TempDir(), newClock()))
	o.Close()
	if _, err := o.Append(t.Context(), rating("r")); !errors.Is(err, outbox.ErrClosed) {
		t.Error(err)
	}
	if err := o.Ready(); !errors.Is(err, outbox.ErrClosed) {
		t.Error(err)
	}
	if _, err := o.Read(0, 1, 1); !errors.Is(err, outbox.ErrClosed) {
		t.Error(err)
	}
	if err := o.Close(); err != nil {
		t.Error(err)
	}
}

func TestSecondProgramIsKeptOut(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	o := open(t, config(dir, c))
	appendOne(t, o, rating("r"))
	cfg := config(dir, c)
	cfg.LockTimeout = 50 * time.Millisecond
	if _, err := outbox.Open(cfg); !errors.Is(err, outbox.ErrLocked) {
		t.Errorf("%v", err)
	}
	if bad, _ := filepath.Glob(filepath.Join(dir, "*bad*")); bad != nil {
		t.Errorf("set aside: %v", bad)
	}
	r, err := outbox.OpenReadOnly(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if s, err := r.Stats(c.Now()); err != nil || s.Queued != 1 {
		t.Errorf("%+v %v", s, err)
	}
}
