package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"yeban/devices"
	"yeban/devices/simulator"
	"yeban/sync/outbox"
	"yeban/sync/record"
)

var (
	works  = condition{State: devices.Online, Paper: devices.PaperFull}
	noDisk = condition{State: devices.Offline, Paper: devices.PaperOut, Reason: devices.ReasonPaperOut}
	busy   = condition{State: devices.DeviceBusy, Paper: devices.PaperFull}
)

var firstLook = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)

func TestConditionThatLastsIsRecordedOnce(t *testing.T) {
	for name, c := range map[string]struct {
		seen []condition // a second apart, the last for good
		want []condition
	}{
		"first word":        {[]condition{works}, []condition{works}},
		"change":            {[]condition{works, works, works, noDisk}, []condition{works, noDisk}},
		"flap unseen":       {[]condition{works, works, works, noDisk, works}, []condition{works}},
		"busy is ordinary":  {[]condition{works, busy, busy, busy, busy, works}, []condition{works}},
		"before the start":  {[]condition{{State: devices.Unknown}, {State: devices.Starting}, {State: devices.Starting}, {State: devices.Starting}, {State: devices.Starting}, works}, []condition{works}},
		"only ever busy":    {[]condition{busy}, nil},
		"back and forth":    {[]condition{works, works, works, noDisk, noDisk, noDisk, works}, []condition{works, noDisk, works}},
		"starting, working": {[]condition{{State: devices.Starting}, {State: devices.Starting}, works}, []condition{works}},
	} {
		var s steady
		var got []condition
		for i := range len(c.seen) + 10 {
			now := firstLook.Add(time.Duration(i) * time.Second)
			s.observe(c.seen[min(i, len(c.seen)-1)], now)
			if event, ok, _ := s.due(now); ok {
				got = append(got, event)
				s.recorded(event, now)
			}
		}
		if len(got) != len(c.want) {
			t.Errorf("%s: %v", name, got)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%s: %v", name, got)
			}
		}
	}
}

// TestFlappingDeviceIsSummedUp: whatever a device does, an hour has at most 30 events and
// their summary, and what it comes to in the end is recorded.
func TestFlappingDeviceIsSummedUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s steady
		now := firstLook
		var at []time.Time
		var last condition
		look := func(c condition) {
			s.observe(c, now)
			if event, ok, wait := s.due(now); ok {
				at, last = append(at, now), event
				s.recorded(event, now)
			} else if wait < 0 || wait > eventWindow {
				t.Fatalf("look again in %s", wait)
			}
		}
		for range rapid.IntRange(1, 400).Draw(t, "looks") {
			now = now.Add(time.Duration(rapid.IntRange(1, 30_000).Draw(t, "ms")) * time.Millisecond)
			look(rapid.SampledFrom([]condition{works, noDisk, busy}).Draw(t, "condition"))
		}
		for i := range at {
			n := 1
			for n+i < len(at) && at[i+n].Sub(at[i]) < eventWindow {
				n++
			}
			if n > 2*(eventsAnHour+1) {
				t.Fatalf("%d events within an hour", n)
			}
		}
		for range 3 {
			look(noDisk)
			now = now.Add(eventWindow)
		}
		if last != noDisk {
			t.Fatalf("ends as %v", last)
		}
	})
}

func TestHourOfFlappingIsThirtyAndOne(t *testing.T) {
	var s steady
	var events []condition
	for i := range 59 * 60 / 3 {
		now := firstLook.Add(time.Duration(i) * 3 * time.Second)
		s.observe([]condition{works, noDisk}[i%2], now)
		for _, at := range []time.Time{now, now.Add(2 * time.Second)} {
			if event, ok, _ := s.due(at); ok {
				events = append(events, event)
				s.recorded(event, at)
			}
		}
	}
	if len(events) != eventsAnHour+1 || events[eventsAnHour].Reason != reasonFlapping || events[0].Reason == reasonFlapping {
		t.Errorf("%d events", len(events))
	}
}

// terminalOnBench is a terminal with simulated devices, without a window and without a hub.
func terminalOnBench(t *testing.T, change func(*Config)) (*terminal, *simulator.Bench) {
	t.Helper()
	dir := t.TempDir()
	sim, err := simulator.New(simulator.Config{Dir: filepath.Join(dir, "devices")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sim.Close() })
	cfg := defaultConfig()
	cfg.Data, cfg.Catalog, cfg.Hub.URL = filepath.Join(dir, "data"), "../assets/catalog", ""
	cfg.Ports.IDCard.Path = filepath.Join(dir, "devices", "idcard")
	cfg.Ports.Printer.Path = filepath.Join(dir, "devices", "printer")
	cfg.Ports.Evaluator.Path = filepath.Join(dir, "devices", "evaluator")
	cfg.Hub.PlatformKey = filepath.Join(dir, "platform.pub")
	key, err := record.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := key.Public().MarshalPEM()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cfg.Hub.PlatformKey, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(&cfg)
	}
	term, err := newTerminal(cfg, &streams{err: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { errors.Join(term.closeOrders(), term.box.Close()) })
	return term, sim
}

// while runs parts of a terminal until the test ends.
func while(t *testing.T, parts ...func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, len(parts))
	for _, part := range parts {
		go func() { done <- part(ctx) }()
	}
	t.Cleanup(func() {
		cancel()
		for range parts {
			<-done
		}
	})
}

func TestDeviceEventsReachTheOutbox(t *testing.T) {
	term, sim := terminalOnBench(t, nil)
	while(t, term.devices.run, term.recordDevices)
	events := func() int { stats, _ := term.box.Stats(); return stats.Counts[record.KindDevice] }
	until(t, "an event of each device", func() bool { return events() == 3 })
	sim.Printer.SetCover(true)
	until(t, "the open cover", func() bool { return events() == 4 })
	entries, err := term.box.Read(0, 10, 1<<20)
	if err != nil || len(entries) != 4 || entries[3].Kind != record.KindDevice {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	path := filepath.Join(term.cfg.Data, "device-events")
	until(t, "the last events", func() bool { return lastEvents(path).read()["printer"].State == devices.UserError })
	if err := os.WriteFile(path, []byte("no JSON"), 0o600); err != nil || len(lastEvents(path).read()) != 0 {
		t.Errorf("read nonsense, %v", err)
	}
}

func TestRestartIsNoChangeOfADevice(t *testing.T) {
	l := lastEvents(filepath.Join(t.TempDir(), "device-events"))
	if err := l.write(map[string]*steady{"printer": {told: noDisk}}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		found condition
		want  bool
	}{{noDisk, false}, {works, true}} {
		s := steady{told: l.read()["printer"]}
		s.observe(c.found, firstLook)
		if _, ok, _ := s.due(firstLook.Add(time.Minute)); ok != c.want {
			t.Errorf("%v is recorded: %t", c.found, ok)
		}
	}
}

func TestDeviceEventsStandBackWhereRoomIsShort(t *testing.T) {
	box, err := outbox.Open(outbox.Config{
		Dir: t.TempDir(), Platform: platformKey(t), MinFreeBytes: 1 << 20,
		FreeBytes: func(string) (int64, error) { return 6 << 20, nil }, // one visit fits, two do not
	})
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	term := &terminal{box: box, logger: newLogger(t.Output(), "info"), clock: &bootClock{}}
	if err := box.Ready(); err != nil {
		t.Fatal(err)
	}
	s := steady{seen: works, since: time.Now().Add(-time.Minute)}
	if _, wait := term.recordDevice(t.Context(), &s, devices.Status{Device: "printer", State: works.State, Paper: works.Paper}); wait != eventRetry {
		t.Errorf("looks again in %s", wait)
	}
	if _, _, last := box.Position(); last != 0 {
		t.Error("took the room of a citizen")
	}
}

func platformKey(t *testing.T) record.PublicKey {
	t.Helper()
	key, err := record.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return key.Public()
}

// until waits for what no event tells.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
