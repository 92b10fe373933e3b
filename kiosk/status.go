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
}

func (s *visitState) set(v journey.View) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.name = v.State.String()
	if v.State == journey.Home {
		s.unavailable = v.Unavailable
	}
}

func (s *visitState) get() (string, []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.name, s.unavailable
}

// status is the terminal's present condition for the hub.
func (t *terminal) status() protocol.Status {
	name, unavailable := t.visit.get()
	s := protocol.Status{At: time.Now(), Visit: name, CatalogVersion: t.catalog.Version, Unavailable: unavailable}
	if stats, err := t.box.Stats(); err == nil {
		s.Queued, s.OldestUnsentMs = stats.Queued, stats.OldestAge.Milliseconds()
	}
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
		t.runner.Send(ctx, conditions(t.devices.reader.Status(), t.devices.printer.Status(), up, t.box.Ready()))
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
