package store

import (
	"errors"
	"slices"
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
	},
	"a refused record is delivered again when somebody asks": func(t *testing.T, s *Store) {
		ctx := t.Context()
		log := projected(t, s, 4)
		if _, _, err := s.ClaimFeed(ctx, "office", "one", time.Hour); err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			refused := &FeedRefusal{Pos: int64(i + 1), ID: log[i].ID, Answer: "HTTP 422"}
			if err := s.MoveFeed(ctx, "office", "one", int64(i), int64(i+1), false, refused); err != nil {
				t.Fatal(err)
			}
		}
		again := func(want ...int64) {
			t.Helper()
			items, err := s.FeedAgain(ctx, "office", 10)
			var got []int64
			for _, i := range items {
				got = append(got, i.Pos)
			}
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("again %v, %v; want %v", got, err, want)
			}
		}
		open := func(want int) {
			t.Helper()
			if alarms, err := s.OpenAlarms(ctx, 5); err != nil || len(alarms) != want {
				t.Errorf("alarms %+v, %v; want %d", alarms, err, want)
			}
		}
		again()
		if _, err := s.RetryRefusals(ctx, "office", log[0].ID, log[3].ID); !errors.Is(err, ErrNotFound) {
			t.Errorf("one that was not refused: %v", err)
		}
		again()
		if n, err := s.RetryRefusals(ctx, "office", log[1].ID); err != nil || n != 1 {
			t.Errorf("%d, %v", n, err)
		}
		again(2)
		if all, err := s.FeedRefusals(ctx, "office", 9); err != nil || len(all) != 3 || all[0].Again || !all[1].Again {
			t.Errorf("refusals %+v, %v", all, err)
		}
		if err := s.SettleAgain(ctx, "office", "two", 2, nil); !errors.Is(err, ErrFenced) {
			t.Errorf("settled by one who does not hold the feed: %v", err)
		}
		if err := s.SettleAgain(ctx, "office", "one", 2, &FeedRefusal{Pos: 2, ID: log[1].ID, Answer: "HTTP 400"}); err != nil {
			t.Fatal(err)
		}
		if all, err := s.FeedRefusals(ctx, "office", 9); err != nil || len(all) != 3 || all[1].Again || all[1].Answer != "HTTP 400" {
			t.Errorf("refused once more: %+v, %v", all, err)
		}
		if n, err := s.RetryRefusals(ctx, "office"); err != nil || n != 3 {
			t.Errorf("all: %d, %v", n, err)
		}
		again(1, 2, 3)
		if n, err := s.ForgetRefusals(ctx, "office", log[0].ID); err != nil || n != 1 {
			t.Errorf("forgot %d, %v", n, err)
		}
		again(2, 3)
		for pos := range int64(2) {
			open(1)
			if err := s.SettleAgain(ctx, "office", "one", pos+2, nil); err != nil {
				t.Fatal(err)
			}
		}
		open(0)
		if all, err := s.Feeds(ctx); err != nil || all[0].Refused+all[0].Again != 0 || all[0].Position != 3 || all[0].Delivered.IsZero() {
			t.Errorf("feeds %+v, %v", all, err)
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
		if alarms, err := s.OpenAlarms(t.Context(), 5); err != nil || len(alarms) != 0 {
			t.Errorf("after it got through: %+v, %v", alarms, err)
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
		got, err := s.Application(t.Context(), log[0].ID)
		if err != nil || got.Result != protocol.ResultDone || got.ResultReason != "证件已寄出" {
			t.Errorf("result %+v, %v", got, err)
		}
		if _, err := s.SaveResult(t.Context(), Result{Receipt: "nobody's", State: protocol.ResultDone, At: at}); !errors.Is(err, ErrNotFound) {
			t.Errorf("result of nothing: %v", err)
		}
	},
}
