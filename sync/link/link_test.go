package link_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"yeban/sync/link"
	"yeban/sync/protocol"
	"yeban/sync/record"
)

func TestBacklogAndFreshRecordsArriveInOrder(t *testing.T) {
	h := newHub(t, nil)
	box := boxIn(t, t.TempDir())
	fill(t, box, 0, 50)
	k := start(t, h, box, nil)
	k.delivered()
	fill(t, box, 50, 60)
	k.delivered()
	h.exactlyOnce(60)
	if h.seen().repeated != 0 || h.seen().largest > 16 {
		t.Errorf("%d repeated, %d at once", h.seen().repeated, h.seen().largest)
	}
	s := k.link.State()
	if !s.Connected || s.Fence != 1 || s.ClockOffset < 59*time.Minute || s.ClockOffset > 61*time.Minute {
		t.Errorf("%+v", s)
	}
	if hub, known := k.link.HubTime(); !known || time.Until(hub) < 59*time.Minute || time.Until(hub) > 61*time.Minute {
		t.Errorf("hub's clock %s, %t", hub, known)
	}
	k.stop()
	if k.link.State().Connected {
		t.Error("connected after Run")
	}
}

func TestHubThatIsDownIsWaitedFor(t *testing.T) {
	var up atomic.Bool
	h := newHub(t, func(int) script {
		if !up.Load() {
			return script{http: http.StatusBadGateway}
		}
		return script{}
	})
	box := boxIn(t, t.TempDir())
	k := start(t, h, box, nil)
	fill(t, box, 0, 5)
	var refused *link.RefusedError
	k.state("refused", func(s link.State) bool { return errors.As(s.Err, &refused) && refused.Status == 502 })
	up.Store(true)
	k.delivered()
	h.exactlyOnce(5)
}

func TestLostAcknowledgementIsMadeGoodByTheCursor(t *testing.T) {
	h := newHub(t, func(n int) script {
		if n < 4 {
			return script{dieAfter: 1}
		}
		return script{}
	})
	box := boxIn(t, t.TempDir())
	fill(t, box, 0, 60)
	start(t, h, box, nil).delivered()
	h.exactlyOnce(60)
	if h.seen().repeated != 0 {
		t.Errorf("%d records sent again although the hub had them", h.seen().repeated)
	}
}

func TestRepeatedAndOldAcknowledgementsAreHarmless(t *testing.T) {
	h := newHub(t, func(int) script { return script{ackTwice: true} })
	box := boxIn(t, t.TempDir())
	fill(t, box, 0, 40)
	start(t, h, box, nil).delivered()
	h.exactlyOnce(40)
}

func TestLineCutInMidFrame(t *testing.T) {
	h := newHub(t, func(int) script {
		return script{welcome: func(w *protocol.Welcome) { w.WindowRecords = 3 }}
	})
	h.line.cutEach(9_000) // handshake, HELLO and a frame and a half
	box := boxIn(t, t.TempDir())
	fill(t, box, 0, 40)
	k := start(t, h, box, nil)
	k.delivered()
	h.exactlyOnce(40)
	if len(h.seen().hellos) < 3 {
		t.Errorf("cut %d times only", len(h.seen().hellos)-1)
	}
}

func TestNonsenseIsAClearErrorAndLosesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		s    script
		want error
	}{
		"no JSON":        {script{afterward: []string{"hello?"}}, protocol.ErrFrame},
		"no array":       {script{afterward: []string{`{}`}}, protocol.ErrFrame},
		"bad body":       {script{afterward: []string{`[5,"","ACK",{"have":"all"}]`}}, protocol.ErrFrame},
		"ack too far":    {script{mute: true, afterward: []string{`[5,"","ACK",{"epoch":"00000000000000000000000000000001","have":9}]`}}, protocol.ErrFrame},
		"kiosk's method": {script{afterward: []string{`[5,"","RECORDS",{}]`}}, protocol.ErrFrame},
		"other epoch":    {script{welcome: func(w *protocol.Welcome) { w.Epoch = record.Epoch{7} }}, protocol.ErrFrame},
		"no window":      {script{welcome: func(w *protocol.Welcome) { w.WindowBytes = 0 }}, protocol.ErrFrame},
		"settles ages":   {script{welcome: func(w *protocol.Welcome) { w.SettleMs = 1 << 40 }}, protocol.ErrFrame},
	} {
		t.Run(name, func(t *testing.T) {
			var sane atomic.Bool
			h := newHub(t, func(int) script {
				if sane.Load() {
					return script{}
				}
				return c.s
			})
			box := boxIn(t, t.TempDir())
			fill(t, box, 0, 5)
			epoch, _, _ := box.Position()
			k := start(t, h, box, nil)
			k.state("in trouble", func(s link.State) bool { return errors.Is(s.Err, c.want) })
			sane.Store(true)
			k.delivered()
			h.exactlyOnce(5)
			if now, _, _ := box.Position(); now != epoch {
				t.Error("nonsense made a new epoch")
			}
		})
	}
}

func TestNewerHubIsUnderstoodAsFarAsPossible(t *testing.T) {
	h := newHub(t, func(int) script {
		return script{afterward: []string{`[5,"","TELEPORT",{}]`, `[2,"42","TELEPORT",{}]`}}
	})
	box := boxIn(t, t.TempDir())
	fill(t, box, 0, 5)
	start(t, h, box, nil).delivered()
	h.exactlyOnce(5)
	if len(h.seen().hellos) != 1 {
		t.Errorf("%d conversations", len(h.seen().hellos))
	}
}

func TestRestoredHubIsReplayedTo(t *testing.T) {
	h := newHub(t, nil)
	box := boxIn(t, t.TempDir())
	fill(t, box, 0, 30)
	k := start(t, h, box, nil)
	k.delivered()
	epoch, _, _ := box.Position()
	h.note(func() { h.logs[epoch] = h.logs[epoch][:10] })
	h.line.cut()
	h.until("the replay", func() bool { return len(h.logs[epoch]) == 30 })
	k.delivered()
	h.exactlyOnce(30)
	if now, _, _ := box.Position(); now != epoch {
		t.Error("a replay needs no new epoch")
	}
}

// copyBox is what cloning a disk does.
func copyBox(t *testing.T, from string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(from, "outbox.db"))
	if err != nil {
		t.Fatal(err)
	}
	to := t.TempDir()
	if err := os.WriteFile(filepath.Join(to, "outbox.db"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestRestoredKioskBeginsANewEpochAndLosesNothing(t *testing.T) {
	for name, after := range map[string]int{"hub is ahead": 10, "chains differ": 30} {
		t.Run(name, func(t *testing.T) {
			h := newHub(t, nil)
			dir := t.TempDir()
			box := boxIn(t, dir)
			fill(t, box, 0, 10)
			box.Close()
			image := copyBox(t, dir)

			box = boxIn(t, dir)
			fill(t, box, 10, 20)
			k := start(t, h, box, nil)
			k.delivered()
			k.stop()
			old, _, _ := box.Position()

			// The image comes back and writes what the hub has not seen.
			clone := boxIn(t, image)
			fill(t, clone, 20, after+10)
			k = start(t, h, clone, nil)
			s := k.state("past the conflict", func(s link.State) bool { return s.Conflicts > 0 && s.Connected })
			k.delivered()
			h.exactlyOnce(max(20, after+10))
			if s.Conflicts != 1 || s.LastConflict == nil {
				t.Errorf("%+v", s)
			}
			if now, _, _ := clone.Position(); now == old {
				t.Error("still the old epoch")
			}
			if len(h.seen().logs[old]) != 20 {
				t.Error("the hub's old log was changed")
			}
		})
	}
}

func TestHubRestoredBeyondTheRetentionTime(t *testing.T) {
	h := newHub(t, nil)
	box := boxIn(t, t.TempDir())
	fill(t, box, 0, 10)
	k := start(t, h, box, nil)
	k.delivered()
	k.stop()
	if err := box.Prune(time.Now().Add(30 * 24 * time.Hour)); err != nil {
		t.Fatal(err)
	}
	old, first, _ := box.Position()
	if first != 10 {
		t.Fatalf("holds from %d", first)
	}
	h.note(func() { h.logs[old] = h.logs[old][:4] })
	fill(t, box, 10, 12)
	k = start(t, h, box, nil)
	k.state("past the conflict", func(s link.State) bool { return s.Conflicts == 1 && s.Connected })
	k.delivered()
	// r4 to r8 are in neither place any more; everything else is.
	held := h.held()
	for _, id := range []string{"r0", "r3", "r9", "r10", "r11"} {
		if held[id] != 1 {
			t.Errorf("%s is there %d times", id, held[id])
		}
	}
}

func TestConflictIsSettledOnceOnly(t *testing.T) {
	h := newHub(t, func(int) script { return script{fault: protocol.FaultConflict} })
	box := boxIn(t, t.TempDir())
	fill(t, box, 0, 3)
	k := start(t, h, box, nil)
	h.until("stubbornness", func() bool { return len(h.hellos) >= 5 })
	if s := k.link.State(); s.Conflicts != 1 {
		t.Errorf("%d epochs begun", s.Conflicts)
	}
	epoch, _, _ := box.Position()
	if h.seen().hellos[1].Epoch != epoch || h.seen().hellos[4].Epoch != epoch || h.seen().hellos[0].Epoch == epoch {
		t.Error("epochs go round")
	}
	if entries, err := box.Read(0, 10, 1<<20); err != nil || len(entries) != 3 {
		t.Errorf("%d entries, %v", len(entries), err)
	}
}

func TestFaultsDecideHowLongToStayAway(t *testing.T) {
	for _, c := range []struct {
		name     string
		s        script
		from, to time.Duration
	}{
		{"fenced", script{fault: protocol.FaultFenced}, time.Hour, 2 * time.Hour},
		{"unauthorised", script{fault: protocol.FaultUnauthorised}, time.Hour, 2 * time.Hour},
		{"401", script{http: 401}, time.Hour, 2 * time.Hour},
		{"busy", script{fault: protocol.FaultBusy}, 3 * time.Second, 8 * time.Second},
		{"503", script{http: 503}, 3 * time.Second, 8 * time.Second},
		{"500", script{http: 500}, 400 * time.Millisecond, time.Second},
		{"drain", script{afterward: []string{`[5,"","DRAIN",{"afterMs":100000,"reason":"update"}]`}}, 100 * time.Second, 150 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHub(t, func(int) script { return c.s })
			box := boxIn(t, t.TempDir())
			now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			k := start(t, h, box, func(cfg *link.Config) {
				cfg.MinBackoff, cfg.MaxBackoff = time.Second, time.Hour
				cfg.Rand = func() float64 { return 0.5 }
				cfg.Clock = func() record.Clock { return record.Clock{Wall: now} }
			})
			s := k.state("refused", func(s link.State) bool { return s.Err != nil })
			if d := s.NextTry.Sub(now); d < c.from || d > c.to {
				t.Errorf("comes back in %s: %v", d, s.Err)
			}
		})
	}
}

func TestBackoffGrowsWithFullJitter(t *testing.T) {
	h := newHub(t, func(int) script { return script{http: 500} })
	var asked atomic.Int64
	k := start(t, h, boxIn(t, t.TempDir()), func(cfg *link.Config) {
		cfg.MinBackoff, cfg.MaxBackoff = 10*time.Millisecond, 80*time.Millisecond
		cfg.Rand = func() float64 { asked.Add(1); return 1 }
	})
	h.until("six tries", func() bool { return len(h.dialled) >= 6 })
	k.stop()
	for i, least := range []time.Duration{10, 20, 40, 80, 80} {
		if got := h.seen().dialled[i+1].Sub(h.seen().dialled[i]); got < least*time.Millisecond {
			t.Errorf("try %d came after %s", i+2, got)
		}
	}
	if asked.Load() < 5 {
		t.Error("no jitter")
	}
}

func TestStatusIsSentAtOnceOnChangeAndLatestWins(t *testing.T) {
	h := newHub(t, nil)
	var visit atomic.Int64
	k := start(t, h, boxIn(t, t.TempDir()), func(cfg *link.Config) {
		cfg.Debounce = 50 * time.Millisecond
		cfg.Status = func() protocol.Status { return protocol.Status{Visit: fmt.Sprint(visit.Load())} }
	})
	h.until("the first status", func() bool { return len(h.statuses) == 1 })
	for range 100 {
		visit.Add(1)
		k.link.StatusChanged()
	}
	h.until("the latest status", func() bool { return h.statuses[len(h.statuses)-1].Visit == "100" })
	if n := len(h.seen().statuses); n > 10 {
		t.Errorf("%d statuses for one burst", n)
	}
}

func TestStatusIsSentNowAndThen(t *testing.T) {
	h := newHub(t, func(int) script { return script{welcome: func(w *protocol.Welcome) { w.StatusSeconds = 1 }} })
	start(t, h, boxIn(t, t.TempDir()), nil)
	h.until("three statuses", func() bool { return len(h.statuses) >= 3 })
}

func TestSettleHoldsRecordsBack(t *testing.T) {
	h := newHub(t, func(int) script { return script{welcome: func(w *protocol.Welcome) { w.SettleMs = 400 }} })
	box := boxIn(t, t.TempDir())
	fill(t, box, 0, 3)
	k := start(t, h, box, nil)
	began := time.Now()
	k.delivered()
	if took := time.Since(began); took < 400*time.Millisecond {
		t.Errorf("sent after %s", took)
	}
}

func TestSlowHubIsNotOverrun(t *testing.T) {
	h := newHub(t, func(int) script {
		return script{slow: 20 * time.Millisecond, welcome: func(w *protocol.Welcome) { w.WindowRecords = 4 }}
	})
	box := boxIn(t, t.TempDir())
	fill(t, box, 0, 40)
	start(t, h, box, nil).delivered()
	h.exactlyOnce(40)
	if h.seen().largest > 4 || len(h.seen().hellos) != 1 {
		t.Errorf("%d at once, %d conversations", h.seen().largest, len(h.seen().hellos))
	}
}

func TestWindowIsKeptWhileNothingIsAcknowledged(t *testing.T) {
	var mute atomic.Bool
	mute.Store(true)
	h := newHub(t, func(int) script {
		return script{mute: mute.Load(), welcome: func(w *protocol.Welcome) { w.WindowRecords = 5 }}
	})
	box := boxIn(t, t.TempDir())
	fill(t, box, 0, 30)
	epoch, _, _ := box.Position()
	k := start(t, h, box, func(cfg *link.Config) {
		cfg.AckTimeout = 500 * time.Millisecond
		cfg.MinBackoff = time.Minute
		cfg.MaxBackoff = time.Minute
	})
	s := k.state("out of patience", func(s link.State) bool { return s.Err != nil })
	if n := len(h.seen().logs[epoch]); n != 5 {
		t.Errorf("%d sent into a window of 5 (%v)", n, s.Err)
	}
}

func TestHalfOpenLineIsNoticed(t *testing.T) {
	h := newHub(t, nil)
	h.hellos = append(h.hellos, protocol.Hello{})
	box := boxIn(t, t.TempDir())
	h.hellos[0].Epoch, _, _ = box.Position()
	h.script = func(n int) script {
		if n == 1 {
			return script{deaf: true, welcome: func(w *protocol.Welcome) { w.PingSeconds, w.DeadSeconds = 1, 2 }}
		}
		return script{}
	}
	fill(t, box, 0, 3)
	k := start(t, h, box, nil)
	k.delivered()
	h.exactlyOnce(3)
}

func TestRunReturnsFromEveryWait(t *testing.T) {
	for name, s := range map[string]script{"dialling": {http: 500}, "talking": {}, "waiting": {fault: protocol.FaultFenced}} {
		t.Run(name, func(t *testing.T) {
			h := newHub(t, func(int) script { return s })
			k := start(t, h, boxIn(t, t.TempDir()), func(cfg *link.Config) { cfg.MaxBackoff = time.Hour })
			h.until("the first word", func() bool { return len(h.dialled) > 0 })
			k.stop()
		})
	}
}

func TestConfigurationIsChecked(t *testing.T) {
	box := boxIn(t, t.TempDir())
	good := link.Config{URL: "wss://hub", Token: "t", Kiosk: "k", Outbox: box,
		CatalogVersion: func() string { return "" }, Status: func() protocol.Status { return protocol.Status{} }}
	if _, err := link.New(good); err != nil {
		t.Error(err)
	}
	for name, spoil := range map[string]func(*link.Config){
		"http":     func(c *link.Config) { c.URL = "http://hub" },
		"no host":  func(c *link.Config) { c.URL = "wss://" },
		"no URL":   func(c *link.Config) { c.URL = "::" },
		"no token": func(c *link.Config) { c.Token = "" },
		"no kiosk": func(c *link.Config) { c.Kiosk = "" },
		"no box":   func(c *link.Config) { c.Outbox = nil },
	} {
		bad := good
		spoil(&bad)
		if _, err := link.New(bad); err == nil {
			t.Errorf("%s accepted", name)
		}
	}
}
