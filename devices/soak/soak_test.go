// Package soak_test lives through nights of a terminal: simulated citizens one after the
// other, on devices that fail at random. Every card is read right or refused, every
// receipt comes out exactly once, nobody is rated by another's key, and nothing leaks.
//
//	go test ./devices/soak                        a quarter of an hour
//	go test ./devices/soak -soak=24h -timeout 1h  a day, in a quarter of an hour
//	go test ./devices/soak -seed=7          other faults
package soak_test

import (
	"flag"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"
)

var (
	soak = flag.Duration("soak", 15*time.Minute, "device time to play, over all terminals; it runs at speed")
	seed = flag.Uint64("seed", 1, "of the faults")
)

// terminals live side by side: most of their time goes by in waiting for what is gone.
const terminals = 5

func TestNightsOfVisitsLoseNothingAndLeakNothing(t *testing.T) {
	wakePoller(t)
	before := measure()
	share := *soak / terminals / speed
	start := time.Now()
	var warm usage
	var sum hall
	var all sync.WaitGroup
	var leaves []func()
	var halls []*hall
	for i := range terminals {
		h, leave := open(t, rand.New(rand.NewPCG(*seed, uint64(i))))
		halls, leaves = append(halls, h), append(leaves, leave)
		all.Go(func() {
			for v := 0; v == 0 || time.Since(start) < share; v++ {
				h.visit(v)
				h.visits++
				if t.Failed() {
					t.Logf("terminal %d at visit %d of seed %d", i, v+1, *seed)
					return
				}
				if i == 0 && (v == 0 || v == 9) {
					warm = measure()
				}
				time.Sleep(h.pause())
			}
		})
	}
	all.Wait()
	end := measure()
	for i, h := range halls {
		leaves[i]()
		sum.read, sum.refused, sum.receipts, sum.again = sum.read+h.read, sum.refused+h.refused, sum.receipts+h.receipts, sum.again+h.again
		sum.visits += h.visits
		sum.rated, sum.unrated = sum.rated+h.rated, sum.unrated+h.unrated
	}
	visits := sum.visits
	t.Logf("%v of device time on %d terminals in %v: %d visits; cards read %d, refused %d; receipts %d, of them asked for again %d; ratings %d, left to the screen %d",
		(time.Since(start) * terminals * speed).Round(time.Minute), terminals, time.Since(start).Round(time.Millisecond), visits, sum.read, sum.refused, sum.receipts, sum.again, sum.rated, sum.unrated)
	t.Logf("heap %d KiB after warming up, %d KiB at the end", warm.heap>>10, end.heap>>10)
	if sum.read < visits/2 {
		t.Errorf("only %d of %d cards were read: the faults hide what is tested", sum.read, visits)
	}
	const room = 16 << 20
	if end.heap > warm.heap+room {
		t.Errorf("heap grew from %d to %d KiB", warm.heap>>10, end.heap>>10)
	}
	after := measure()
	for limit := time.Now().Add(20 * time.Second); time.Now().Before(limit); after = measure() {
		if after.goroutines <= before.goroutines && after.files <= before.files {
			break
		}
		time.Sleep(50 * time.Millisecond) // what was closed ends on its own time
	}
	if after.goroutines > before.goroutines || after.files > before.files {
		t.Errorf("%d goroutines and %d descriptors before, %d and %d after", before.goroutines, before.files, after.goroutines, after.files)
	}
}

// wakePoller has the runtime open the descriptors that it waits for others with: it does
// when first it needs them, and keeps them.
func wakePoller(t *testing.T) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	w.Close()
}

// usage is what a leak would show in.
type usage struct {
	goroutines, files int
	heap              uint64
}

func measure() usage {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	files, _ := os.ReadDir("/proc/self/fd") // nil where there is no /proc: nothing to compare
	return usage{runtime.NumGoroutine(), len(files), m.HeapAlloc}
}
