package store

import (
	"errors"
	"testing"
	"time"

	"yeban/sync/protocol"
	"yeban/sync/record"
)

// projected commits so many applications of terminal a and projects them all.
func projected(t *testing.T, s *Store, n int) []record.Entry {
	t.Helper()
	log := chain(n)
	mustCommit(t, s, Batch{Kiosk: "a", Fence: attach(t, s, "a"), Epoch: testEpoch, Entries: log})
	all, err := s.After(t.Context(), 0, n)
	if err != nil {
		t.Fatal(err)
	}
	var ps []Projection
	for _, c := range all {
		ps = append(ps, Projection{Entry: c, Application: &Application{ID: c.Entry.ID, ReceiptNumber: "R" + c.Entry.ID}})
	}
	if err := s.Project(t.Context(), "projector", 0, ps); err != nil {
		t.Fatal(err)
	}
	return log
}

// testFeed is part of what every database must do.
var testFeed = map[string]func(*testing.T, *Store){
	"a feed follows the projector and keeps its place": func(t *testing.T, s *Store) {
		if items, upTo, err := s.FeedAfter(t.Context(), 0, 10); err != nil || len(items) != 0 || upTo != 0 {
			t.Fatalf("before anything: %d items, up to %d, %v", len(items), upTo, err)
		}
		log := projected(t, s, 5)
		items, upTo, err := s.FeedAfter(t.Context(), 0, 3)
		if err != nil || len(items) != 3 || upTo != 3 || items[2].Entry.ID != log[2].ID {
			t.Fatalf("%d items up to %d, %v", len(items), upTo, err)
		}
		if items, upTo, err = s.FeedAfter(t.Context(), 3, 3); err != nil || len(items) != 2 || upTo != 5 {
			t.Fatalf("the rest: %d items up to %d, %v", len(items), upTo, err)
		}
		at, ok, err := s.ClaimFeed(t.Context(), "office", "one", time.Hour)
		if err != nil || !ok || at != 0 {
			t.Fatalf("claim: %d %t %v", at, ok, err)
		}
		if _, ok, err = s.ClaimFeed(t.Context(), "office", "two", time.Hour); err != nil || ok {
			t.Fatalf("a second holder: %t %v", ok, err)
		}
		if err := s.MoveFeed(t.Context(), "office", "two", 0, 3, true, nil); !errors.Is(err, ErrFenced) {
			t.Errorf("moved by one who does not hold it: %v", err)
		}
		refused := &FeedRefusal{Pos: 3, ID: log[2].ID, Answer: "HTTP 422\x00"}
		if err := s.MoveFeed(t.Context(), "office", "one", 0, 3, true, refused); err != nil {
			t.Fatal(err)
		}
		if err := s.MoveFeed(t.Context(), "office", "one", 0, 3, true, nil); !errors.Is(err, ErrFenced) {
			t.Errorf("moved twice from one place: %v", err)
		}
		all, err := s.Feeds(t.Context())
		if err != nil || len(all) != 1 || all[0].Position != 3 || all[0].Behind != 2 || all[0].Refused != 1 || all[0].Delivered.IsZero() {
			t.Errorf("feeds %+v, %v", all, err)
		}
		if err := s.ForgetFeedRefusal(t.Context(), "office", 3); err != nil {
			t.Error(err)
		}
		if left, err := s.FeedRefusals(t.Context(), "office", 5); err != nil || len(left) != 0 {
			t.Errorf("refusals %+v, %v", left, err)
		}
	},
	"a feed that fails for long raises an alarm, and is well again": func(t *testing.T, s *Store) {
		if _, _, err := s.ClaimFeed(t.Context(), "office", "one", time.Hour); err != nil {
			t.Fatal(err)
		}
		if err := s.FeedFailed(t.Context(), "office", "one", "away", time.Hour); err != nil {
			t.Fatal(err)
		}
		if alarms, err := s.OpenAlarms(t.Context(), 5); err != nil || len(alarms) != 0 {
			t.Errorf("at once: %+v, %v", alarms, err)
		}
		if err := s.FeedFailed(t.Context(), "office", "one", "still away", 0); err != nil {
			t.Fatal(err)
		}
		if alarms, err := s.OpenAlarms(t.Context(), 5); err != nil || len(alarms) != 1 || alarms[0].Severity != Critical {
			t.Errorf("later: %+v, %v", alarms, err)
		}
		if err := s.MoveFeed(t.Context(), "office", "one", 0, 0, false, nil); err != nil {
			t.Fatal(err)
		}
		if all, err := s.Feeds(t.Context()); err != nil || all[0].Trouble != "" || !all[0].FailingSince.IsZero() {
			t.Errorf("feeds %+v, %v", all, err)
		}
	},
	"the newest word on an application stands": func(t *testing.T, s *Store) {
		log := projected(t, s, 1)
		at := time.UnixMilli(1_790_000_000_000)
		for _, c := range []struct {
			r       Result
			changed bool
		}{
			{Result{Application: log[0].ID, State: protocol.ResultAccepted, At: at}, true},
			{Result{Application: log[0].ID, State: protocol.ResultAccepted, At: at}, false},
			{Result{Receipt: "R" + log[0].ID, State: protocol.ResultDone, Reason: "证件已寄出", At: at.Add(time.Second)}, true},
			{Result{Application: log[0].ID, State: protocol.ResultRejected, At: at}, false},
		} {
			if changed, err := s.SaveResult(t.Context(), c.r); err != nil || changed != c.changed {
				t.Errorf("%s: changed %t, %v", c.r.State, changed, err)
			}
		}
		got, err := s.ResultOf(t.Context(), log[0].ID)
		if err != nil || got.State != protocol.ResultDone || got.Reason != "证件已寄出" {
			t.Errorf("result %+v, %v", got, err)
		}
		if _, err := s.SaveResult(t.Context(), Result{Receipt: "nobody's", State: protocol.ResultDone, At: at}); !errors.Is(err, ErrNotFound) {
			t.Errorf("result of nothing: %v", err)
		}
	},
}
