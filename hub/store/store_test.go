package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"yeban/sync/record"
)

var testEpoch = record.Epoch{0: 1, 15: 9}

// opener opens the same database again each time it is called with the same name.
type opener func(t *testing.T, name string, now func() time.Time) *Store

func TestSQLite(t *testing.T) {
	dir := t.TempDir()
	testStore(t, func(t *testing.T, name string, now func() time.Time) *Store {
		t.Helper()
		s, err := Open(t.Context(), "sqlite:"+filepath.Join(dir, name+".db"), now)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	})
}

// testStore is what every database must do.
func testStore(t *testing.T, open opener) {
	tests := map[string]func(*testing.T, *Store){
		"committed entries outlive the process": func(t *testing.T, s *Store) {
			fence := attach(t, s, "a")
			log := chain(5)
			out := mustCommit(t, s, Batch{Kiosk: "a", Fence: fence, Epoch: testEpoch, Entries: log})
			if out[0].Err != nil || out[0].Have != 5 || out[0].Added != 5 {
				t.Fatalf("outcome %+v", out[0])
			}
			got, err := s.After(t.Context(), 0, 100)
			if err != nil || len(got) != 5 {
				t.Fatalf("%d entries, %v", len(got), err)
			}
			for i, c := range got {
				if c.Pos != int64(i+1) || c.Entry.Hash != c.Entry.Sum(c.Epoch) || c.Entry.Hash != log[i].Hash {
					t.Errorf("entry %d came back changed", i)
				}
			}
		},
		"the same entries twice are there once": func(t *testing.T, s *Store) {
			fence := attach(t, s, "a")
			log := chain(6)
			mustCommit(t, s, Batch{Kiosk: "a", Fence: fence, Epoch: testEpoch, Entries: log[:4]})
			out := mustCommit(t, s, Batch{Kiosk: "a", Fence: fence, Epoch: testEpoch, Entries: log[2:]},
				Batch{Kiosk: "a", Fence: fence, Epoch: testEpoch, Entries: log})
			if out[0].Added != 2 || out[1].Added != 0 || out[1].Have != 6 || out[1].Err != nil {
				t.Fatalf("outcomes %+v", out)
			}
			if n := count(t, s, "entries"); n != 6 {
				t.Fatalf("%d entries", n)
			}
		},
		"another entry at a committed place is kept as a conflict": func(t *testing.T, s *Store) {
			fence := attach(t, s, "a")
			mustCommit(t, s, Batch{Kiosk: "a", Fence: fence, Epoch: testEpoch, Entries: chain(3)})
			other := chain(3)
			other[1].AtMs++
			other[1].Hash = other[1].Sum(testEpoch)
			for range 2 {
				out := mustCommit(t, s, Batch{Kiosk: "a", Fence: fence, Epoch: testEpoch, Entries: other[1:2]})
				wantConflict(t, out[0].Err, ConflictPosition, 2)
			}
			kept, err := s.Conflicts(t.Context(), 10)
			if err != nil || len(kept) != 1 || kept[0].Hash != other[1].Hash.String() {
				t.Fatalf("conflicts %+v, %v", kept, err)
			}
			alarms, err := s.OpenAlarms(t.Context(), 10)
			if err != nil || len(alarms) != 1 || alarms[0].Times != 2 || alarms[0].Severity != Critical {
				t.Fatalf("alarms %+v, %v", alarms, err)
			}
		},
		"a broken chain stops where it breaks": func(t *testing.T, s *Store) {
			fence := attach(t, s, "a")
			log := chain(4)
			log[2].Prev[0] ^= 1
			log[2].Hash = log[2].Sum(testEpoch)
			out := mustCommit(t, s, Batch{Kiosk: "a", Fence: fence, Epoch: testEpoch, Entries: log})
			wantConflict(t, out[0].Err, ConflictChain, 3)
			if out[0].Have != 2 {
				t.Errorf("have %d", out[0].Have)
			}
			damaged := chain(3)
			damaged[2].Sealed = []byte("changed on the way")
			out = mustCommit(t, s, Batch{Kiosk: "a", Fence: fence, Epoch: testEpoch, Entries: damaged})
			wantConflict(t, out[0].Err, ConflictDamaged, 3)
		},
		"a gap is refused and leaves others alone": func(t *testing.T, s *Store) {
			a, b := attach(t, s, "a"), attach(t, s, "b")
			out := mustCommit(t, s, Batch{Kiosk: "a", Fence: a, Epoch: testEpoch, Entries: chain(3)[1:]},
				Batch{Kiosk: "b", Fence: b, Epoch: testEpoch, Entries: chain(2)},
				Batch{Kiosk: "stranger", Fence: 1, Epoch: testEpoch, Entries: chain(1)})
			if !errors.Is(out[0].Err, ErrGap) || out[1].Have != 2 || out[1].Err != nil || !errors.Is(out[2].Err, ErrNotFound) {
				t.Fatalf("outcomes %+v", out)
			}
		},
		"an old connection is fenced": func(t *testing.T, s *Store) {
			old := attach(t, s, "a")
			young := attach(t, s, "a")
			if young != old+1 {
				t.Fatalf("fences %d, %d", old, young)
			}
			out := mustCommit(t, s, Batch{Kiosk: "a", Fence: old, Epoch: testEpoch, Entries: chain(1)})
			if !errors.Is(out[0].Err, ErrFenced) || count(t, s, "entries") != 0 {
				t.Fatalf("outcome %+v", out[0])
			}
			if err := s.Detach(t.Context(), "a", old); err != nil {
				t.Fatal(err)
			}
			if k, _ := s.Kiosk(t.Context(), "a"); k.Link != LinkUp {
				t.Error("the old connection's end took the new one's place down")
			}
			fenced, err := s.SaveConditions(t.Context(), []Condition{{Kiosk: "a", Fence: old, Status: []byte(`{"visit":"old"}`), Seen: s.now(), At: s.now()}})
			if k, _ := s.Kiosk(t.Context(), "a"); err != nil || len(k.Status) != 0 || len(fenced) != 1 || fenced[0] != "a" {
				t.Errorf("status from behind the fence: %s, %v", k.Status, err)
			}
		},
		"a restored or pruned log is told apart": func(t *testing.T, s *Store) {
			fence := attach(t, s, "a")
			mustCommit(t, s, Batch{Kiosk: "a", Fence: fence, Epoch: testEpoch, Entries: chain(5)})
			for _, c := range []struct {
				first, last uint64
				want        ConflictKind
			}{
				{1, 5, ""}, {6, 9, ""}, {0, 5, ""}, // the last: everything was delivered and pruned
				{0, 0, ConflictBehind}, {1, 4, ConflictBehind}, {0, 4, ConflictBehind},
				{7, 9, ConflictHole}, {0, 9, ConflictHole},
			} {
				got, err := s.Attach(t.Context(), Claim{Kiosk: "a", Epoch: testEpoch, First: c.first, Last: c.last})
				if c.want != "" {
					var conflict *ConflictError
					if !errors.As(err, &conflict) || conflict.Kind != c.want {
						t.Errorf("%d–%d: %v", c.first, c.last, err)
					}
				} else if err != nil || got.Have != 5 || got.HaveHash != chain(5)[4].Hash {
					t.Errorf("%d–%d: %+v, %v", c.first, c.last, got, err)
				}
			}
			if fresh, err := s.Attach(t.Context(), Claim{Kiosk: "a", Epoch: record.Epoch{7}}); err != nil || fresh.Have != 0 {
				t.Errorf("new epoch: %+v, %v", fresh, err)
			}
			if _, err := s.Attach(t.Context(), Claim{Kiosk: "nobody", Epoch: testEpoch}); !errors.Is(err, ErrNotFound) {
				t.Errorf("unknown terminal: %v", err)
			}
		},
		"a follower projects once": func(t *testing.T, s *Store) {
			fence := attach(t, s, "a")
			mustCommit(t, s, Batch{Kiosk: "a", Fence: fence, Epoch: testEpoch, Entries: chain(3)})
			all, err := s.After(t.Context(), 0, 10)
			if err != nil {
				t.Fatal(err)
			}
			app := Application{ID: "01A", ReceiptNumber: "R1", Item: "x", ItemName: "甲\x00", ItemVersion: 5_000_000_000, Steps: []record.Step{{Name: "submitted"}}}
			run := []Projection{
				{Entry: all[0], BodyHash: "1", Application: &app},
				{Entry: all[1], Rating: &record.Rating{ID: "01R", Application: "01A", Level: 2, Source: record.RatingOnScreen}},
				{Entry: all[2], Parked: &Parked{Reason: "sealed"}},
			}
			if err := s.Project(t.Context(), "p", 0, run); err != nil {
				t.Fatal(err)
			}
			if err := s.Project(t.Context(), "p", 0, run); !errors.Is(err, ErrFenced) {
				t.Fatalf("second run: %v", err)
			}
			if pos, _ := s.Position(t.Context(), "p"); pos != 3 {
				t.Errorf("position %d", pos)
			}
			for rating, want := range map[string]int{"": 1, "bad": 1, "rated": 1, "none": 0} {
				got, err := s.Applications(t.Context(), Filter{Rating: rating, Receipt: "R", Kiosk: "a", Item: "x"})
				if err != nil || len(got) != want {
					t.Errorf("rating %q: %d applications, %v", rating, len(got), err)
				}
			}
		},
		"a carried record is the same, another body under its id is a conflict": func(t *testing.T, s *Store) {
			fence := attach(t, s, "a")
			log := chain(4)
			mustCommit(t, s, Batch{Kiosk: "a", Fence: fence, Epoch: testEpoch, Entries: log})
			// The log goes on under another epoch: 1 and 2 as they were, 3 and 4 not.
			later := record.Epoch{7}
			again := chain(4)
			again[2].Sealed = []byte("another body")
			again[3].Kind = record.KindRating
			var prev record.Hash
			for i := range again {
				again[i].Header, again[i].Prev = []byte(`{"origin":{}}`), prev
				again[i].Hash = again[i].Sum(later)
				prev = again[i].Hash
			}
			out := mustCommit(t, s, Batch{Kiosk: "a", Fence: fence, Epoch: later, Entries: again})
			if out[0].Err != nil || out[0].Have != 4 {
				t.Fatalf("outcome %+v", out[0])
			}
			all, err := s.After(t.Context(), 0, 100)
			if err != nil || len(all) != 8 {
				t.Fatalf("%d entries, %v", len(all), err)
			}
			run := make([]Projection, len(all))
			for i, c := range all {
				run[i].Entry = c
				switch c.Entry.ID {
				case log[0].ID:
					run[i].Application = &Application{ID: c.Entry.ID}
				case log[3].ID:
					run[i].Rating = &record.Rating{ID: c.Entry.ID}
				default:
					run[i].Parked = &Parked{Reason: "sealed"}
				}
			}
			if err := s.Project(t.Context(), "p", 0, run); err != nil {
				t.Fatal(err)
			}
			kept, err := s.Conflicts(t.Context(), 10)
			if err != nil || len(kept) != 2 {
				t.Fatalf("conflicts %+v, %v", kept, err)
			}
			for _, c := range kept {
				if c.Kind != ConflictBody || c.Epoch != later.String() || c.Hash != again[c.Seq-1].Hash.String() || c.Seq < 3 {
					t.Errorf("conflict %+v", c)
				}
			}
			alarms, err := s.OpenAlarms(t.Context(), 10)
			if err != nil || !slices.ContainsFunc(alarms, func(a Alarm) bool { return a.Kind == "conflict.body" && a.Severity == Critical }) {
				t.Errorf("alarms %+v, %v", alarms, err)
			}
			// 2 is parked once, 3 once for each body.
			if a, p := count(t, s, "applications"), count(t, s, "parked"); a != 1 || p != 3 {
				t.Errorf("%d applications, %d parked", a, p)
			}
		},
		"names and numbers belong to one": func(t *testing.T, s *Store) {
			ctx := t.Context()
			if err := s.AddKiosk(ctx, Kiosk{ID: "a", Number: 77}, "t", false); !errors.Is(err, ErrExists) {
				t.Errorf("same id: %v", err)
			}
			if err := s.AddKiosk(ctx, Kiosk{ID: "new", Number: 1}, "t", false); !errors.Is(err, ErrExists) {
				t.Errorf("same number: %v", err)
			}
			if err := s.AddKiosk(ctx, Kiosk{ID: "a", Number: 77, Name: "南门"}, "t2", true); err != nil {
				t.Error(err)
			}
			if id, err := s.KioskByToken(ctx, "t2"); id != "a" || err != nil {
				t.Errorf("new token: %q, %v", id, err)
			}
			if _, err := s.KioskByToken(ctx, "token-a"); !errors.Is(err, ErrNotFound) {
				t.Errorf("old token: %v", err)
			}
		},
		"sessions end": func(t *testing.T, s *Store) {
			ctx := t.Context()
			if err := s.AddUser(ctx, "li", "hash", false); err != nil {
				t.Fatal(err)
			}
			if err := s.AddUser(ctx, "li", "hash", false); !errors.Is(err, ErrExists) {
				t.Errorf("twice: %v", err)
			}
			if err := s.AddSession(ctx, "tok", Session{User: "li", CSRF: "c", Expires: s.now().Add(time.Hour)}); err != nil {
				t.Fatal(err)
			}
			if got, err := s.SessionByToken(ctx, "tok"); err != nil || got.User != "li" {
				t.Errorf("%+v, %v", got, err)
			}
			if err := s.AddUser(ctx, "li", "new", true); err != nil {
				t.Error(err)
			}
			if _, err := s.SessionByToken(ctx, "tok"); !errors.Is(err, ErrNotFound) {
				t.Errorf("after the password changed: %v", err)
			}
		},
		"a cleared alarm is written down": func(t *testing.T, s *Store) {
			ctx := t.Context()
			if err := raise(ctx, s.write, Alarm{Kiosk: "a", Kind: "parked", Severity: Major}, s.now()); err != nil {
				t.Fatal(err)
			}
			open, _ := s.OpenAlarms(ctx, 1)
			if err := s.ClearAlarm(ctx, open[0].ID, "li", "::1"); err != nil {
				t.Fatal(err)
			}
			if err := s.ClearAlarm(ctx, open[0].ID, "li", "::1"); !errors.Is(err, ErrNotFound) {
				t.Errorf("twice: %v", err)
			}
			rows, err := s.Audits(ctx, open[0].ID, 5)
			if err != nil || len(rows) != 1 || rows[0].User != "li" {
				t.Errorf("audit %+v, %v", rows, err)
			}
			if n, err := s.CountAttention(ctx); err != nil || n != (Attention{}) {
				t.Errorf("attention %+v, %v", n, err)
			}
		},
	}
	maps.Copy(tests, testProof)
	maps.Copy(tests, testAttach)
	maps.Copy(tests, testParked)
	maps.Copy(tests, testOrders)
	maps.Copy(tests, testFeed)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			clock := time.UnixMilli(1_790_000_000_000)
			now := func() time.Time { return clock }
			s := open(t, ulid.Make().String(), now)
			for i, id := range []string{"a", "b"} {
				if err := s.AddKiosk(t.Context(), Kiosk{ID: id, Number: i + 1, Name: id}, "token-"+id, false); err != nil {
					t.Fatal(err)
				}
			}
			test(t, s)
		})
	}
	t.Run("opened again it goes on", func(t *testing.T) {
		s := open(t, "again", nil)
		if err := s.AddKiosk(t.Context(), Kiosk{ID: "a", Number: 1}, "t", false); err != nil {
			t.Fatal(err)
		}
		mustCommit(t, s, Batch{Kiosk: "a", Fence: attach(t, s, "a"), Epoch: testEpoch, Entries: chain(3)})
		s.Close()
		s = open(t, "again", nil)
		fence := attach(t, s, "a")
		out := mustCommit(t, s, Batch{Kiosk: "a", Fence: fence, Epoch: testEpoch, Entries: chain(4)})
		if fence != 2 || out[0].Added != 1 || out[0].Have != 4 {
			t.Errorf("fence %d, outcome %+v", fence, out[0])
		}
	})
	t.Run("an older schema is brought up to date", func(t *testing.T) {
		s := open(t, "older", nil)
		p, err := s.migrations()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.DownTo(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		for _, row := range []string{
			`INSERT INTO applications (id, receipt_number, kiosk, epoch, seq, pos, body_hash, item, item_name, task_handle_item, item_version,
				catalog_version, language, masked_name, masked_id, problems, steps, submitted_at, queued_at, received_at, committed_at)
				VALUES ('01A', 'R', 'a', 'e', 1, 1, '', '', '', '', 1, '', 'zh', '', '', '[]', '[]', 0, 0, 0, 0)`,
			`INSERT INTO alarms (id, kiosk, kind, ref, severity, times, raised_at, last_at) VALUES ('01B', 'a', 'parked', '', 'major', 1, 1, 1)`,
		} {
			if _, err := s.write.ExecContext(t.Context(), row); err != nil {
				t.Fatal(err)
			}
		}
		s.Close()
		s = open(t, "older", nil)
		if a, err := s.Application(t.Context(), "01A"); err != nil || a.Applicant != "" || a.Result != "received" || !a.Complete() {
			t.Errorf("application %+v, %v", a, err)
		}
		if all, err := s.OpenAlarms(t.Context(), 5); err != nil || len(all) != 1 {
			t.Errorf("alarms %+v, %v", all, err)
		}
	})
	t.Run("a newer schema is left alone", func(t *testing.T) {
		s := open(t, "newer", nil)
		if _, err := s.write.ExecContext(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, $1)`, true); err != nil {
			t.Fatal(err)
		}
		if err := s.migrate(t.Context()); !errors.Is(err, ErrNewer) {
			t.Errorf("got %v", err)
		}
	})
}

func TestOpenRefusesWhatIsNotOurs(t *testing.T) {
	dir := t.TempDir()
	foreign := filepath.Join(dir, "foreign.db")
	db, err := sql.Open("sqlite", foreign)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`CREATE TABLE customers (id TEXT)`); err != nil {
		t.Fatal(err)
	}
	db.Close()
	garbage := filepath.Join(dir, "garbage.db")
	if err := os.WriteFile(garbage, bytes.Repeat([]byte("not a database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{foreign, garbage} {
		before, _ := os.ReadFile(path)
		if _, err := Open(t.Context(), "sqlite:"+path, nil); !errors.Is(err, ErrForeign) {
			t.Errorf("%s: %v", filepath.Base(path), err)
		}
		after, _ := os.ReadFile(path)
		// A foreign SQLite file may be switched to WAL by looking at it; its content stays.
		if path == garbage && !bytes.Equal(before, after) {
			t.Errorf("%s was changed", filepath.Base(path))
		}
	}
	if _, err := Open(t.Context(), "mysql:whatever", nil); err == nil {
		t.Error("an unknown scheme was taken")
	}
	if _, err := Open(t.Context(), "sqlite:"+filepath.Join(garbage, "x.db"), nil); err == nil {
		t.Error("a file was taken for a folder")
	}
}

func BenchmarkGroupCommit(b *testing.B) {
	pg := newServer(b)
	pg.initialise()
	pg.start()
	for _, kiosks := range []int{1, 50, 500} {
		name := fmt.Sprintf("kiosks%d", kiosks)
		b.Run("sqlite/"+name, func(b *testing.B) {
			benchmarkCommit(b, kiosks, "sqlite:"+filepath.Join(b.TempDir(), "b.db"))
		})
		b.Run("postgres/"+name, func(b *testing.B) {
			database := strings.ToLower(ulid.Make().String())
			pg.create(database)
			benchmarkCommit(b, kiosks, pg.dsn(database))
		})
	}
}

// benchmarkCommit commits one record of each terminal in every transaction.
func benchmarkCommit(b *testing.B, kiosks int, dsn string) {
	s, err := Open(b.Context(), dsn, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	batches := make([]Batch, kiosks)
	for i := range batches {
		id := fmt.Sprint("k", i)
		if err := s.AddKiosk(b.Context(), Kiosk{ID: id, Number: i + 1}, id, false); err != nil {
			b.Fatal(err)
		}
		a, err := s.Attach(b.Context(), Claim{Kiosk: id, Epoch: testEpoch})
		if err != nil {
			b.Fatal(err)
		}
		batches[i] = Batch{Kiosk: id, Fence: a.Fence, Epoch: testEpoch}
	}
	log := chain(b.N)
	b.ResetTimer()
	for n := range b.N {
		for i := range batches {
			batches[i].Entries = log[n : n+1]
		}
		if _, err := s.Commit(b.Context(), batches); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*kiosks)/b.Elapsed().Seconds(), "records/s")
}

// chain is a log of n whole entries of about 4 KB.
func chain(n int) []record.Entry {
	log := make([]record.Entry, n)
	var prev record.Hash
	for i := range log {
		e := record.Entry{
			Seq: uint64(i + 1), Prev: prev, AtMs: int64(1_790_000_000_000 + i), Kind: record.KindTrace,
			ID: fmt.Sprintf("01J%023d", i), Header: []byte(`{}`), Key: []byte("key"), Sealed: bytes.Repeat([]byte{byte(i)}, 4000),
		}
		e.Hash = e.Sum(testEpoch)
		prev, log[i] = e.Hash, e
	}
	return log
}

func attach(t *testing.T, s *Store, kiosk string) uint64 {
	t.Helper()
	a, err := s.Attach(t.Context(), Claim{Kiosk: kiosk, Epoch: testEpoch, First: 1, Last: 1 << 40})
	if err != nil {
		t.Fatal(err)
	}
	return a.Fence
}

func mustCommit(t *testing.T, s *Store, batches ...Batch) []Outcome {
	t.Helper()
	out, err := s.Commit(context.Background(), batches)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func count(t *testing.T, s *Store, table string) (n int) {
	t.Helper()
	if err := s.read.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM `+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func wantConflict(t *testing.T, err error, kind ConflictKind, seq uint64) {
	t.Helper()
	var c *ConflictError
	if !errors.As(err, &c) || c.Kind != kind || c.Seq != seq {
		t.Fatalf("got %v, want %s at %d", err, kind, seq)
	}
}
