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
	"testing/synctest"
	"time"
)

var (
	seed  = flag.Uint64("seed", 1, "seed of the first life; the next have the next numbers")
	lives = flag.Int("lives", 0, "how many lives; 0 is few enough for every day")
)

// everyDay is a few seconds' worth on two cores with the race detector.
const everyDay = 20

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

// live has one life in a bubble of its own. One that hangs for ever breaks the promise.
func live(t *testing.T, g *Ground, moves []Move, flaw Flaw) (tally Tally, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = brokenf("%v", p)
		}
	}()
	synctest.Test(t, func(*testing.T) { tally, err = g.Run(moves, flaw) })
	return tally, err
}

// explain shrinks a life that breaks the promise and says how to live it again.
func explain(t *testing.T, g *Ground, seed uint64, cause error) {
	t.Helper()
	moves := Life(seed)
	if _, broken := errors.AsType[*Broken](cause); broken {
		moves = Shrink(moves, func(fewer []Move) bool {
			for range 3 {
				_, err := live(t, g, fewer, None)
				if _, again := errors.AsType[*Broken](err); again {
					cause = err
					return true
				}
			}
			return false
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
	kinds := map[Kind]int{}
	failures := 0
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(n) && time.Now().Before(end); i = next.Add(1) - 1 {
				one := *seed + uint64(i)
				moves := Life(one)
				tally, err := live(t, g, moves, None)
				so := lived.Add(1)
				mu.Lock()
				if err != nil {
					if failures++; failures <= 3 {
						explain(t, g, one, err)
					}
				}
				enough := failures >= 3
				if sum.Add(tally); so%1000 == 0 {
					t.Logf("%d lives, %d failures: %+v", so, failures, sum)
				}
				for _, m := range moves {
					kinds[m.Kind]++
				}
				mu.Unlock()
				if enough {
					return
				}
			}
		})
	}
	workers.Wait()
	t.Logf("%d lives from seed %d: %+v", lived.Load(), *seed, sum)
	t.Logf("moves: %v", kinds)
	if sum.Promised == 0 || sum.AtHub == 0 {
		t.Error("nothing happened")
	}
}

// firstLife is one that is known to find a flaw, so that not many are needed every day.
var firstLife = map[Flaw]uint64{NoCursor: 7, NoFence: 3, DropConflict: 2, BlobTooSoon: 3, BlindTerminal: 5, ForgottenOrders: 12}

// TestEveryFlawIsFound is the control: a mistake that was built in must not go unnoticed.
func TestEveryFlawIsFound(t *testing.T) {
	g := newGround(t)
	for _, flaw := range Flaws {
		t.Run(string(flaw), func(t *testing.T) {
			t.Parallel()
			const within = 200
			for i := range uint64(within) {
				one := firstLife[flaw] + i
				_, err := live(t, g, Life(one), flaw)
				if broken, ok := errors.AsType[*Broken](err); ok {
					t.Logf("found in life %d: %v", one, broken)
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
