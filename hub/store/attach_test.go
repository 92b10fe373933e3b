package store

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"yeban/sync/record"
)

// testAttach is what every database must do when terminals come and go together.
var testAttach = map[string]func(*testing.T, *Store){
	"terminals that come together have each their own answer": func(t *testing.T, s *Store) {
		mustCommit(t, s, Batch{Kiosk: "a", Fence: attach(t, s, "a"), Epoch: testEpoch, Entries: chain(5)})
		out, err := s.attach(t.Context(), []Claim{
			{Kiosk: "b", Epoch: testEpoch, Software: "kiosk\x00 1", CatalogVersion: "\xff"},
			{Kiosk: "nobody", Epoch: testEpoch},
			{Kiosk: "a", Epoch: testEpoch, First: 1, Last: 5},
			{Kiosk: "a", Epoch: testEpoch, First: 1, Last: 4, Software: "older"},
			{Kiosk: "a", Epoch: record.Epoch{7}, Software: "newest"},
		})
		if err != nil || len(out) != 5 {
			t.Fatal(out, err)
		}
		if out[0].Fence != 1 || out[0].err != nil {
			t.Errorf("b: %+v", out[0])
		}
		if !errors.Is(out[1].err, ErrNotFound) {
			t.Errorf("nobody: %+v", out[1])
		}
		if out[2].Fence != 2 || out[2].Have != 5 || out[2].HaveHash != chain(5)[4].Hash || out[2].err != nil {
			t.Errorf("a: %+v", out[2])
		}
		wantConflict(t, out[3].err, ConflictBehind, 4)
		if out[3].Fence != 3 || out[4].Fence != 4 || out[4].Have != 0 || out[4].err != nil {
			t.Errorf("a again: %+v, %+v", out[3], out[4])
		}
		if k, err := s.Kiosk(t.Context(), "a"); err != nil || k.Fence != 4 || k.Link != LinkUp || k.Software != "newest" {
			t.Errorf("%+v, %v", k, err)
		}
	},
	"a terminal that cannot be attached keeps nobody out": func(t *testing.T, s *Store) {
		mustCommit(t, s, Batch{Kiosk: "a", Fence: attach(t, s, "a"), Epoch: testEpoch, Entries: chain(1)})
		if _, err := s.write.ExecContext(t.Context(), `UPDATE cursors SET have_hash = 'damaged' WHERE kiosk = 'a'`); err != nil {
			t.Fatal(err)
		}
		out, errs := apart(t.Context(), []Claim{{Kiosk: "a", Epoch: testEpoch}, {Kiosk: "b", Epoch: testEpoch}}, s.attach)
		if errs[0] == nil || errs[1] != nil || out[1].Fence != 1 {
			t.Fatalf("%+v, %v", out, errs)
		}
		if k, _ := s.Kiosk(t.Context(), "a"); k.Fence != 1 {
			t.Errorf("the fence moved to %d", k.Fence)
		}
	},
	"no two connections have one fence": func(t *testing.T, s *Store) {
		const each = 20
		fences := map[string][]uint64{}
		var mu sync.Mutex
		var coming sync.WaitGroup
		for range each {
			for _, kiosk := range []string{"a", "b"} {
				coming.Go(func() {
					a, err := s.Attach(t.Context(), Claim{Kiosk: kiosk, Epoch: testEpoch})
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					fences[kiosk] = append(fences[kiosk], a.Fence)
					mu.Unlock()
					if err := s.Detach(t.Context(), kiosk, a.Fence); err != nil {
						t.Error(err)
					}
				})
			}
		}
		coming.Wait()
		for kiosk, all := range fences {
			slices.Sort(all)
			if all = slices.Compact(all); len(all) != each || all[each-1] != each {
				t.Errorf("%s: fences %v", kiosk, all)
			}
			if k, err := s.Kiosk(t.Context(), kiosk); err != nil || k.Link != LinkDown || k.Fence != each {
				t.Errorf("%+v, %v", k, err)
			}
		}
	},
	"of those that go together, the newest connection alone counts": func(t *testing.T, s *Store) {
		attach(t, s, "a")
		attach(t, s, "a")
		attach(t, s, "b")
		if _, err := s.detach(t.Context(), []departure{{"a", 1}, {"b", 1}, {"nobody", 0}}); err != nil {
			t.Fatal(err)
		}
		a, _ := s.Kiosk(t.Context(), "a")
		if b, _ := s.Kiosk(t.Context(), "b"); a.Link != LinkUp || b.Link != LinkDown {
			t.Errorf("a is %s, b is %s", a.Link, b.Link)
		}
	},
}

// TestATokenIsFoundByIndex: when a province comes back, each terminal is looked up, and to
// look at all of them each time would take longer than all the rest.
func TestATokenIsFoundByIndex(t *testing.T) {
	s, err := Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "hub.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var id, parent, unused int
	var plan string
	err = s.read.QueryRowContext(t.Context(), `EXPLAIN QUERY PLAN SELECT id FROM kiosks WHERE token_hash = $1`, "x").Scan(&id, &parent, &unused, &plan)
	if err != nil || !strings.Contains(plan, "USING INDEX") {
		t.Errorf("plan %q, %v", plan, err)
	}
}
