package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"yeban/sync/link"
	"yeban/sync/outbox"
	"yeban/sync/protocol"
	"yeban/sync/record"
)

// terminals is the child's side of a kioskOrder.
type terminals struct {
	order    kioskOrder
	platform record.PublicKey
	oracle   *oracle
	shift    atomic.Int64 // of the wall clock, in ns
	quiet    atomic.Bool

	mu   sync.Mutex // over standard output and what is counted there
	ups  int
	down int
}

func playKiosk(text []byte) error {
	t := &terminals{}
	if err := json.Unmarshal(text, &t.order); err != nil {
		return err
	}
	if err := t.prepare(); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	boxes := make([]*outbox.Outbox, len(t.order.Kiosks))
	var opening errgroup.Group
	opening.SetLimit(16)
	for i := range boxes {
		opening.Go(func() (err error) { boxes[i], err = t.open(t.order.Kiosks[i]); return err })
	}
	if err := opening.Wait(); err != nil {
		return err
	}
	t.say("ready")
	var running errgroup.Group
	for i, box := range boxes {
		running.Go(func() error { t.append(ctx, i, box); return nil })
		if !t.order.Offline {
			running.Go(func() error { return t.connect(ctx, i, box) })
		}
	}
	t.listen(ctx, boxes)
	cancel()
	err := running.Wait()
	for _, box := range boxes {
		err = errors.Join(err, box.Close())
	}
	return err
}

func (t *terminals) prepare() (err error) {
	if t.platform, err = record.ParsePublicKey([]byte(t.order.Platform)); err != nil {
		return err
	}
	if t.order.StrangeKey {
		other, err := record.GenerateKey(nil)
		if err != nil {
			return err
		}
		t.platform = other.Public()
	}
	t.shift.Store(int64(t.order.Shift))
	t.oracle, err = openOracle(t.order.Oracle)
	return err
}

func (t *terminals) say(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Printf(format+"\n", args...)
}

func (t *terminals) now() time.Time { return time.Now().Add(time.Duration(t.shift.Load())) }

func (t *terminals) open(who identity) (*outbox.Outbox, error) {
	if err := os.MkdirAll(who.Dir, 0o700); err != nil {
		return nil, err
	}
	box, err := outbox.Open(outbox.Config{
		Dir: who.Dir, Platform: t.platform, MinFreeBytes: t.order.MinFree, BackupEvery: t.order.Backup, Now: t.now,
	})
	if err != nil {
		return nil, err
	}
	if aside := box.SetAside(); aside != nil {
		t.say("aside %d", aside.Recovered)
		fmt.Fprintln(os.Stderr, aside)
	}
	return box, nil
}

// append is the citizens: it asks whether one may begin, hands in, and notes the promise.
func (t *terminals) append(ctx context.Context, i int, box *outbox.Outbox) {
	who := t.order.Kiosks[i]
	r := rand.New(rand.NewPCG(t.order.Seed, uint64(t.order.Life)<<20|uint64(who.Number)))
	for n := 0; ctx.Err() == nil; {
		if t.order.Pause > 0 {
			wait(ctx, time.Duration(r.Float64()*2*float64(t.order.Pause)))
		}
		if t.quiet.Load() {
			wait(ctx, 5*time.Millisecond)
			continue
		}
		if err := box.Ready(); err != nil {
			t.say("refused %v", err)
			wait(ctx, 20*time.Millisecond)
			continue
		}
		t.say("accepted")
		visit := citizen{who: who, random: r, life: t.order.Life, n: n, at: t.now(), catalog: t.order.Catalog, largest: t.order.Largest}
		n++
		for _, one := range visit.records() {
			if _, err := box.Append(ctx, one); err != nil {
				if ctx.Err() == nil {
					t.say("late %v", err)
					wait(ctx, 20*time.Millisecond)
				}
				break
			}
			count, err := t.oracle.note(who.ID, one, t.order.StrangeKey)
			if err != nil {
				t.say("unable %v", err)
				return
			}
			t.say("n %d", count)
		}
	}
}

func (t *terminals) connect(ctx context.Context, i int, box *outbox.Outbox) error {
	who := t.order.Kiosks[i]
	l, err := link.New(link.Config{
		URL: t.order.URL, Token: who.Token, Kiosk: who.ID, Software: "faults",
		CatalogVersion: func() string { return t.order.Catalog },
		Outbox:         &watched{Outbox: box, say: t.say},
		Status: func() protocol.Status {
			return protocol.Status{At: t.now(), Visit: "home", Devices: []protocol.DeviceStatus{}, CatalogVersion: t.order.Catalog}
		},
		Clock:      func() record.Clock { return record.Clock{Wall: t.now(), BootID: "faults"} },
		MinBackoff: 50 * time.Millisecond, MaxBackoff: time.Second, HelloTimeout: 5 * time.Second,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)).With("kiosk", who.ID),
	})
	if err != nil {
		return err
	}
	states, stop := l.Subscribe()
	defer stop()
	ended := make(chan struct{})
	go func() { defer close(ended); t.follow(states, ctx.Done()) }()
	err = l.Run(ctx)
	<-ended
	return err
}

// follow tells of conversations that begin and end.
func (t *terminals) follow(states <-chan link.State, done <-chan struct{}) {
	up := false
	for {
		select {
		case <-done:
			return
		case st := <-states:
			if st.Connected == up {
				continue
			}
			up = st.Connected
			t.mu.Lock()
			if up {
				t.ups++
				fmt.Printf("up %d\n", t.ups)
			} else {
				t.down++
				fmt.Printf("down %d\n", t.down)
			}
			t.mu.Unlock()
		}
	}
}

// listen obeys until standard input ends, which it does when the rig is gone, or ctx does.
func (t *terminals) listen(ctx context.Context, boxes []*outbox.Outbox) {
	lines := make(chan string)
	go func() {
		defer close(lines)
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			lines <- in.Text()
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return
		case line, more := <-lines:
			if !more {
				return
			}
			switch word, rest, _ := strings.Cut(line, " "); word {
			case "quiet":
				t.quiet.Store(true)
				for _, box := range boxes {
					_ = box.Ready() // waits for a running Append
				}
				wait(ctx, 50*time.Millisecond)
				t.say("quiet")
			case "go":
				t.quiet.Store(false)
			case "shift":
				d, _ := time.ParseDuration(rest)
				t.shift.Store(int64(d))
				t.say("shifted %s", rest)
			case "copy":
				go t.copied(ctx, time.Now(), boxes)
			case "mark":
				go t.mark(ctx, rest, boxes)
			}
		}
	}
}

// mark waits until all that is in the logs now is acknowledged.
func (t *terminals) mark(ctx context.Context, name string, boxes []*outbox.Outbox) {
	for _, box := range boxes {
		epoch, _, goal := box.Position()
		for box.Acknowledged() < goal {
			if !wait(ctx, 2*time.Millisecond) {
				return
			}
			if now, _, last := box.Position(); now != epoch {
				epoch, goal = now, last // carried over: all of the new log
			}
		}
	}
	t.say("caught %s", name)
}

// copied waits until a copy was twice found up to date after a moment: the first may have
// been begun before it.
func (t *terminals) copied(ctx context.Context, moment time.Time, boxes []*outbox.Outbox) {
	for _, box := range boxes {
		after := moment
		for range 2 {
			for !box.Backup().At.After(after) {
				if !wait(ctx, 2*time.Millisecond) {
					return
				}
			}
			after = box.Backup().At
		}
	}
	t.say("copied")
}

// watched is an outbox that tells when the hub takes back what it has acknowledged.
type watched struct {
	*outbox.Outbox
	say func(string, ...any)
}

func (w *watched) Acked(epoch record.Epoch, have uint64) error {
	if now, _, _ := w.Position(); now == epoch {
		if before := w.Acknowledged(); have < before {
			w.say("rewound %d %d", before, have)
		}
	}
	return w.Outbox.Acked(epoch, have)
}

func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
