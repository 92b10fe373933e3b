package intake

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/client_golang/prometheus"

	"yeban/hub/bus"
	"yeban/hub/projector"
	"yeban/hub/store"
	"yeban/sync/link"
	"yeban/sync/outbox"
	"yeban/sync/protocol"
	"yeban/sync/record"
)

const hubDSN = "YEBAN_TEST_HUB_DSN"

// TestMain lets the test binary be a hub, so that a real process can be killed.
func TestMain(m *testing.M) {
	if dsn := os.Getenv(hubDSN); dsn != "" {
		fmt.Println(serveUntilKilled(dsn))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// serveUntilKilled says where it listens in its first line.
func serveUntilKilled(dsn string) error {
	st, err := store.Open(context.Background(), dsn, nil)
	if err != nil {
		return err
	}
	b, err := bus.Open("", slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	server, err := New(Config{GroupRecords: 8, WindowRecords: 32}, st, b, slog.New(slog.DiscardHandler), prometheus.NewRegistry(), nil)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	return http.Serve(listener, server)
}

// hubProcess is a hub that can be killed; the next one listens elsewhere.
type hubProcess struct {
	t       *testing.T
	dsn     string
	cmd     *exec.Cmd
	address atomic.Value // string
}

func (h *hubProcess) start() {
	h.t.Helper()
	h.cmd = exec.Command(os.Args[0])
	h.cmd.Env = append(os.Environ(), hubDSN+"="+h.dsn)
	out, err := h.cmd.StdoutPipe()
	if err == nil {
		err = h.cmd.Start()
	}
	if err != nil {
		h.t.Fatal(err)
	}
	line := bufio.NewScanner(out)
	if !line.Scan() {
		h.t.Fatal("hub process says nothing")
	}
	if _, _, err := net.SplitHostPort(line.Text()); err != nil {
		h.t.Fatalf("hub process says %s", line.Text())
	}
	h.address.Store(line.Text())
}

func (h *hubProcess) kill() {
	if h.cmd != nil {
		_ = h.cmd.Process.Kill()
		_ = h.cmd.Wait()
	}
}

// box is a real outbox whose acknowledgements can be awaited.
type box struct {
	*outbox.Outbox
	progress chan struct{}
}

func openBox(t *testing.T, dir string, platform record.PublicKey) *box {
	t.Helper()
	o, err := outbox.Open(outbox.Config{Dir: dir, Platform: platform, Retention: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.Close() })
	return &box{o, make(chan struct{}, 1)}
}

func (b *box) Acked(epoch record.Epoch, have uint64) error {
	err := b.Outbox.Acked(epoch, have)
	select {
	case b.progress <- struct{}{}:
	default:
	}
	return err
}

// until waits for an acknowledgement after which ok holds.
func (b *box) until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(2 * patience)
	for !ok() {
		select {
		case <-b.progress:
		case <-deadline:
			_, first, last := b.Position()
			t.Fatalf("waited in vain for %s: %d to %d, acknowledged %d", what, first, last, b.Acknowledged())
		}
	}
}

func (b *box) delivered(t *testing.T) {
	t.Helper()
	b.until(t, "delivery", func() bool { _, _, last := b.Position(); return b.Acknowledged() == last })
}

// startLink talks to whatever address says at the moment of dialling.
func startLink(t *testing.T, o link.Outbox, address func() string, change ...func(*link.Config)) (l *link.Link, stop func()) {
	t.Helper()
	cfg := link.Config{
		URL: "ws://hub", Token: "token-hall-1", Kiosk: "hall-1", Software: "test", Outbox: o,
		CatalogVersion: func() string { return "1" },
		Status:         func() protocol.Status { return protocol.Status{Visit: "home"} },
		MinBackoff:     time.Millisecond, MaxBackoff: 20 * time.Millisecond,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address())
		},
	}
	for _, f := range change {
		f(&cfg)
	}
	l, err := link.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return l, stop
}

// visits makes each application a second later than the one before: a terminal gives
// out one receipt number a second.
var visits atomic.Int64

func application(t *testing.T) record.Application {
	t.Helper()
	at := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC).Add(time.Duration(visits.Add(1)) * time.Second)
	number, err := record.NewReceiptNumber(at, 1)
	if err != nil {
		t.Fatal(err)
	}
	return record.Application{
		ID: ulid.Make().String(), ReceiptNumber: number, Kiosk: "hall-1", Item: "card", ItemName: "社会保障卡补领",
		Applicant: record.Person{Name: "张测试", IDNumber: "34010419000101001X"}, Clock: record.Clock{Wall: at},
	}
}

func platformKey(t *testing.T) *record.PrivateKey {
	t.Helper()
	key, err := record.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// exactlyOnce projects what is committed and compares it with what was promised.
func exactlyOnce(t *testing.T, st *store.Store, key *record.PrivateKey, promised []string) {
	t.Helper()
	b, err := bus.Open("", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	p := projector.Projector{Store: st, Bus: b, Key: key, Log: slog.New(slog.DiscardHandler)}
	for n := 1; n > 0; {
		if n, err = p.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	shown, err := st.Applications(t.Context(), store.Filter{Limit: 10 * len(promised)})
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]int{}
	for _, a := range shown {
		there[a.ID]++
	}
	for _, id := range promised {
		if there[id] != 1 {
			t.Errorf("%s is there %d times", id, there[id])
		}
	}
	if len(shown) != len(promised) {
		t.Errorf("%d applications at the hub, %d handed in", len(shown), len(promised))
	}
	if parked, err := st.ParkedRecords(t.Context(), 10); err != nil || len(parked) > 0 {
		t.Errorf("parked %+v, %v", parked, err)
	}
}

// TestEveryApplicationArrivesOnce has citizens hand in applications while the hub is
// killed again and again, and while the terminal's file is spoiled and set aside.
func TestEveryApplicationArrivesOnce(t *testing.T) {
	dir := t.TempDir()
	key := platformKey(t)
	dsn := "sqlite:" + filepath.Join(dir, "hub.db")
	st, err := store.Open(t.Context(), dsn, nil)
	if err == nil {
		err = st.AddKiosk(t.Context(), store.Kiosk{ID: "hall-1", Number: 1, Name: "南门"}, "token-hall-1", false)
	}
	if err == nil {
		err = st.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	h := &hubProcess{t: t, dsn: dsn}
	t.Cleanup(h.kill)
	h.start()

	terminal := t.TempDir()
	o := openBox(t, terminal, key.Public())
	address := func() string { return h.address.Load().(string) }
	_, stop := startLink(t, o, address)

	var promised []string
	visit := func(o *box, n int) {
		for range n {
			a := application(t)
			if _, err := o.Append(t.Context(), a); err != nil {
				t.Fatal(err)
			}
			promised = append(promised, a.ID)
		}
	}
	killings := func(o *box, times int) {
		for range times {
			before := o.Acknowledged()
			visit(o, 25)
			o.until(t, "progress", func() bool { return o.Acknowledged() > before })
			time.Sleep(time.Duration(rand.IntN(4000)) * time.Microsecond) // anywhere inside a commit
			h.kill()
			visit(o, 5)
			h.start()
		}
	}
	killings(o, 4)

	// The terminal stops with records unsent, and finds its file spoiled.
	stop()
	visit(o, 10)
	_, _, held := o.Position()
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	spoilMeta(t, filepath.Join(terminal, "outbox.db"))
	o = openBox(t, terminal, key.Public())
	if aside := o.SetAside(); aside == nil || aside.Recovered != int(held) {
		t.Fatalf("set aside %v, want %d carried over", aside, held)
	}
	_, stop = startLink(t, o, address)
	killings(o, 3)
	o.delivered(t)
	stop()
	h.kill()

	st, err = store.Open(t.Context(), dsn, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	exactlyOnce(t, st, key, promised)
	if conflicts, err := st.Conflicts(t.Context(), 10); err != nil || len(conflicts) > 0 {
		t.Errorf("conflicts %+v, %v", conflicts, err)
	}
	logs, err := st.Logs(t.Context(), "hall-1")
	if err != nil || len(logs) != 2 {
		t.Errorf("logs %+v, %v", logs, err)
	}
}

// spoilMeta overwrites both places where bbolt keeps its root.
func spoilMeta(t *testing.T, file string) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for page := range int64(2) {
		if _, err := f.WriteAt(make([]byte, 64), page*int64(os.Getpagesize())); err != nil {
			t.Fatal(err)
		}
	}
}

// emptied is an outbox whose present log has given up everything that it held, the
// newest entry included.
type emptied struct {
	*box
	log  record.Epoch
	upTo uint64
}

func empty(b *box) *emptied {
	epoch, _, last := b.Position()
	return &emptied{b, epoch, last}
}

func (e *emptied) Position() (epoch record.Epoch, first, last uint64) {
	epoch, first, last = e.box.Position()
	switch {
	case epoch != e.log:
	case last <= e.upTo:
		first = 0
	case first <= e.upTo:
		first = e.upTo + 1
	}
	return epoch, first, last
}

func (e *emptied) Hash(seq uint64) (record.Hash, error) {
	if epoch, _, _ := e.box.Position(); epoch == e.log && seq > 0 && seq < e.upTo {
		return record.Hash{}, outbox.ErrNoEntry
	}
	return e.box.Hash(seq)
}

func TestAPrunedLogGoesOn(t *testing.T) {
	for name, prune := range map[string]func(*testing.T, *box) link.Outbox{
		"to its newest entry": func(t *testing.T, b *box) link.Outbox {
			if err := b.Prune(time.Now().Add(2 * time.Hour)); err != nil {
				t.Fatal(err)
			}
			return b
		},
		"altogether": func(_ *testing.T, b *box) link.Outbox { return empty(b) },
	} {
		t.Run(name, func(t *testing.T) {
			h := startHub(t, Config{}, nil)
			key := platformKey(t)
			o := openBox(t, t.TempDir(), key.Public())
			address := h.http.Listener.Addr().String
			var promised []string
			visit := func(n int) {
				for range n {
					a := application(t)
					if _, err := o.Append(t.Context(), a); err != nil {
						t.Fatal(err)
					}
					promised = append(promised, a.ID)
				}
			}
			_, stop := startLink(t, o, address)
			visit(5)
			o.delivered(t)
			stop()

			pruned := prune(t, o)
			l, _ := startLink(t, pruned, address)
			visit(3)
			o.delivered(t)
			if s := l.State(); s.Conflicts != 0 {
				t.Errorf("%d conflicts, last %v", s.Conflicts, s.LastConflict)
			}
			exactlyOnce(t, h.store, key, promised)
		})
	}
}

// TestAPrunedLogMeetsARestoredHub: the hub has lost what nobody holds any more. It says
// so, and the terminal goes on.
func TestAPrunedLogMeetsARestoredHub(t *testing.T) {
	h := startHub(t, Config{}, nil)
	key := platformKey(t)
	o := openBox(t, t.TempDir(), key.Public())
	for range 5 {
		if _, err := o.Append(t.Context(), application(t)); err != nil {
			t.Fatal(err)
		}
	}
	epoch, _, last := o.Position()
	if err := o.Acked(epoch, last); err != nil {
		t.Fatal(err)
	}
	startLink(t, empty(o), h.http.Listener.Addr().String)
	o.until(t, "a new epoch", func() bool {
		now, _, last := o.Position()
		return now != epoch && o.Acknowledged() == last
	})
	a := application(t)
	if _, err := o.Append(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	o.delivered(t)
	kept, err := h.store.Conflicts(t.Context(), 10)
	if err != nil || len(kept) != 1 || kept[0].Kind != store.ConflictHole || kept[0].Epoch != epoch.String() {
		t.Errorf("conflicts %+v, %v", kept, err)
	}
}
