package main

import (
	"os"
	"slices"
	"sync"
	"time"

	"yeban/sync/link"
	"yeban/sync/outbox"
	"yeban/sync/protocol"
)

const (
	// clockBound is how far a terminal's clock may be from the hub's.
	clockBound = time.Minute
	// workerFaultLasts is how long staff are told of a fault of ours that mended itself.
	workerFaultLasts = 10 * time.Minute
)

// findings is what the troubles of a terminal are told from.
type findings struct {
	aside  bool // a damaged log was set aside
	clash  bool // the hub contradicted the log
	backup outbox.Backup
	room   error
	blobs  outbox.BlobStats
	clock  time.Duration // the hub's before ours
	faults bool          // in looking after a device, of late
}

// troubles is what staff must look after, in a fixed order.
func (f findings) troubles() []protocol.Trouble {
	var out []protocol.Trouble
	for _, t := range []struct {
		trouble protocol.Trouble
		there   bool
	}{
		{protocol.TroubleSetAside, f.aside},
		{protocol.TroubleConflict, f.clash},
		{protocol.TroubleBackup, f.backup.Err != nil},
		{protocol.TroubleWrite, f.room != nil},
		{protocol.TroubleClock, f.clock.Abs() > clockBound},
		{protocol.TroubleBlob, f.blobs.Lost > 0},
		{protocol.TroubleDeviceDied, f.faults},
	} {
		if t.there {
			out = append(out, t.trouble)
		}
	}
	return out
}

// untold is a file that exists from when a log was set aside until the hub has surely been
// told, which may be runs of the program later.
type untold string

// tellAfter is how long a conversation with the hub must have lasted, with its STATUS.
const tellAfter = time.Minute

func (u untold) begin() error { return os.WriteFile(string(u), nil, 0o600) }

func (u untold) there() bool {
	_, err := os.Stat(string(u))
	return err == nil
}

// told ends it where the link has been up for long enough.
func (u untold) told(s link.State, now time.Time) error {
	if !s.Connected || now.Sub(s.Since) < tellAfter || !u.there() {
		return nil
	}
	return os.Remove(string(u))
}

// lookout finds a terminal's troubles and tells changes of them.
type lookout struct {
	mu     sync.Mutex
	known  []protocol.Trouble
	faults int       // counted so far
	at     time.Time // when the last came
}

// faulty says whether the count of our own faults grew of late.
func (l *lookout) faulty(count int, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if count > l.faults {
		l.faults, l.at = count, now
	}
	return !l.at.IsZero() && now.Sub(l.at) < workerFaultLasts
}

// changed remembers troubles, and says whether they are others than before.
func (l *lookout) changed(now []protocol.Trouble) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if slices.Equal(now, l.known) {
		return false
	}
	l.known = now
	return true
}

// troubles is what is wrong with the terminal itself, given the answer to "is there room".
func (t *terminal) troubles(room error) []protocol.Trouble {
	return findings{
		aside: t.aside.there() || t.box.SetAside() != nil, backup: t.box.Backup(), room: room, blobs: t.box.Blobs(),
		clash: t.link != nil && t.link.State().Conflicts > 0,
		clock: time.Until(t.hubTime()), faults: t.lookout.faulty(t.devices.faults(), time.Now()),
	}.troubles()
}
