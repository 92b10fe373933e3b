package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"yeban/sync/protocol"
)

// fenceTrials is fault 10.
func fenceTrials() []trial {
	return []trial{
		{fault: 10, name: "two hubs on one store, one stopped and continued (PostgreSQL)", missing: noPostgres, run: stopAndContinue},
		{fault: 10, name: "two hubs whose store asks for neither fence nor position", control: true, run: withoutFence},
		{fault: 10, name: "terminal's disk cloned: one identity twice (PostgreSQL, two hubs)", missing: noPostgres, run: cloneTerminal},
	}
}

// sleepless is longer than a hub sleeps here: on waking it still reads what it was sent.
const sleepless = 20 * time.Second

// twoHubs are two hub programs on one database. Their buses are apart, so that no hint
// helps the fence.
func (s *scene) twoHubs(ctx context.Context) ([2]*hub, error) {
	var hubs [2]*hub
	db, err := s.startDatabase(ctx, "shared")
	if err != nil {
		return hubs, err
	}
	for i := range hubs {
		if hubs[i], err = s.startHub(ctx, fmt.Sprint("hub", i), hubSettings{dsn: db.dsn("hub"), ping: time.Second, dead: sleepless}); err != nil {
			return hubs, err
		}
	}
	return hubs, nil
}

// stopAndContinue stops a hub that has records in its socket, lets the terminal go on at
// the other, and wakes the first one again.
func stopAndContinue(ctx context.Context, s *scene) error {
	s.addKiosks(1, s.dir)
	hubs, err := s.twoHubs(ctx)
	if err != nil {
		return err
	}
	k, err := s.alternate(ctx, s.times(4, 40), [2]place{{hubs[0].process, hubs[0].address}, {hubs[1].process, hubs[1].address}},
		func(asleep int) error { return hubs[asleep].deserted(ctx) })
	if err != nil {
		return err
	}
	fenced := 0
	for _, h := range hubs {
		n, err := h.fenced(ctx)
		if err != nil {
			return err
		}
		fenced += n
	}
	s.row.note("the fence refused %d", fenced)
	return s.settle(ctx, hubs[0], k)
}

// place is where a hub is to be found.
type place struct {
	*process
	address string
}

// alternate moves one terminal to and fro between two hubs. woken waits until the one that
// slept has dealt with what it had.
func (s *scene) alternate(ctx context.Context, runs int, hubs [2]place, woken func(asleep int) error) (*kiosk, error) {
	p, err := s.startProxy(hubs[0].address)
	if err != nil {
		return nil, err
	}
	order := s.order("ws://"+p.address()+protocol.Path, "k", s.kiosks[0])
	order.Pause = 2 * time.Millisecond
	k, err := s.startKiosk(ctx, order)
	if err != nil {
		return nil, err
	}
	for run := range runs {
		asleep, awake := run%2, 1-run%2
		if _, err := k.await(ctx, "up", func(s said) bool { return number(s.rest) > run }); err != nil {
			return nil, err
		}
		if err := k.more(ctx, 10); err != nil {
			return nil, err
		}
		hubs[asleep].signal(syscall.SIGSTOP)
		if err := k.more(ctx, 10+s.random.IntN(20)); err != nil { // on their way into its socket
			return nil, err
		}
		wait(ctx, 20*time.Millisecond)
		begun := time.Now()
		p.set(func(p *proxy) { p.target = hubs[awake].address })
		p.leaveBehind()
		at, err := k.caught(ctx)
		if err != nil {
			return nil, err
		}
		s.recovered(begun, at)
		hubs[asleep].signal(syscall.SIGCONT)
		if err := woken(asleep); err != nil {
			return nil, err
		}
		s.row.runs++
	}
	return k, nil
}

// withoutFence is the same on hubs that believe whoever speaks.
func withoutFence(ctx context.Context, s *scene) error {
	s.addKiosks(1, s.dir)
	var hubs [2]place
	file := filepath.Join(s.dir, "trusted")
	for i := range hubs {
		address, err := freeAddress("127.0.0.1")
		if err != nil {
			return err
		}
		name := fmt.Sprint("trusting", i)
		dsn := "sqlite:" + filepath.Join(s.dir, name+".db")
		if err := s.register(ctx, dsn); err != nil {
			return err
		}
		h, err := startRole(name, filepath.Join(s.dir, name+".log"), roleTrusting, trustingOrder{address, file, dsn})
		if err != nil {
			return err
		}
		s.defers(h.kill)
		if _, err := h.await(ctx, "console", nil); err != nil {
			return err
		}
		hubs[i] = place{h, address}
	}
	k, err := s.alternate(ctx, s.times(4, 6), hubs,
		func(int) error { wait(ctx, 300*time.Millisecond); return nil })
	if err != nil {
		return err
	}
	if err := k.finish(ctx); err != nil {
		return err
	}
	s.row.note("the real intake over a store of the rig's own that appends what it is given")
	return s.judgeTrusted(file)
}

// cloneTerminal copies a terminal's disk and lets both live, at two hubs.
func cloneTerminal(ctx context.Context, s *scene) error {
	runs := s.times(1, 10)
	s.addKiosks(runs, s.dir)
	hubs, err := s.twoHubs(ctx)
	if err != nil {
		return err
	}
	for i := range runs {
		if err := s.cloneOnce(ctx, hubs, s.kiosks[i]); err != nil {
			return err
		}
		s.row.runs++
	}
	return s.judge(ctx, hubs[0].dsn)
}

func (s *scene) cloneOnce(ctx context.Context, hubs [2]*hub, who identity) error {
	k, err := s.startKiosk(ctx, s.order(hubs[0].url(), who.ID, who))
	if err != nil {
		return err
	}
	if err := k.promised(ctx, 40); err != nil {
		return err
	}
	k.kill()
	twin := who
	twin.Dir += "-clone"
	if err := os.CopyFS(twin.Dir, os.DirFS(who.Dir)); err != nil {
		return err
	}
	both := []struct {
		identity
		hub    *hub
		oracle string
	}{{who, hubs[0], who.ID}, {twin, hubs[1], who.ID + "-clone"}}
	var lives []*kiosk
	for _, one := range both {
		order := s.order(one.hub.url(), one.oracle, one.identity)
		order.Pause = 10 * time.Millisecond
		k, err := s.startKiosk(ctx, order)
		if err != nil {
			return err
		}
		lives = append(lives, k)
	}
	for _, k := range lives {
		if err := k.promised(ctx, 60); err != nil {
			return err
		}
	}
	for _, k := range lives {
		k.kill()
	}
	for _, one := range both { // one after the other, they come to rest
		begun := time.Now()
		k, err := s.startKiosk(ctx, s.order(one.hub.url(), one.oracle, one.identity))
		if err != nil {
			return err
		}
		at, err := k.caught(ctx)
		if err != nil {
			return err
		}
		s.recovered(begun, at)
		if err := k.finish(ctx); err != nil {
			return err
		}
	}
	return nil
}
