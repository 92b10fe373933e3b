package model

import (
	"sync/atomic"
	"time"
)

// clock is a wall clock. It goes with the time of its life, and may be set, also back.
type clock struct{ off atomic.Int64 }

func newClock() *clock {
	c := new(clock)
	c.set(time.Until(time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)))
	return c
}

func (c *clock) Now() time.Time { return time.Now().Add(time.Duration(c.off.Load())).Round(0) }

// set changes the clock by so much.
func (c *clock) set(by time.Duration) { c.off.Add(int64(by)) }
