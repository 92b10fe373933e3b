package intake

import (
	"sync"
	"time"
)

// allowance counts questions a terminal in windows of a minute.
type allowance struct {
	perMinute int

	mu   sync.Mutex
	used map[string]window // as many as there are terminals
}

type window struct {
	since time.Time
	n     int
}

func (a *allowance) allow(kiosk string, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	w := a.used[kiosk]
	if past := now.Sub(w.since); past < 0 || past >= time.Minute {
		w = window{since: now}
	}
	w.n++
	if a.used == nil {
		a.used = make(map[string]window)
	}
	a.used[kiosk] = w
	return w.n <= a.perMinute
}
