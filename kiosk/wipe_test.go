package main

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestManyHomeTapsAreWipedByOne: taps do not pile up work, and do not put it off either.
func TestManyHomeTapsAreWipedByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var painted []time.Time
		collected := 0
		w := newWiper(func() {
			mu.Lock()
			defer mu.Unlock()
			painted = append(painted, time.Now())
		})
		w.collect = func() {
			mu.Lock()
			defer mu.Unlock()
			collected++
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- w.run(ctx) }()
		const taps = 600
		for range taps { // ten a second
			w.wipe()
			time.Sleep(time.Second / 10)
		}
		last := time.Now()
		mu.Lock()
		during := len(painted)
		if during != 5 || collected > taps+2*during {
			t.Errorf("painted %d times in a minute, collected %d times", during, collected)
		}
		mu.Unlock()
		time.Sleep(5 * time.Minute)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		after := 0
		for _, at := range painted {
			if at.Sub(last) > cacheLife {
				after++
			}
		}
		if n := len(painted) - during; n != wipeRounds || after < 2 {
			t.Errorf("painted %d times afterwards, %d of them when the caches had run out", n, after)
		}
	})
}
