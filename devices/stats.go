package devices

// Stats counts what a Worker went through since it was made.
type Stats struct {
	Opens        int // ports opened and lost again, but for the present one
	Polls        int
	PollFailures int
	Heard        int // times that the device spoke unasked, and was polled at once
	Uses         int
	Panics       int    // of the driver or of who borrowed it; the driver was restarted
	Abandoned    int    // commands that did not end even when their port was closed
	Breaks       int    // times that the breaker opened
	Reopens      int    // times that a port was opened anew, or sooner, because of Reopen
	Dropped      uint64 // answers that the device gave to nobody, see Dropper
}

// Stats gives the counts so far.
func (w *Worker[D]) Stats() Stats {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stats
}

// tally counts the dropped answers that have come since it was called last.
func (w *Worker[D]) tally(d D) {
	c, ok := any(d).(Dropper)
	if !ok {
		return
	}
	n := c.Dropped()
	w.count(func(s *Stats) { s.Dropped, w.dropped = s.Dropped+n-w.dropped, n })
}

func (w *Worker[D]) count(f func(*Stats)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f(&w.stats)
}
