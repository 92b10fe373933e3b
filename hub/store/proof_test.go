package store

import (
	"errors"
	"fmt"
	"testing"

	"yeban/sync/record"
)

// testProof is part of what every database must do.
var testProof = map[string]func(*testing.T, *Store){
	"whole chains are proved": func(t *testing.T, s *Store) {
		fill(t, s)
		got := prove(t, s, "")
		if len(got) != 2 || got[0].Broken != nil || got[1].Broken != nil || got[0].Entries != proofPage+7 || got[1].Entries != 3 {
			t.Errorf("proofs %+v", got)
		}
		if got := prove(t, s, "b"); len(got) != 1 || got[0].Kiosk != "b" {
			t.Errorf("proofs of one terminal %+v", got)
		}
		entries := 0
		err := s.Export(t.Context(), "", func(l record.ExportLine) error {
			if l.Entry != nil {
				entries++
			}
			return nil
		})
		if err != nil || entries != proofPage+10 {
			t.Errorf("%d entries exported, %v", entries, err)
		}
	},
	"a tampered database is found out": func(t *testing.T, s *Store) {
		fill(t, s)
		const far = proofPage + 2
		for _, c := range []struct {
			sql string
			seq uint64
		}{
			{`UPDATE entries SET sealed = header WHERE kiosk = 'a' AND seq = 502`, far},
			{`UPDATE entries SET hash = 'no hash' WHERE kiosk = 'a' AND seq = 300`, 300},
			{`UPDATE entries SET prev = hash WHERE kiosk = 'a' AND seq = 200`, 200},
			{`UPDATE entries SET seq = seq + 1000 WHERE kiosk = 'a' AND seq = 100`, 100},
			{`UPDATE cursors SET have = 50 WHERE kiosk = 'a'`, 50}, // its hash is of another entry
			{`UPDATE cursors SET have = 50, have_hash = (SELECT hash FROM entries WHERE kiosk = 'a' AND seq = 50) WHERE kiosk = 'a'`, 51},
			{`DELETE FROM entries WHERE kiosk = 'a' AND seq = 20`, 20},
			{`DELETE FROM entries WHERE kiosk = 'a' AND seq >= 10`, 10},
			{`DELETE FROM cursors WHERE kiosk = 'a'`, 1},
		} {
			if _, err := s.write.ExecContext(t.Context(), c.sql); err != nil {
				t.Fatal(err)
			}
			got := prove(t, s, "")
			if len(got) != 2 || got[0].Broken == nil || got[0].Broken.Seq != c.seq || got[1].Broken != nil {
				t.Errorf("%s: %+v", c.sql, got)
			}
			var broken *BrokenError
			err := s.Export(t.Context(), "a", func(record.ExportLine) error { return nil })
			if c.seq > 1 && c.seq != 51 && (!errors.As(err, &broken) || broken.Proof.Broken.Seq != c.seq) {
				t.Errorf("%s: export says %v", c.sql, err)
			}
		}
	},
}

// fill commits a log longer than a page for a and a short one for b.
func fill(t *testing.T, s *Store) {
	t.Helper()
	for kiosk, n := range map[string]int{"a": proofPage + 7, "b": 3} {
		out := mustCommit(t, s, Batch{Kiosk: kiosk, Fence: attach(t, s, kiosk), Epoch: testEpoch, Entries: chain(n)})
		if out[0].Err != nil {
			t.Fatal(out[0].Err)
		}
	}
}

func prove(t *testing.T, s *Store, kiosk string) (all []Proof) {
	t.Helper()
	err := s.Prove(t.Context(), kiosk, func(p Proof) error { all = append(all, p); return nil })
	if err != nil {
		t.Fatal(fmt.Errorf("prove: %w", err))
	}
	return all
}
