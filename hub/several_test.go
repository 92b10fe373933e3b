package main

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"yeban/hub/bus"
	"yeban/hub/projector"
	"yeban/hub/store"
	"yeban/sync/protocol"
	"yeban/sync/record"
)

// TestSeveralHubs is what must hold when hubs share a store and a bus.
func TestSeveralHubs(t *testing.T) {
	create := startPostgres(t)
	for name, test := range map[string]func(*cluster){
		"killed": oneIsKilled, "newest": theNewestConnectionWins, "drained": oneDrains,
		"followers": oneOfTwoFollowersSteps, "ordered": anOrderReachesItsTerminal,
		"node": aNodeOfTheBusDies,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // most of it is waiting
			test(newCluster(t, create(name)))
		})
	}
}

// oneIsKilled has kiosks hand in applications over two hubs of which now one, now the
// other is killed.
func oneIsKilled(c *cluster) {
	t := c.t
	hubs := []*member{c.start("a"), c.start("b")}
	b := startBalancer(t, hubs[0].address(), hubs[1].address())
	var kiosks []*kiosk
	for i := range 4 {
		kiosks = append(kiosks, c.startKiosk(i+1, b, nil))
	}
	eventually(t, "kiosks at both hubs", func() bool {
		return b.at(hubs[0].address()) >= 2 && b.at(hubs[1].address()) >= 2
	})

	ctx, stop := context.WithCancel(t.Context())
	var visits sync.WaitGroup
	var appended atomic.Int64
	failed := make(chan error, len(kiosks))
	for _, k := range kiosks {
		visits.Go(func() {
			pace := time.NewTicker(20 * time.Millisecond)
			defer pace.Stop()
			for ctx.Err() == nil {
				<-pace.C
				if err := k.visit(); err != nil {
					failed <- err
					return
				}
				appended.Add(1)
			}
		})
	}
	defer visits.Wait()
	defer stop()
	acknowledged := func() (all []uint64) {
		for _, k := range kiosks {
			all = append(all, k.box.Acknowledged())
		}
		return all
	}
	for round := range 2 {
		dead, left := hubs[round%2], hubs[1-round%2]
		before := acknowledged()
		eventually(t, "progress before the kill", func() bool {
			for i, n := range acknowledged() {
				if n <= before[i] {
					return false
				}
			}
			return true
		})
		moving := b.at(dead.address())
		dead.kill(t)
		before = acknowledged()
		took := eventually(t, "every kiosk goes on at the hub that is left", func() bool {
			for i, n := range acknowledged() {
				if n <= before[i]+5 {
					return false
				}
			}
			return b.at(left.address()) >= len(kiosks)
		})
		t.Logf("round %d: %d kiosks moved, all go on after %v", round, moving, took.Round(time.Millisecond))
		if took > patience/2 {
			t.Errorf("the kiosks took %v to move", took)
		}
		hubs[round%2] = c.start([]string{"a", "b"}[round%2])
		b.set(hubs[0].address(), hubs[1].address())
	}
	stop()
	visits.Wait()
	select {
	case err := <-failed:
		t.Fatal(err)
	default:
	}
	for _, k := range kiosks {
		eventually(t, "delivery", k.delivered)
		if s := k.link.State(); s.Conflicts != 0 {
			t.Errorf("%s had a conflict: %v", k.id, s.LastConflict)
		}
	}
	c.exactlyOnce(kiosks, int(appended.Load()))
}

// exactlyOnce compares what the kiosks promised with what is committed, and with what
// the hubs' projectors made of it.
func (c *cluster) exactlyOnce(kiosks []*kiosk, want int) {
	t := c.t
	t.Helper()
	there := map[string]int{}
	for pos, n := int64(0), -1; n != 0; {
		some, err := c.store.After(t.Context(), pos, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for i := range some {
			if pos++; some[i].Pos != pos {
				t.Fatalf("position %d where %d is due", some[i].Pos, pos)
			}
			there[some[i].Kiosk+" "+some[i].Entry.ID]++
		}
		n = len(some)
	}
	for _, k := range kiosks {
		for _, id := range k.appended {
			if n := there[k.id+" "+id]; n != 1 {
				t.Errorf("%s of %s is committed %d times", id, k.id, n)
			}
		}
	}
	if len(there) != want {
		t.Errorf("%d entries committed, %d handed in", len(there), want)
	}
	if err := c.store.Prove(t.Context(), "", func(p store.Proof) error {
		if p.Broken != nil {
			t.Errorf("the log of %s is broken: %+v", p.Kiosk, p.Broken)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the projectors", func() bool {
		pos, err := c.store.Position(t.Context(), "projector")
		if err != nil {
			t.Fatal(err)
		}
		return pos == int64(want)
	})
	shown, err := c.store.Applications(t.Context(), store.Filter{Limit: 2 * want})
	if err != nil || len(shown) != want {
		t.Errorf("%d applications shown, %d handed in, %v", len(shown), want, err)
	}
	conflicts, err := c.store.Conflicts(t.Context(), 10)
	parked, err2 := c.store.ParkedRecords(t.Context(), 10)
	if err != nil || err2 != nil || len(conflicts)+len(parked) > 0 {
		t.Errorf("conflicts %+v, parked %+v, %v %v", conflicts, parked, err, err2)
	}
	t.Logf("%d applications, each once", want)
}

// theNewestConnectionWins: first a hint over the bus says so, then, with the bus dead, the
// store.
func theNewestConnectionWins(c *cluster) {
	t := c.t
	a, b := c.start("a"), c.start("b")
	_, token := c.addKiosk(1)
	log := chain(3)
	fenced := func(old *terminal) time.Duration {
		t.Helper()
		begun := time.Now()
		for {
			f, err := old.Receive()
			if err != nil {
				t.Fatalf("the older connection ended with %v", err)
			}
			if f.Type != protocol.Error {
				continue
			}
			var fault protocol.Fault
			if err := f.Decode(&fault); err != nil || fault.Code != protocol.FaultFenced {
				t.Fatalf("the older connection heard %+v, %v", fault, err)
			}
			return time.Since(begun)
		}
	}

	first := dial(t, a.url, token)
	one := first.hello(3)
	second := dial(t, b.url, token)
	two := second.hello(3)
	if two.Fence <= one.Fence {
		t.Errorf("fence %d after %d", two.Fence, one.Fence)
	}
	t.Logf("by the bus after %v", fenced(first))

	c.bus.Shutdown()
	c.bus.WaitForShutdown()
	third := dial(t, a.url, token)
	three := third.hello(3)
	if three.Fence <= two.Fence {
		t.Errorf("fence %d after %d", three.Fence, two.Fence)
	}
	// Even what it still sends is not taken.
	if err := second.send(log[:1]); err != nil {
		t.Fatal(err)
	}
	t.Logf("by the store, sending, after %v", fenced(second))

	fourth := dial(t, b.url, token)
	if four := fourth.hello(3); four.Fence <= three.Fence || four.Have != 0 {
		t.Errorf("welcome %+v after fence %d", four, three.Fence)
	}
	t.Logf("by the store, silent, after %v", fenced(third))
	if err := fourth.send(log); err != nil {
		t.Fatal(err)
	}
	for have := uint64(0); have < 3; {
		f, err := fourth.Receive()
		var ack protocol.Ack
		if err == nil && f.Method == protocol.MethodAck {
			err = f.Decode(&ack)
			have = ack.Have
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// oneDrains: a hub that is asked to stop sends its kiosks elsewhere.
func oneDrains(c *cluster) {
	t := c.t
	a, b := c.start("a"), c.start("b")
	lb := startBalancer(t, a.address())
	k := c.startKiosk(1, lb, nil)
	_, token := c.addKiosk(2)
	watched := dial(t, a.url, token)
	f, err := protocol.NewFrame(protocol.Call, "1", protocol.MethodHello, &protocol.Hello{Kiosk: "hall-2", Epoch: testEpoch, Clock: record.Clock{Wall: time.Now()}})
	if err == nil {
		err = watched.Send(t.Context(), f)
	}
	if err == nil {
		_, err = watched.Receive()
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := k.visit(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "delivery at the first hub", k.delivered)

	lb.set(a.address(), b.address())
	if err := a.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for {
		f, err := watched.Receive()
		if err != nil {
			t.Fatalf("the kiosk was told nothing: %v", err)
		}
		if f.Method != protocol.MethodDrain {
			continue
		}
		var drain protocol.Drain
		if err := f.Decode(&drain); err != nil || drain.AfterMs < 1 {
			t.Errorf("drain %+v, %v", drain, err)
		}
		break
	}
	watched.Abort()
	if err := k.visit(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-a.ended:
		if err != nil {
			t.Errorf("the hub ended with %v", err)
		}
	case <-time.After(patience):
		t.Fatal("the hub does not end")
	}
	eventually(t, "delivery at the second hub", func() bool { return k.delivered() && lb.at(b.address()) == 1 })
	c.exactlyOnce([]*kiosk{k}, 2)
}

// oneOfTwoFollowersSteps has two projectors follow one store as fast as they can.
func oneOfTwoFollowersSteps(c *cluster) {
	t := c.t
	id, _ := c.addKiosk(1)
	a, err := c.store.Attach(t.Context(), store.Claim{Kiosk: id, Epoch: testEpoch})
	if err != nil {
		t.Fatal(err)
	}
	other, err := store.Open(t.Context(), c.dsn, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	own, err := bus.Open("", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	const entries = 1000
	log := chain(entries)
	var stepped, lost atomic.Int64
	var followers sync.WaitGroup
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, st := range []*store.Store{c.store, other} {
		p := projector.Projector{Store: st, Bus: own, Key: c.key, Log: slog.New(slog.DiscardHandler)}
		followers.Go(func() {
			for ctx.Err() == nil && stepped.Load() < entries {
				n, err := p.Step(ctx)
				switch {
				case errors.Is(err, store.ErrFenced):
					lost.Add(1)
				case err != nil && ctx.Err() == nil:
					t.Error(err)
					return
				}
				stepped.Add(int64(n))
			}
		})
	}
	for some := log; len(some) > 0; some = some[50:] {
		out, err := c.store.Commit(t.Context(), []store.Batch{{Kiosk: id, Fence: a.Fence, Epoch: testEpoch, Entries: some[:50]}})
		if err != nil || out[0].Err != nil {
			t.Fatal(err, out)
		}
	}
	followers.Wait()
	pos, err := c.store.Position(t.Context(), "projector")
	if err != nil || stepped.Load() != entries || pos != entries {
		t.Errorf("%d entries, %d stepped over, position %d, %v", entries, stepped.Load(), pos, err)
	}
	// The entries cannot be opened, so that each must be parked, once.
	parked, err := c.store.ParkedRecords(t.Context(), 2*entries)
	if err != nil || len(parked) != entries {
		t.Errorf("%d parked, %v", len(parked), err)
	}
	t.Logf("%d steps were another's", lost.Load())
}
