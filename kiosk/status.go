package main

import (
	"context"
	"sync"
	"time"

	"yeban/kiosk/journey"
	"yeban/sync/link"
	"yeban/sync/protocol"
)

// visitState is what the hub may know of the screen: a state's name, and what is not
// offered; never whose visit.
type visitState struct {
	mu          sync.Mutex
	name        string
	unavailable []string
	moved       chan struct{} // closed and replaced when name changes; nil until somebody waits
}

func (s *visitState) set(v journey.View) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if name := v.State.String(); name != s.name {
		s.name = name
		if s.moved != nil {
			close(s.moved)
			s.moved = nil
		}
	}
	if v.State == journey.Home {
		s.unavailable = v.Unavailable
	}
}

func (s *visitState) get() (string, []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.name, s.unavailable
}

// await returns when the screen shows a state.
func (s *visitState) await(ctx context.Context, state journey.State) error {
	for {
		s.mu.Lock()
		there := s.name == state.String()
		if s.moved == nil {
			s.moved = make(chan struct{})
		}
		moved := s.moved
		s.mu.Unlock()
		if there {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-moved:
		}
	}
}

// status is the terminal's present condition for the hub.
func (t *terminal) status() protocol.Status {
	name, unavailable := t.visit.get()
	s := protocol.Status{At: time.Now(), Visit: name, CatalogVersion: t.catalog.Version, Unavailable: unavailable}
	if stats, err := t.box.Stats(); err == nil {
		s.Queued, s.OldestUnsentMs = stats.Queued, stats.OldestAge.Milliseconds()
	}
	s.Troubles = t.troubles(t.box.Ready())
	if free, err := diskFree(t.cfg.Data); err == nil {
		s.DiskFreeBytes = free
	}
	for _, d := range t.devices.statuses() {
		s.Devices = append(s.Devices, protocol.DeviceStatus{
			Name: d.Device, State: string(d.State), Paper: string(d.Paper), Reason: string(d.Reason), At: d.At,
		})
	}
	return s
}

// conditionsEvery bounds how old the answer to "is there room" may be.
const conditionsEvery = 2 * time.Second

// watchConditions tells the journey what the terminal can do, whenever a device, the
// link or the disk says something new.
func (t *terminal) watchConditions(ctx context.Context) error {
	changes, stop := t.devices.changes()
	defer stop()
	tick := time.NewTicker(conditionsEvery)
	defer tick.Stop()
	var connections <-chan link.State // stays nil, and silent, where no hub is set
	if t.link != nil {
		var unsubscribe func()
		connections, unsubscribe = t.link.Subscribe()
		defer unsubscribe()
	}
	for {
		up := t.link != nil && t.link.State().Connected
		room := t.box.Ready()
		t.runner.Send(ctx, conditions(t.devices.reader.Status(), t.devices.printer.Status(), up, room))
		if t.link != nil {
			if err := t.aside.told(t.link.State(), time.Now()); err != nil {
				t.logger.Warn("staff are told again of a log set aside", "error", err)
			}
		}
		if now := t.troubles(room); t.lookout.changed(now) {
			t.logger.Warn("troubles", "now", now)
			if t.link != nil {
				t.link.StatusChanged()
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changes:
			if t.link != nil {
				t.link.StatusChanged()
			}
		case <-connections:
		case <-tick.C:
		}
	}
}
