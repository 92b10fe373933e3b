package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/oklog/ulid/v2"

	"yeban/devices"
	"yeban/sync/record"
)

const (
	// eventSettles is how long a condition must last before it is worth a record.
	eventSettles = 2 * time.Second
	// eventsAnHour is how many records a device may cause within an hour; then comes one
	// with reasonFlapping, and nothing until the hour is over.
	eventsAnHour = 30
	eventWindow  = time.Hour
	// eventRetry is when an append is tried again that there was no room for.
	eventRetry = 30 * time.Second
	// maxEvents is how many are held, so that a terminal without a hub does not fill its
	// disk with them.
	maxEvents = 5000
)

// reasonFlapping is the reason of the one event that stands for many.
const reasonFlapping devices.Reason = "status.flapping"

// condition is what an event tells.
type condition struct {
	State  devices.State  `json:"state"`
	Paper  devices.Paper  `json:"paper,omitempty"`
	Reason devices.Reason `json:"reason,omitempty"`
}

func conditionOf(s devices.Status) condition { return condition{s.State, s.Paper, s.Reason} }

// passing tells a condition that is part of ordinary work, and not worth an event.
func (c condition) passing() bool {
	return c.State == devices.DeviceBusy || c.State == devices.Starting
}

// lastEvents is a file with the last event of each device, so that a restart is no change
// of anything. Where it is lost, each device's present condition is recorded once more.
type lastEvents string

func (l lastEvents) read() map[string]condition {
	last := map[string]condition{}
	if raw, err := os.ReadFile(string(l)); err != nil || json.Unmarshal(raw, &last) != nil {
		return map[string]condition{}
	}
	return last
}

func (l lastEvents) write(all map[string]*steady) error {
	last := map[string]condition{}
	for name, s := range all {
		last[name] = s.told
	}
	raw, err := json.Marshal(last)
	if err != nil {
		return err
	}
	next := string(l) + ".next"
	if err := os.WriteFile(next, raw, 0o600); err != nil {
		return err
	}
	return os.Rename(next, string(l))
}

// steady turns the conditions of one device into events worth recording. It does nothing
// by itself: whoever uses it tells it the time.
type steady struct {
	seen  condition
	since time.Time // when seen began
	told  condition // the last event; zero before the very first
	began time.Time // of the present hour
	count int       // of events within it
	quiet bool      // the hour's summary is out
}

// observe takes the present condition. What was seen too shortly before a passing one is
// forgotten: it did not last.
func (s *steady) observe(c condition, now time.Time) {
	if c.passing() {
		s.since = time.Time{}
		return
	}
	if c != s.seen || s.since.IsZero() {
		s.seen, s.since = c, now
	}
}

// due is the event to be recorded now, if there is one, or else how long until there may
// be one; 0 when only a new condition can bring one.
func (s *steady) due(now time.Time) (c condition, ok bool, wait time.Duration) {
	if over := now.Sub(s.began); over >= eventWindow || over < 0 {
		s.count, s.quiet = 0, false
	}
	switch {
	case s.since.IsZero(), s.seen == s.told:
		return c, false, 0
	case s.quiet:
		return c, false, s.began.Add(eventWindow).Sub(now)
	}
	if left := eventSettles - now.Sub(s.since); left > 0 {
		return c, false, left
	}
	c = s.seen
	if s.count >= eventsAnHour {
		c.Reason = reasonFlapping
	}
	return c, true, 0
}

// recorded notes that an event has been.
func (s *steady) recorded(c condition, now time.Time) {
	if s.count == 0 {
		s.began = now
	}
	s.count++
	s.quiet = s.count > eventsAnHour
	s.told = c
}

// recordDevices appends device events until ctx ends. It stands back where the disk has
// no more room than citizens may need.
func (t *terminal) recordDevices(ctx context.Context) error {
	changes, stop := t.devices.changes()
	defer stop()
	last := lastEvents(filepath.Join(t.cfg.Data, "device-events"))
	before := last.read()
	all := map[string]*steady{}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		wait, news := time.Duration(0), false
		for _, status := range t.devices.statuses() {
			s := all[status.Device]
			if s == nil {
				s = &steady{told: before[status.Device]}
				all[status.Device] = s
			}
			recorded, left := t.recordDevice(ctx, s, status)
			news = news || recorded
			if left > 0 && (wait == 0 || left < wait) {
				wait = left
			}
		}
		if news {
			if err := last.write(all); err != nil {
				t.logger.Warn("device events may be recorded twice", "error", err)
			}
		}
		if wait > 0 {
			timer.Reset(wait)
		} else {
			timer.Stop()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changes:
		case <-timer.C:
		}
	}
}

// recordDevice appends what is due of one device, or says when to look again.
func (t *terminal) recordDevice(ctx context.Context, s *steady, status devices.Status) (recorded bool, wait time.Duration) {
	now := time.Now()
	s.observe(conditionOf(status), now)
	c, ok, wait := s.due(now)
	if !ok {
		return false, wait
	}
	err := t.roomForEvent()
	if err == nil {
		_, err = t.box.Append(ctx, record.DeviceEvent{
			ID: ulid.Make().String(), Device: status.Device, Class: string(status.Kind),
			State: string(c.State), Paper: string(c.Paper), Reason: string(c.Reason), Clock: t.clock.now(),
		})
	}
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			t.logger.Warn("device event not recorded", "device", status.Device, "error", err)
		}
		return false, eventRetry
	}
	s.recorded(c, now)
	return true, 0
}

var errTooManyEvents = errors.New("too many device events are held already")

func (t *terminal) roomForEvent() error {
	stats, err := t.box.Stats()
	switch {
	case err != nil:
		return err
	case stats.Counts[record.KindDevice] >= maxEvents:
		return errTooManyEvents
	}
	return t.box.Spare()
}
