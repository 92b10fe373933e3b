package store

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
)

// TestWhoComesTogetherGoesTogether: whoever waits while a transaction is under way shares
// the next, and nobody fails for another.
func TestWhoComesTogetherGoesTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		bad := errors.New("bad")
		busy := make(chan struct{})
		var sizes []int
		g := startGroup(ctx, func(_ context.Context, all []int) ([]int, error) {
			sizes = append(sizes, len(all))
			<-busy
			if slices.Contains(all, 13) {
				return nil, bad
			}
			out := make([]int, len(all))
			for i, n := range all {
				out[i] = -n
			}
			return out, nil
		})
		var asking sync.WaitGroup
		ask := func(n int) {
			asking.Go(func() {
				got, err := g.ask(t.Context(), n)
				switch {
				case n == 13 && !errors.Is(err, bad):
					t.Errorf("13: %d, %v", got, err)
				case n != 13 && (got != -n || err != nil):
					t.Errorf("%d: %d, %v", n, got, err)
				}
			})
		}
		ask(1)
		synctest.Wait() // in its transaction
		for n := range groupMost {
			ask(n + 2)
		}
		late, leave := context.WithCancel(t.Context())
		asking.Go(func() {
			if _, err := g.ask(late, 0); !errors.Is(err, context.Canceled) {
				t.Errorf("who left before his turn: %v", err)
			}
		})
		synctest.Wait() // all wait for it
		leave()
		synctest.Wait()
		close(busy)
		asking.Wait()
		if len(sizes) != 2+groupMost || sizes[0] != 1 || sizes[1] != groupMost || slices.Max(sizes[2:]) != 1 {
			t.Errorf("groups of %v; want one, all that waited, and these again one by one", sizes)
		}
		end()
		g.running.Wait()
		if _, err := g.ask(t.Context(), 1); !errors.Is(err, errClosed) {
			t.Errorf("after the end: %v", err)
		}
	})
}
