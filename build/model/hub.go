package model

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"yeban/hub/bus"
	"yeban/hub/store"
	"yeban/sync/protocol"
)

const database = "hub.db"

// databaseFiles are what a copy of the database is; the third file that SQLite keeps is
// only shared memory.
var databaseFiles = []string{database, database + "-wal"}

// How soon either side gives up: sooner than in a hall, so that more happens in a life.
const (
	ping     = 10 * time.Second
	dead     = 25 * time.Second
	patience = 5 * time.Second
	flush    = 5 * time.Second
)

// hub is the real store, the servers at work on it, and what it must hold.
type hub struct {
	clerk
	dir     string
	lives   int // folders used so far
	clock   *clock
	hints   hints
	lines   []*line // to every machine
	backups []backup

	doors   sync.Mutex
	servers [servers]*server // nil while that one is down; under doors
}

type backup struct {
	dir   string
	truth *truth
}

func (h *hub) folder() string { return filepath.Join(h.dir, fmt.Sprint("hub", h.lives)) }

// open starts a hub on the files of a folder.
func (h *hub) open(from string) error {
	h.lives++
	if err := copyFiles(from, h.folder(), databaseFiles...); err != nil {
		return err
	}
	st, err := store.Open(context.Background(), "sqlite:"+filepath.Join(h.folder(), database), h.clock.Now)
	if err != nil {
		return err
	}
	h.begin(st, h.folder())
	for i := range h.servers {
		if err := h.start(i); err != nil {
			return err
		}
	}
	return nil
}

func (h *hub) start(i int) error {
	s, err := startServer(&h.clerk, &h.hints, h.clock)
	if err != nil {
		return err
	}
	h.doors.Lock()
	defer h.doors.Unlock()
	h.servers[i] = s
	return nil
}

// door is where a server is called, or nil.
func (h *hub) door(i int) *door {
	h.doors.Lock()
	defer h.doors.Unlock()
	if s := h.servers[i]; s != nil {
		return s.door
	}
	return nil
}

// stop ends one server.
func (h *hub) stop(i int, inGoodOrder bool) error {
	h.doors.Lock()
	s := h.servers[i]
	h.servers[i] = nil
	h.doors.Unlock()
	if s == nil {
		return nil
	}
	return s.stop(inGoodOrder)
}

// hangUp has the connections of some servers end as a crash ends them.
func (h *hub) hangUp(mute bool, of func(server int) bool) {
	for _, l := range h.lines {
		l.hangUp(func(t *talk) *end {
			if of(t.server) {
				return t.hub
			}
			return nil
		}, mute)
	}
}

func all(int) bool { return true }

// crash ends everything at once, and opens the database as the disk has it.
func (h *hub) crash(mute bool) error {
	h.fall()
	h.hangUp(mute, all)
	from := h.folder()
	if h.before != "" {
		from = h.before
	}
	return h.restart(from)
}

// restart goes on with the files of a folder.
func (h *hub) restart(from string) error {
	h.fall()
	h.hangUp(false, all)
	// The files first: closing in good order is what a crash does not do.
	copied := filepath.Join(h.dir, fmt.Sprint("left", h.lives))
	if err := copyFiles(from, copied, databaseFiles...); err != nil {
		return err
	}
	old := h.folder()
	if err := errors.Join(h.close(), os.RemoveAll(old)); err != nil {
		return err
	}
	return errors.Join(h.open(copied), os.RemoveAll(copied))
}

// close ends all servers and closes the store.
func (h *hub) close() error {
	var errs []error
	for i := range h.servers {
		errs = append(errs, h.stop(i, false))
	}
	return errors.Join(append(errs, h.store.Close())...)
}

func (h *hub) backup() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	b := backup{filepath.Join(h.dir, fmt.Sprint("backup", len(h.backups))), h.truth.clone()}
	if err := copyFiles(h.folder(), b.dir, databaseFiles...); err != nil {
		return err
	}
	h.backups = append(h.backups, b)
	return nil
}

func (h *hub) restore(b backup) error {
	h.fall()
	h.mu.Lock()
	h.truth = b.truth.clone()
	h.mu.Unlock()
	return h.restart(b.dir)
}

// order gives a terminal an order, and the servers perhaps a hint.
func (h *hub) order(kiosk string, n int) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := h.store.GiveCommand(context.Background(), store.Command{
		Command: protocol.Command{Name: protocol.CommandStatus, Args: map[string]string{"n": fmt.Sprint(n)}, Expires: h.clock.Now().Add(24 * time.Hour)},
		Kiosk:   kiosk, GivenBy: "staff",
	}, "")
	if err == nil {
		h.hints.Hint(bus.Command(kiosk))
	}
	return err
}
