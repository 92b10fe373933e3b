package model

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"yeban/hub/store"
	"yeban/sync/outbox"
	"yeban/sync/record"
)

// maxMachines, maxCopies bound what a life costs.
const (
	maxMachines = 4
	maxCopies   = 3
)

// Broken means that the promise, or the model of it, does not hold.
type Broken struct{ What string }

func (b *Broken) Error() string { return b.What }

func brokenf(form string, args ...any) error { return &Broken{fmt.Sprintf(form, args...)} }

// Ground is what lives share: a folder on a fast disk, a key pair, and an empty database
// to begin with.
type Ground struct {
	dir   string
	key   *record.PrivateKey
	begin string
}

// Tally counts what happened in a life.
type Tally struct {
	Promised  int // receipts given
	AtHub     int // records there in the end
	Destroyed int // receipts whose record an older disk was put in the place of, everywhere
	Pruned    int // entries that a terminal dropped
	Conflicts int // kept at the hub
	Logs      int // at the hub
}

var kiosks = []string{"hall-1", "hall-2"}

// NewGround prepares a folder that is there.
func NewGround(dir string) (*Ground, error) {
	key, err := record.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	g := &Ground{dir: dir, key: key, begin: filepath.Join(dir, "begin")}
	st, err := store.Open(context.Background(), "sqlite:"+filepath.Join(g.begin, database), nil)
	if err != nil {
		return nil, err
	}
	for i, id := range kiosks {
		if err := st.AddKiosk(context.Background(), store.Kiosk{ID: id, Number: i + 1, Name: "南门"}, id, false); err != nil {
			return nil, errors.Join(err, st.Close())
		}
	}
	return g, st.Close()
}

// life is a life under way.
type life struct {
	ground   *Ground
	dir      string
	clock    *clock
	hub      *hub
	machines []*machine
	promised map[string]bool
	serial   int
	flaw     Flaw
}

// Run lives through the moves, heals everything, and looks whether the promise was kept:
// *Broken when it was not.
func (g *Ground) Run(moves []Move, flaw Flaw) (tally Tally, err error) {
	dir, err := os.MkdirTemp(g.dir, "life-")
	if err != nil {
		return tally, err
	}
	l := &life{ground: g, dir: dir, clock: newClock(), promised: map[string]bool{}, flaw: flaw}
	defer func() { err = errors.Join(err, l.end()) }()
	l.hub = &hub{dir: dir, clock: l.clock, truth: newTruth(), flaw: flaw}
	if err := l.hub.open(g.begin); err != nil {
		return tally, err
	}
	for i, id := range kiosks {
		if err := l.add(&machine{kiosk: id, number: i + 1}, ""); err != nil {
			return tally, err
		}
	}
	for i, m := range moves {
		if err := l.move(m); err != nil {
			return tally, fmt.Errorf("move %d, %s: %w", i+1, m.Kind, err)
		}
	}
	return l.judge()
}

// add gives a machine a disk, empty or copied.
func (l *life) add(m *machine, from string) error {
	m.dir = filepath.Join(l.dir, fmt.Sprint("machine", len(l.machines)), "disk0")
	if err := os.MkdirAll(m.dir, 0o700); err != nil {
		return err
	}
	m.cfg = outbox.Config{
		Platform: l.ground.key.Public(), Retention: retention, Now: l.clock.Now,
		FreeBytes: func(string) (int64, error) { return 1 << 40, nil },
	}
	if from != "" {
		if err := copyFiles(from, m.dir, boxFile); err != nil {
			return err
		}
	}
	l.machines = append(l.machines, m)
	return m.open()
}

func (l *life) end() error {
	var errs []error
	for _, m := range l.machines {
		if m.box != nil {
			errs = append(errs, m.box.Close())
		}
	}
	if l.hub != nil && l.hub.store != nil {
		errs = append(errs, l.hub.store.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(l.dir))...)
}

func (l *life) move(v Move) error {
	m := l.machines[v.A%uint64(len(l.machines))]
	r := rand.New(rand.NewPCG(v.A, v.B))
	l.clock.add(time.Duration(r.IntN(3000)) * time.Millisecond)
	switch v.Kind {
	case Append:
		a, err := l.next(m)
		if err != nil {
			return err
		}
		return l.promise(m, a)
	case AppendCut:
		return l.appendCut(m, r.IntN)
	case AppendAgain:
		if m.started.ID == "" {
			return nil
		}
		return l.promise(m, m.started)
	case Connect, ConnectLost:
		return m.connect(l.hub, v.Kind == ConnectLost)
	case Send, SendTwice:
		return m.send(1+r.IntN(4), v.Kind == SendTwice)
	case Forge:
		return m.forge(r.IntN)
	case Commit, CommitCrash:
		return l.hub.commit(r.IntN, v.Kind == CommitCrash)
	case Crash:
		return l.hub.crash()
	case HearAck:
		return m.hear(l.hub.truth)
	case LoseAck:
		m.hangUp(1 << 20)
	case Hangup:
		m.hangUp(r.IntN(4))
	case Reboot:
		return m.reboot()
	case PowerCut:
		return m.powerCut()
	case TakeImage:
		if len(m.images) < maxCopies {
			return m.takeImage()
		}
	case RestoreImage:
		if n := len(m.images); n > 0 {
			return m.restoreImage(m.images[r.IntN(n)])
		}
	case Clone:
		return l.clone(m)
	case Backup:
		if len(l.hub.backups) < maxCopies {
			return l.hub.backup()
		}
	case Restore:
		if n := len(l.hub.backups); n > 0 {
			return l.hub.restore(l.hub.backups[r.IntN(n)])
		}
	case Wait:
		l.clock.add(time.Duration(r.IntN(10*24)-24) * time.Hour)
	case Prune:
		return m.prune()
	case NewEpoch:
		return m.newEpoch("test", 0)
	}
	return nil
}

// next is an application that nobody has handed in.
func (l *life) next(m *machine) (record.Application, error) {
	l.serial++
	at := time.Date(2026, 11, 22, 3, 0, l.serial, 0, time.UTC)
	return m.application(at, fmt.Sprintf("01J%023d", l.serial))
}

// promise writes a record, upon which the citizen gets a receipt.
func (l *life) promise(m *machine, a record.Application) error {
	before := filepath.Join(l.dir, "before")
	if l.flaw == LyingDisk {
		if err := m.leave(before); err != nil {
			return err
		}
	}
	if err := m.write(a); err != nil {
		return err
	}
	if m.started.ID == a.ID {
		m.started = record.Application{}
	}
	l.promised[a.ID] = true
	if l.flaw == LyingDisk && l.serial%8 == 0 {
		return m.reopen(before)
	}
	return nil
}

func (l *life) appendCut(m *machine, chance func(int) int) error {
	a, err := l.next(m)
	if err != nil {
		return err
	}
	m.started = a
	return m.cutWhile(func() error {
		_, err := m.box.Append(context.Background(), a)
		return err
	}, chance)
}

func (l *life) clone(m *machine) error {
	if len(l.machines) >= maxMachines {
		return nil
	}
	from := filepath.Join(l.dir, "clone")
	if err := m.leave(from); err != nil {
		return err
	}
	twin := &machine{kiosk: m.kiosk, number: m.number, ledger: m.ledger.clone()}
	return errors.Join(l.add(twin, from), os.RemoveAll(from))
}
