package model

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"yeban/sync/command"
	"yeban/sync/link"
	"yeban/sync/outbox"
	"yeban/sync/protocol"
	"yeban/sync/record"
)

const (
	boxFile   = "outbox.db"
	orderFile = "commands.log"
	blobDir   = "blobs"
	retention = 7 * 24 * time.Hour
	window    = 6 // unacknowledged records under way
)

// machine is one terminal: a disk with the real outbox and the real notebook of orders,
// and the real link. Two machines may have one name, when one is a clone of the other.
type machine struct {
	kiosk  string
	number int
	dir    string
	lives  int
	clock  *clock
	line   *line
	clerk  *clerk
	life   *life
	box    *outbox.Outbox
	orders *command.Notebook
	link   *link.Link
	end    context.CancelFunc // of what runs
	runs   sync.WaitGroup
	images []image
	pruned int

	mu sync.Mutex // the link's goroutines change the ledger
	ledger
	forge, stutter bool // with the next records that the link reads

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
	ran     []string    // orders that were begun
}

func (l *ledger) clone() ledger {
	c := *l
	c.log, c.ackedAt, c.ran = slices.Clone(l.log), slices.Clone(l.ackedAt), slices.Clone(l.ran)
	return c
}

func (l *ledger) held() []string { return l.log[min(l.first, len(l.log)):] }

// book is a copy of the ledger.
func (m *machine) book() ledger {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ledger.clone()
}

type image struct {
	dir string
	ledger
}

// open opens the disk, on which files were put before or nothing, and starts.
func (m *machine) open() error {
	box, err := outbox.Open(outbox.Config{
		Dir: m.dir, Platform: m.life.ground.key.Public(), Retention: retention, Now: m.clock.Now,
		FreeBytes: func(string) (int64, error) { return 1 << 40, nil },
	})
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
	if err := m.check(); err != nil {
		return err
	}
	return m.start()
}

// start has the link talk and the orders run.
func (m *machine) start() (err error) {
	m.link = nil
	m.orders, err = command.Open(command.Config{
		Dir: m.dir, Now: m.hubTime,
		Actions: map[protocol.CommandName]command.Action{protocol.CommandStatus: {Do: m.obey}},
	})
	if err != nil {
		return err
	}
	if aside := m.orders.SetAside(); aside != "" {
		return brokenf("%s finds its orders damaged", m.kiosk)
	}
	m.link, err = link.New(link.Config{
		URL: "ws://localhost", Token: m.kiosk, Kiosk: m.kiosk, Software: "model",
		CatalogVersion: func() string { return "1" },
		Status:         func() protocol.Status { return protocol.Status{At: m.clock.Now(), Visit: "home", CatalogVersion: "1"} },
		Outbox:         desk{m.box, m}, Blobs: desk{m.box, m}, Commands: m.orders,
		Clock:       func() record.Clock { return record.Clock{Wall: m.clock.Now()} },
		DialContext: m.line.dial, Rand: m.line.chance,
		MaxBackoff: 10 * time.Second, HelloTimeout: patience, AckTimeout: time.Minute, CallTimeout: patience,
	})
	if err != nil {
		return err
	}
	ctx, end := context.WithCancel(context.Background())
	m.end = end
	m.runs.Go(func() { _ = m.link.Run(ctx) })   // nil when ctx ends
	m.runs.Go(func() { _ = m.orders.Run(ctx) }) // likewise
	return nil
}

// hubTime is what kiosk goes by.
func (m *machine) hubTime() time.Time {
	if m.link != nil {
		if now, known := m.link.HubTime(); known {
			return now
		}
	}
	return m.clock.Now()
}

// stop ends all that runs and closes the disk.
func (m *machine) stop() error {
	if m.end != nil {
		m.end()
		m.runs.Wait()
	}
	var err error
	if m.orders != nil {
		err = m.orders.Close()
	}
	if m.box != nil {
		err = errors.Join(err, m.box.Close())
	}
	m.end, m.orders, m.box = nil, nil, nil
	return err
}

// obey carries out an order, which takes a while.
func (m *machine) obey(ctx context.Context, args map[string]string) error {
	m.mu.Lock()
	if slices.Contains(m.ran, args["n"]) {
		m.life.fail(brokenf("%s runs order %s twice", m.kiosk, args["n"]))
	}
	m.ran = append(m.ran, args["n"])
	work := time.Duration(len(m.ran)%4) * 8 * time.Second
	m.mu.Unlock()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(work):
	}
	m.life.obeyed(m.kiosk, args["n"])
	return nil
}

// check holds the outbox against the ledger.
func (m *machine) check() error {
	m.mu.Lock()
	defer m.mu.Unlock()
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
	if lost := m.box.Blobs().Lost; lost > 0 {
		return brokenf("%s has lost %d attachments", m.kiosk, lost)
	}
	return nil
}

// leave copies the disk into a folder.
func (m *machine) leave(to string) error {
	if m.life.flaw == ForgottenOrders {
		return copyDisk(m.dir, to, boxFile)
	}
	return copyDisk(m.dir, to, boxFile, orderFile)
}

// reopen goes on with the files of a folder. The one used so far is closed and removed,
// after what counts was copied from it.
func (m *machine) reopen(from string) error {
	m.goDark()
	old := m.dir
	m.lives++
	m.dir = filepath.Join(filepath.Dir(old), fmt.Sprint("disk", m.lives))
	if err := errors.Join(m.stop(), copyDisk(from, m.dir, boxFile, orderFile), os.RemoveAll(old)); err != nil {
		return err
	}
	return m.open()
}

// goDark has nothing more leave the machine. What it has sent is on its way.
func (m *machine) goDark() { m.line.hangUp(func(t *talk) *end { return t.kiosk }, true) }

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
	m.goDark()
	if err := f(); err != nil {
		return err
	}
	after, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	left := filepath.Join(filepath.Dir(m.dir), "left")
	if err := m.leave(left); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(left, boxFile), torn(before, after, chance), 0o600); err != nil {
		return err
	}
	return errors.Join(m.reopen(left), os.RemoveAll(left))
}

func (m *machine) reboot() error {
	if err := m.stop(); err != nil {
		return err
	}
	return m.open()
}

func (m *machine) takeImage() error {
	i := image{filepath.Join(filepath.Dir(m.dir), fmt.Sprint("image", len(m.images))), m.book()}
	m.images = append(m.images, i)
	return copyDisk(m.dir, i.dir, boxFile, orderFile)
}

func (m *machine) restoreImage(i image) error {
	m.goDark()
	if err := m.stop(); err != nil {
		return err
	}
	m.ledger, m.started = i.ledger.clone(), record.Application{}
	return m.reopen(i.dir)
}

// prune lets the outbox drop what it may, and sees that it drops no more.
func (m *machine) prune() error {
	m.started = record.Application{}
	now := m.clock.Now()
	if err := m.box.Prune(now); err != nil {
		return err
	}
	m.mu.Lock()
	_, first, last := m.box.Position()
	for i := m.first; last > 0 && i < int(first)-1; i++ {
		if i >= len(m.ackedAt) || m.ackedAt[i].After(now.Add(-retention)) {
			return brokenf("%s drops %d, which was not acknowledged long enough ago", m.kiosk, i+1)
		}
		for _, b := range m.life.blobs[m.log[i]] {
			if !m.clerk.everWhole(b.Hash) {
				return brokenf("%s drops %d before its attachment has arrived", m.kiosk, i+1)
			}
		}
	}
	if last > 0 {
		if int(first)-1 < m.first {
			return brokenf("%s holds %d again", m.kiosk, first)
		}
		m.pruned += int(first) - 1 - m.first
		m.first = int(first) - 1
	}
	m.mu.Unlock()
	return m.check()
}

// application is what a citizen hands in, with attachments of these sizes.
func (m *machine) application(at time.Time, id string, sizes ...int) (a record.Application, err error) {
	a = record.Application{
		ID: id, Kiosk: m.kiosk, Item: "card", ItemName: "社会保障卡补领",
		Applicant: record.Person{Name: "张测试", IDNumber: "34010419000101001X"}, Clock: record.Clock{Wall: m.clock.Now()},
	}
	for _, n := range sizes {
		ref, err := m.box.PutBlob(context.Background(), "photo", "image/jpeg", []byte(strings.Repeat("x", n)))
		if err != nil {
			return a, err
		}
		a.Blobs = append(a.Blobs, ref)
	}
	a.ReceiptNumber, err = record.NewReceiptNumber(at, m.number)
	return a, err
}

// write appends without telling anybody.
func (m *machine) write(a record.Application) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, err := m.box.Append(context.Background(), a)
	if errors.Is(err, outbox.ErrDuplicate) && slices.Contains(m.held(), a.ID) {
		return nil
	}
	if err == nil {
		m.log = append(m.log, a.ID)
	}
	return err
}
