package model

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing/synctest"
	"time"

	"yeban/hub/store"
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
	hub      *hub
	machines []*machine
	promised map[string]bool
	blobs    map[string][]record.BlobRef // by record
	serial   int
	given    int // orders
	flaw     Flaw

	mu     sync.Mutex
	broken error           // the first promise that was
	done   map[string]bool // kiosk and order that came to its end
}

// fail notes a broken promise; it may be called from any goroutine.
func (l *life) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken == nil {
		l.broken = err
	}
}

func (l *life) failed() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.broken
}

func (l *life) obeyed(kiosk, n string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.done[kiosk+" "+n] = true
}

// Run lives through the moves, heals everything, and looks whether the promise was kept:
// *Broken when it was not. It must be called inside a bubble of synctest, whose time is
// that of the life.
func (g *Ground) Run(moves []Move, flaw Flaw) (tally Tally, err error) {
	dir, err := os.MkdirTemp(g.dir, "life-")
	if err != nil {
		return tally, err
	}
	l := &life{
		ground: g, dir: dir, flaw: flaw,
		promised: map[string]bool{}, blobs: map[string][]record.BlobRef{}, done: map[string]bool{},
	}
	l.hub = &hub{clerk: newClerk(flaw, l.fail), dir: dir, clock: newClock()}
	mute := false
	l.hub.blow = func() { mute = !mute; l.hub.hangUp(mute, all) }
	defer func() { err = errors.Join(err, l.end()) }()
	if err := l.hub.open(g.begin); err != nil {
		return tally, err
	}
	for i, id := range kiosks {
		if err := l.add(&machine{kiosk: id, number: i + 1, clock: newClock()}, ""); err != nil {
			return tally, err
		}
	}
	for i, m := range moves {
		if err := l.step(m); err != nil {
			return tally, fmt.Errorf("move %d, %s: %w", i+1, m.Kind, err)
		}
	}
	return l.judge()
}

// add gives a machine a disk, empty or copied, and a line.
func (l *life) add(m *machine, from string) error {
	m.life, m.clerk = l, &l.hub.clerk
	m.dir = filepath.Join(l.dir, fmt.Sprint("machine", len(l.machines)), "disk0")
	if err := os.MkdirAll(m.dir, 0o700); err != nil {
		return err
	}
	if from != "" {
		if err := copyDisk(from, m.dir, boxFile, orderFile); err != nil {
			return err
		}
	}
	m.line = newLine(uint64(len(l.machines)), l.hub.door)
	l.hub.lines = append(l.hub.lines, m.line)
	l.machines = append(l.machines, m)
	return m.open()
}

func (l *life) end() error {
	l.hub.fall()
	l.hub.hangUp(false, all)
	var errs []error
	for _, m := range l.machines {
		m.goDark()
		errs = append(errs, m.stop())
	}
	if l.hub.store != nil {
		errs = append(errs, l.hub.close())
	}
	return errors.Join(append(errs, os.RemoveAll(l.dir))...)
}

// step makes one move and lets time pass: mostly little, so that the next move meets what
// this one has begun.
func (l *life) step(v Move) error {
	r := rand.New(rand.NewPCG(v.A, v.B))
	if err := l.move(v, r); err != nil {
		return err
	}
	return l.pass([]time.Duration{10 * time.Millisecond, 300 * time.Millisecond, 3 * time.Second, 20 * time.Second}[r.IntN(4)], r)
}

// pass lets some time pass, up to a bound, and starts a hub again that has died in it.
func (l *life) pass(most time.Duration, r *rand.Rand) error {
	time.Sleep(time.Duration(1 + r.Int64N(int64(most))))
	synctest.Wait()
	if l.hub.fallen() {
		if err := l.hub.crash(false); err != nil {
			return err
		}
		synctest.Wait()
	}
	return l.failed()
}

func (l *life) move(v Move, r *rand.Rand) error {
	m := l.machines[v.A%uint64(len(l.machines))]
	switch v.Kind {
	case Takeover:
		m.line.delayAll(time.Duration(1000+r.IntN(4000)) * time.Millisecond)
		a, err := l.next(m)
		if err == nil {
			err = l.promise(m, a)
		}
		synctest.Wait() // it is on its way
		m.goDark()
		return err
	case Append, Attach:
		var sizes []int
		for n := r.IntN(3); v.Kind == Attach && n >= 0; n-- {
			sizes = append(sizes, 1+r.IntN([]int{500, 40 << 10, 80 << 10}[r.IntN(3)]))
		}
		a, err := l.next(m, sizes...)
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
	case Order:
		l.given++
		return l.hub.order(m.kiosk, l.given)
	case Forge, Stutter:
		m.mu.Lock()
		defer m.mu.Unlock()
		m.forge, m.stutter = m.forge || v.Kind == Forge, m.stutter || v.Kind == Stutter
	case Partition:
		m.line.change(func(l *line) { l.held = true })
	case Mend:
		m.line.heal()
	case Slow:
		delay, each := time.Duration(r.IntN(2000))*time.Millisecond, time.Duration(r.IntN(500))*time.Microsecond
		m.line.change(func(l *line) { l.delay, l.each = delay, each })
	case Cut:
		bytes, mute := 1+r.IntN([]int{300, 3000, 100_000}[r.IntN(3)]), r.IntN(3) == 0
		m.line.change(func(l *line) { l.cut, l.mute = bytes, mute })
	case Lose:
		m.line.lose(r.IntN(2) == 0)
	case HubDies:
		l.hub.arm(1+r.IntN(6), r.IntN(2) == 0)
	case HubCrash:
		return l.hub.crash(r.IntN(2) == 0)
	case ServerStops, ServerDies:
		i := r.IntN(servers)
		if v.Kind == ServerDies {
			l.hub.hangUp(r.IntN(2) == 0, func(server int) bool { return server == i })
		}
		if err := l.hub.stop(i, v.Kind == ServerStops); err != nil {
			return err
		}
		return l.hub.start(i)
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
	case SetClock, SetHubClock:
		by := time.Duration(r.IntN(10*24)-24) * time.Hour
		if v.Kind == SetHubClock {
			l.hub.clock.set(by)
			return nil
		}
		m.clock.set(by)
	case Wait:
		return l.pass(2*time.Minute, r)
	case Prune:
		if r.IntN(3) > 0 {
			m.clock.set(retention + time.Hour)
		}
		return m.prune()
	case NewEpoch:
		m.mu.Lock()
		err := m.newEpoch("test", 0)
		m.mu.Unlock()
		return errors.Join(err, m.check())
	}
	return nil
}

// next is an application that nobody has handed in.
func (l *life) next(m *machine, sizes ...int) (record.Application, error) {
	l.serial++
	at := time.Date(2026, 11, 22, 3, 0, l.serial, 0, time.UTC)
	a, err := m.application(at, fmt.Sprintf("01J%023d", l.serial), sizes...)
	l.blobs[a.ID] = a.Blobs
	return a, err
}

// promise writes a record, upon which the citizen gets a receipt.
func (l *life) promise(m *machine, a record.Application) error {
	before := filepath.Join(l.dir, "before")
	if l.flaw == LyingDisk {
		if err := errors.Join(os.RemoveAll(before), m.leave(before)); err != nil {
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
	if err := copyDisk(m.dir, from, boxFile, orderFile); err != nil {
		return err
	}
	twin := &machine{kiosk: m.kiosk, number: m.number, clock: newClock(), ledger: m.book()}
	twin.clock.off.Store(m.clock.off.Load())
	return errors.Join(l.add(twin, from), os.RemoveAll(from))
}
