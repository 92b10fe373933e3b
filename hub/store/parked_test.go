package store

import (
	"errors"
	"testing"
	"time"
)

// testParked is what every database must do with what waits for a person.
var testParked = map[string]func(*testing.T, *Store){
	"a parked entry is released once, and no feed misses it": func(t *testing.T, s *Store) {
		ctx := t.Context()
		log := chain(4)
		mustCommit(t, s, Batch{Kiosk: "a", Fence: attach(t, s, "a"), Epoch: testEpoch, Entries: log})
		all, err := s.After(ctx, 0, 9)
		if err != nil {
			t.Fatal(err)
		}
		app := func(i int, problems ...string) *Application {
			return &Application{ID: log[i].ID, ReceiptNumber: "R", Problems: problems}
		}
		parked := func(reason string) *Parked { return &Parked{Reason: reason} }
		if err := s.Project(ctx, "projector", 0, []Projection{
			{Entry: all[0], Parked: parked("sealed")},
			{Entry: all[1], Parked: parked("sealed")},
			{Entry: all[2], Parked: parked("answers"), Application: app(2, "why:choice")},
			{Entry: all[3], Parked: parked("sealed")},
		}); err != nil {
			t.Fatal(err)
		}
		// One feed has passed by, one is just passing, one has stopped before.
		for name, to := range map[string]int64{"passed": 4, "passing": 0, "stopped": 0} {
			lease := time.Hour
			if name != "passing" {
				lease = -time.Hour
			}
			if _, _, err := s.ClaimFeed(ctx, name, "one", lease); err != nil {
				t.Fatal(err)
			}
			if err := s.MoveFeed(ctx, name, "one", 0, to, false, nil); err != nil {
				t.Fatal(err)
			}
		}
		state := func(parked, alarms int) {
			t.Helper()
			if got, err := s.CountAttention(ctx); err != nil || got.Parked != parked || got.Alarms != alarms {
				t.Errorf("%+v, %v; want %d parked, %d alarms", got, err, parked, alarms)
			}
		}
		release := func(p Projection) {
			t.Helper()
			if err := s.Release(ctx, p); err != nil {
				t.Error(err)
			}
		}
		state(4, 2)
		release(Projection{Entry: all[0], Parked: parked("sealed")})
		if got, err := s.OpenAlarms(ctx, 9); err != nil || got[0].Times+got[1].Times != 4 {
			t.Errorf("a second look raised an alarm: %+v, %v", got, err)
		}
		release(Projection{Entry: all[1], Parked: parked("version")})
		state(4, 3)
		release(Projection{Entry: all[0], Application: app(0)})
		state(3, 3)
		release(Projection{Entry: all[3], Application: app(3)})
		state(2, 2)
		release(Projection{Entry: all[2], Application: app(2)})
		state(1, 1)
		if err := s.Release(ctx, Projection{Entry: all[2], Application: app(2)}); !errors.Is(err, ErrNotFound) {
			t.Errorf("twice: %v", err)
		}
		if a, err := s.Application(ctx, log[2].ID); err != nil || len(a.Problems) != 0 {
			t.Errorf("%+v, %v", a, err)
		}
		for name, want := range map[string]int{"passed": 2, "passing": 2, "stopped": 0} {
			if items, err := s.FeedAgain(ctx, name, 9); err != nil || len(items) != want {
				t.Errorf("%s: %d items, %v", name, len(items), err)
			}
		}
		if items, _, err := s.FeedAfter(ctx, 0, 9); err != nil || len(items) != 3 {
			t.Errorf("in its turn: %d items, %v", len(items), err)
		}
	},
}
