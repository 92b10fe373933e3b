package main

import (
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"yeban/hub/store"
	"yeban/sync/record"
)

// log makes the entries that a terminal would, without its disk.
type log struct {
	t     *testing.T
	key   *record.PrivateKey
	epoch record.Epoch
	all   []record.Entry
	notes []promise
}

func (l *log) add(r record.Record, origin *record.Origin) {
	l.t.Helper()
	plaintext, err := record.Encode(r)
	if err != nil {
		l.t.Fatal(err)
	}
	e := record.Entry{Seq: uint64(len(l.all) + 1), AtMs: 1, Kind: r.Kind(), ID: r.Key()}
	if n := len(l.all); n > 0 {
		e.Prev = l.all[n-1].Hash
	}
	at := record.Origin{Epoch: l.epoch, Seq: e.Seq}
	h := r.Header()
	if h.Origin = origin; origin != nil {
		at = *origin
	}
	if e.Header, err = json.Marshal(h); err != nil {
		l.t.Fatal(err)
	}
	if e.Key, e.Sealed, err = record.Seal(nil, l.key.Public(), plaintext, record.SealData(at, e.Kind, e.ID)); err != nil {
		l.t.Fatal(err)
	}
	e.Hash = e.Sum(l.epoch)
	l.all = append(l.all, e)
	l.notes = append(l.notes, promise{"one", "k-1", e.ID, bodyHash(plaintext), false})
}

func rating() record.Rating {
	return record.Rating{ID: ulid.Make().String(), Application: ulid.Make().String(), Level: 5, Source: record.RatingOnScreen, At: time.Unix(1, 0)}
}

func TestJudge(t *testing.T) {
	for name, c := range map[string]struct {
		change func(l *log)
		want   verdict
	}{
		"all well":        {func(*log) {}, verdict{handed: 3}},
		"one is missing":  {func(l *log) { l.all = l.all[:2] }, verdict{handed: 3, lost: 1}},
		"another body":    {func(l *log) { l.notes[1].body = bodyHash(nil) }, verdict{handed: 3, lost: 1}},
		"other order":     {func(l *log) { l.notes[0], l.notes[1] = l.notes[1], l.notes[0] }, verdict{handed: 3, disorder: 1}},
		"never promised":  {func(l *log) { l.notes = l.notes[:2] }, verdict{handed: 2, extra: 1}},
		"twice":           {func(l *log) { l.again(l.all[0]) }, verdict{handed: 3, doubled: 1}},
		"sealed, is open": {func(l *log) { l.notes[0].sealed = true }, verdict{handed: 3, lost: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			key, err := record.GenerateKey(nil)
			if err != nil {
				t.Fatal(err)
			}
			l := &log{t: t, key: key, epoch: record.Epoch{1}}
			for range 3 {
				l.add(rating(), nil)
			}
			c.change(l)
			st, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "hub.db"), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer st.Close()
			if err := st.AddKiosk(t.Context(), store.Kiosk{ID: "k-1", Number: 1, Name: "k"}, "t", false); err != nil {
				t.Fatal(err)
			}
			a, err := st.Attach(t.Context(), store.Claim{Kiosk: "k-1", Epoch: l.epoch, First: 1, Last: uint64(len(l.all))})
			if err != nil {
				t.Fatal(err)
			}
			out, err := st.Commit(t.Context(), []store.Batch{{Kiosk: "k-1", Fence: a.Fence, Epoch: l.epoch, Entries: l.all}})
			if err != nil || out[0].Err != nil {
				t.Fatal(err, out)
			}
			got, _, err := judge(t.Context(), st, key, l.notes)
			if err != nil {
				t.Fatal(err)
			}
			got.first = ""
			if got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

// again appends the same record at another place, as nobody should.
func (l *log) again(e record.Entry) {
	e.Seq, e.Prev = uint64(len(l.all)+1), l.all[len(l.all)-1].Hash
	e.Hash = e.Sum(l.epoch)
	l.all = append(l.all, e)
}

func TestControlMustFail(t *testing.T) {
	sound := row{runs: 1, verdict: verdict{handed: 5}}
	broken := row{runs: 1, verdict: verdict{handed: 5, lost: 1}}
	if !sound.passed() || broken.passed() {
		t.Error("a loss passes")
	}
	sound.control, broken.control = true, true
	if sound.passed() || !broken.passed() {
		t.Error("a control that loses nothing passes")
	}
	if (&row{runs: 1}).passed() {
		t.Error("a fault under which nothing was handed in passes")
	}
}
