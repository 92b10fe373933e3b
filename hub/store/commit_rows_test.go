package store

import "testing"

// testGroupSizes commits groups around the sizes of one statement.
func testGroupSizes(t *testing.T, s *Store) {
	if err := s.AddKiosk(t.Context(), Kiosk{ID: "sizes", Number: 77, Name: "sizes"}, "sizes", false); err != nil {
		t.Fatal(err)
	}
	a, err := s.Attach(t.Context(), Claim{Kiosk: "sizes", Epoch: testEpoch})
	if err != nil {
		t.Fatal(err)
	}
	sizes := []int{1, localRows - 1, localRows, localRows + 1, 2 * localRows, serverRows - 1, serverRows, serverRows + 1, 3*serverRows + 5}
	total := 0
	for _, n := range sizes {
		total += n
	}
	log, at := chain(total), 0
	for _, n := range sizes {
		out, err := s.Commit(t.Context(), []Batch{{Kiosk: "sizes", Fence: a.Fence, Epoch: testEpoch, Entries: log[at : at+n]}})
		if at += n; err != nil || out[0].Err != nil || out[0].Added != n || out[0].Have != uint64(at) {
			t.Fatalf("group of %d: %+v, %v", n, out, err)
		}
	}
	var held int
	err = s.read.QueryRowContext(t.Context(), `SELECT count(*) FROM entries WHERE kiosk = 'sizes'`).Scan(&held)
	if err != nil || held != total {
		t.Errorf("%d of %d entries, %v", held, total, err)
	}
}

func TestGroupsOfEverySizeAreWhole(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		s, err := Open(t.Context(), "sqlite:"+t.TempDir()+"/b.db", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		testGroupSizes(t, s)
	})
	t.Run("postgres", func(t *testing.T) {
		pg := newServer(t)
		pg.initialise()
		pg.start()
		pg.create("sizes")
		s, err := Open(t.Context(), pg.dsn("sizes"), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		testGroupSizes(t, s)
	})
}
