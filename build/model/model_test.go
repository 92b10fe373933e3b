package model

import (
	"bytes"
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var (
	seed  = flag.Uint64("seed", 1, "seed of the first life; the next have the next numbers")
	lives = flag.Int("lives", 0, "how many lives; 0 is few enough for every day")
)

// everyDay is some ten seconds' worth on two cores with the race detector.
const everyDay = 60

func newGround(t *testing.T) *Ground {
	t.Helper()
	parent := "/dev/shm" // a life is mostly flushes, and what they mean is simulated
	if _, err := os.Stat(parent); err != nil {
		parent = ""
	}
	dir, err := os.MkdirTemp(parent, "yeban-model-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	g, err := NewGround(dir)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// explain shrinks a life that breaks the promise and says how to live it again.
func explain(t *testing.T, g *Ground, seed uint64, cause error) {
	t.Helper()
	moves := Life(seed)
	if _, broken := errors.AsType[*Broken](cause); broken {
		moves = Shrink(moves, func(fewer []Move) bool {
			_, err := g.Run(fewer, None)
			_, again := errors.AsType[*Broken](err)
			if again {
				cause = err
			}
			return again
		})
	}
	t.Errorf("%v\nlive it again: go test ./build/model -run TestThePromiseIsKept -args -seed %d -lives 1\nthe least of it:\n%s",
		cause, seed, Format(moves))
}

func TestThePromiseIsKept(t *testing.T) {
	g := newGround(t)
	n := *lives
	if n == 0 {
		n = everyDay
	}
	// A run of many hours ends in time to tell what it found.
	end := time.Now().Add(24 * time.Hour)
	if limit, ok := t.Deadline(); ok {
		end = limit.Add(-30 * time.Second)
	}
	var next, lived atomic.Int64
	var mu sync.Mutex
	var sum Tally
	failures := 0
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(n) && time.Now().Before(end); i = next.Add(1) - 1 {
				one := *seed + uint64(i)
				tally, err := g.Run(Life(one), None)
				lived.Add(1)
				mu.Lock()
				if err != nil {
					if failures++; failures <= 3 {
						explain(t, g, one, err)
					}
				}
				enough := failures >= 3
				sum.Promised += tally.Promised
				sum.AtHub += tally.AtHub
				sum.Destroyed += tally.Destroyed
				sum.Conflicts += tally.Conflicts
				sum.Logs += tally.Logs
				sum.Pruned += tally.Pruned
				mu.Unlock()
				if enough {
					return
				}
			}
		})
	}
	workers.Wait()
	t.Logf("%d lives from seed %d: %d receipts, %d records at the hub, %d destroyed on every disk, %d entries pruned, %d conflicts kept, %d logs",
		lived.Load(), *seed, sum.Promised, sum.AtHub, sum.Destroyed, sum.Pruned, sum.Conflicts, sum.Logs)
	if sum.Promised == 0 || sum.AtHub == 0 {
		t.Error("nothing happened")
	}
}

// TestEveryFlawIsFound is the control: a mistake that was built in must not go unnoticed.
func TestEveryFlawIsFound(t *testing.T) {
	g := newGround(t)
	for _, flaw := range Flaws {
		t.Run(string(flaw), func(t *testing.T) {
			const within = 200
			for i := range uint64(within) {
				_, err := g.Run(Life(1+i), flaw)
				if broken, ok := errors.AsType[*Broken](err); ok {
					t.Logf("found in life %d: %v", 1+i, broken)
					return
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			t.Errorf("not found in %d lives", within)
		})
	}
}

func TestALifeIsItsSeed(t *testing.T) {
	once, again := Format(Life(7)), Format(Life(7))
	if once != again || once == Format(Life(8)) {
		t.Error("the same seed gives another life, or another the same")
	}
}

func TestShrinkLeavesTheLeast(t *testing.T) {
	moves := Life(7)
	first, last := moves[3], moves[len(moves)-2]
	least := Shrink(moves, func(fewer []Move) bool { return slices.Contains(fewer, first) && slices.Contains(fewer, last) })
	if !slices.Equal(least, []Move{first, last}) {
		t.Errorf("left:\n%s", Format(least))
	}
}

// TestTornLeavesWhatWasFlushed holds the simulated power cut against the order in which
// bbolt flushes.
func TestTornLeavesWhatWasFlushed(t *testing.T) {
	before, after := bytes.Repeat([]byte{1}, 4*page), bytes.Repeat([]byte{2}, 6*page)
	for seed := range uint64(200) {
		got := torn(before, after, rand.New(rand.NewPCG(seed, 0)).IntN)
		newMeta := bytes.IndexByte(got[:metas*page], 2) >= 0
		if newMeta && !bytes.Equal(got[metas*page:], after[metas*page:]) {
			t.Fatalf("seed %d: a meta page is there before what it names", seed)
		}
		if len(got) != len(before) && len(got) != len(after) {
			t.Fatalf("seed %d: %d bytes", seed, len(got))
		}
	}
}
