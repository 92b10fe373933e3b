package model

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"yeban/sync/outbox"
	"yeban/sync/record"
)

const (
	boxFile   = "outbox.db"
	retention = 7 * 24 * time.Hour
	window    = 6 // unacknowledged records under way
)

// machine is one terminal's disk with the real outbox on it. Two machines may have one
// name, when one is a clone of the other.
type machine struct {
	kiosk  string
	number int
	dir    string
	lives  int
	cfg    outbox.Config
	box    *outbox.Outbox
	ledger
	images []image
	pruned int

	// What the program knows while it runs.
	wire        *wire // nil while there is no connection
	epoch       record.Epoch
	sent, acked uint64
	begun       record.Epoch // as in sync/link

	// started is what was being written when the power went, as the citizen's next try
	// hands it in again. An older disk, another machine and the next week have no such
	// citizen.
	started record.Application
}

// ledger is what the disk must hold.
type ledger struct {
	epoch   record.Epoch
	log     []string    // ids, log[i] at sequence i+1
	ackedAt []time.Time // earliest, by the terminal's clock
	first   int         // index of the oldest that must still be held
}

func (l *ledger) clone() ledger {
	c := *l
	c.log, c.ackedAt = slices.Clone(l.log), slices.Clone(l.ackedAt)
	return c
}

func (l *ledger) held() []string { return l.log[min(l.first, len(l.log)):] }

type image struct {
	dir string
	ledger
}

// open opens the disk, on which a file was put before or nothing.
func (m *machine) open() error {
	m.wire, m.begun = nil, record.Epoch{}
	cfg := m.cfg
	cfg.Dir = m.dir
	box, err := outbox.Open(cfg)
	if err != nil {
		return err
	}
	m.box = box
	if aside := box.SetAside(); aside != nil {
		return brokenf("%s finds its file damaged: %v", m.kiosk, aside)
	}
	epoch, _, last := box.Position()
	if m.ledger.epoch.IsZero() {
		m.ledger.epoch = epoch
	}
	switch {
	case epoch != m.ledger.epoch:
		return brokenf("%s opens under another epoch", m.kiosk)
	case last == uint64(len(m.log))+1 && m.started.ID != "":
		// It was being written when the power went, and came to stand. Nobody was told.
		e, err := box.Entry(last)
		if err != nil {
			return err
		}
		if e.ID != m.started.ID {
			return brokenf("%s has %s at %d, which nobody wrote", m.kiosk, e.ID, last)
		}
		m.log = append(m.log, e.ID)
	}
	return m.check()
}

// check holds the outbox against the ledger.
func (m *machine) check() error {
	epoch, first, last := m.box.Position()
	if epoch != m.ledger.epoch || last != uint64(len(m.log)) {
		return brokenf("%s ends at %d, it must end at %d", m.kiosk, last, len(m.log))
	}
	if last == 0 {
		return nil
	}
	if first != uint64(m.first)+1 {
		return brokenf("%s holds from %d, it must hold from %d", m.kiosk, first, m.first+1)
	}
	entries, err := m.box.Read(first-1, len(m.log), 1<<30)
	if err != nil {
		return err
	}
	hash, err := m.box.Hash(first - 1)
	if err != nil {
		return err
	}
	if len(entries) != len(m.held()) {
		return brokenf("%s holds %d entries, it must hold %d", m.kiosk, len(entries), len(m.held()))
	}
	for i := range entries {
		if err := entries[i].Follows(epoch, first-1+uint64(i), hash); err != nil {
			return brokenf("%s: %v", m.kiosk, err)
		}
		if hash = entries[i].Hash; entries[i].ID != m.held()[i] {
			return brokenf("%s has another record at %d", m.kiosk, entries[i].Seq)
		}
	}
	return nil
}

// leave copies the disk into a folder as a power cut leaves it.
func (m *machine) leave(to string) error { return copyFiles(m.dir, to, boxFile) }

// reopen goes on with the files of a folder. The one used so far is closed and removed,
// after what counts was copied from it.
func (m *machine) reopen(from string) error {
	m.hangUp(0)
	old := m.dir
	m.lives++
	m.dir = filepath.Join(filepath.Dir(old), fmt.Sprint("disk", m.lives))
	err := copyFiles(from, m.dir, boxFile)
	if err = errors.Join(err, m.box.Close(), os.RemoveAll(old)); err != nil {
		return err
	}
	return m.open()
}

// hangUp breaks the connection. Of what is under way to the hub, the first keep batches
// arrive.
func (m *machine) hangUp(keep int) {
	if w := m.wire; w != nil {
		w.gone, w.down = true, nil
		w.up = w.up[:min(keep, len(w.up))]
		m.wire = nil
	}
}

// powerCut ends the terminal without a last word to its disk.
func (m *machine) powerCut() error {
	left := filepath.Join(filepath.Dir(m.dir), "left")
	if err := m.leave(left); err != nil {
		return err
	}
	return errors.Join(m.reopen(left), os.RemoveAll(left))
}

// cutWhile has the power go while the transaction of f is being written.
func (m *machine) cutWhile(f func() error, chance func(int) int) error {
	path := filepath.Join(m.dir, boxFile)
	before, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := f(); err != nil {
		return err
	}
	after, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	left := filepath.Join(filepath.Dir(m.dir), "left")
	if err := os.MkdirAll(left, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(left, boxFile), torn(before, after, chance), 0o600); err != nil {
		return err
	}
	return errors.Join(m.reopen(left), os.RemoveAll(left))
}

func (m *machine) reboot() error {
	m.hangUp(0)
	if err := m.box.Close(); err != nil {
		return err
	}
	return m.open()
}

func (m *machine) takeImage() error {
	i := image{filepath.Join(filepath.Dir(m.dir), fmt.Sprint("image", len(m.images))), m.ledger.clone()}
	m.images = append(m.images, i)
	return m.leave(i.dir)
}

func (m *machine) restoreImage(i image) error {
	m.ledger, m.started = i.ledger.clone(), record.Application{}
	return m.reopen(i.dir)
}

// prune lets the outbox drop what it may, and sees that it drops no more.
func (m *machine) prune() error {
	m.started = record.Application{}
	if err := m.box.Prune(m.cfg.Now()); err != nil {
		return err
	}
	_, first, last := m.box.Position()
	if last == 0 {
		return nil
	}
	if int(first)-1 < m.first {
		return brokenf("%s holds %d again", m.kiosk, first)
	}
	for i := m.first; i < int(first)-1; i++ {
		if i >= len(m.ackedAt) || m.ackedAt[i].After(m.cfg.Now().Add(-retention)) {
			return brokenf("%s drops %d, which was not acknowledged long enough ago", m.kiosk, i+1)
		}
	}
	m.pruned += int(first) - 1 - m.first
	m.first = int(first) - 1
	return m.check()
}

func (m *machine) application(at time.Time, id string) (record.Application, error) {
	number, err := record.NewReceiptNumber(at, m.number)
	return record.Application{
		ID: id, ReceiptNumber: number, Kiosk: m.kiosk, Item: "card", ItemName: "社会保障卡补领",
		Applicant: record.Person{Name: "张测试", IDNumber: "34010419000101001X"}, Clock: record.Clock{Wall: m.cfg.Now()},
	}, err
}

// write appends without telling anybody.
func (m *machine) write(a record.Application) error {
	_, err := m.box.Append(context.Background(), a)
	if errors.Is(err, outbox.ErrDuplicate) && slices.Contains(m.held(), a.ID) {
		return nil
	}
	if err == nil {
		m.log = append(m.log, a.ID)
	}
	return err
}
