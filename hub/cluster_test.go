package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/oklog/ulid/v2"

	"yeban/hub/store"
	"yeban/sync/link"
	"yeban/sync/outbox"
	"yeban/sync/protocol"
	"yeban/sync/record"
)

// cluster is what several hubs share: one PostgreSQL, one NATS, one platform key.
type cluster struct {
	t     *testing.T
	dir   string
	dsn   string
	bus   *server.Server
	at    string // address of the bus, whether it is there or not
	key   *record.PrivateKey
	store *store.Store // the test's own look at the database
}

const busSecret = "swordfish"

func newCluster(t *testing.T, dsn string) *cluster {
	t.Helper()
	c := &cluster{t: t, dir: t.TempDir(), dsn: dsn}
	var err error
	if c.bus, err = server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT,
		Username: "hub", Password: busSecret, NoLog: true, NoSigs: true}); err != nil {
		t.Fatal(err)
	}
	c.bus.Start()
	t.Cleanup(c.bus.Shutdown)
	if !c.bus.ReadyForConnections(patience) {
		t.Fatal("the bus does not start")
	}
	c.at = fmt.Sprintf("nats://hub:%s@%s", busSecret, c.bus.Addr())
	mustHub(t, "--data", c.dir, "init")
	text, err := os.ReadFile(filepath.Join(c.dir, "platform.key"))
	if err == nil {
		c.key, err = record.ParsePrivateKey(text)
	}
	if err == nil {
		c.store, err = store.Open(t.Context(), c.dsn, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.store.Close() })
	return c
}

func (c *cluster) addKiosk(number int) (id, token string) {
	c.t.Helper()
	id = fmt.Sprint("hall-", number)
	token = "token-" + id
	if err := c.store.AddKiosk(c.t.Context(), store.Kiosk{ID: id, Number: number, Name: "南门"}, token, false); err != nil {
		c.t.Fatal(err)
	}
	return id, token
}

// member is one hub of a cluster, a process of its own.
type member struct {
	*process
	log   string // file
	ended chan error
}

// config writes the configuration of a member.
func (c *cluster) config(name string) string {
	c.t.Helper()
	dir := filepath.Join(c.dir, name)
	text := fmt.Sprintf("listen: 127.0.0.1:0\ndata: %s\nstore: %q\nbus: %q\nplatform_key: %s\nlimits: {ping: 1s, dead: 4s, settle: 0s}\n",
		dir, c.dsn, c.at, filepath.Join(c.dir, "platform.key"))
	config := filepath.Join(dir, "hub.yaml")
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(config, []byte(text), 0o600)); err != nil {
		c.t.Fatal(err)
	}
	return config
}

func (c *cluster) start(name string) *member {
	c.t.Helper()
	config := c.config(name)
	ready, log := filepath.Join(filepath.Dir(config), "ready"), filepath.Join(filepath.Dir(config), "log")
	if err := os.RemoveAll(ready); err != nil {
		c.t.Fatal(err)
	}
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		c.t.Fatal(err)
	}
	defer out.Close()
	cmd := exec.Command(os.Args[0], "serve", "--config", config, "--ready-file", ready)
	cmd.Env = append(os.Environ(), "YEBAN_TEST_BE_HUB=1")
	cmd.Stderr, cmd.SysProcAttr = out, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	m := &member{&process{cmd: cmd}, log, make(chan error, 1)}
	go func() { m.ended <- cmd.Wait() }()
	c.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		if text, err := os.ReadFile(log); c.t.Failed() || err != nil {
			c.t.Logf("hub %s (%v):\n%s", name, err, text)
		} else if bytes.Contains(text, []byte(busSecret)) {
			c.t.Errorf("hub %s has logged the password of the bus", name)
		}
	})
	m.url = awaitReady(c.t, ready, nil)
	return m
}

func (m *member) address() string {
	u, _ := url.Parse(m.url)
	return u.Host
}

// kill is kill -9.
func (m *member) kill(t *testing.T) {
	t.Helper()
	if err := m.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-m.ended
}

// balancer gives each new connection to the next backend that takes it.
type balancer struct {
	listener net.Listener
	running  sync.WaitGroup

	mu       sync.Mutex
	backends []string
	next     int
	open     map[net.Conn]string // to a backend
}

func startBalancer(t *testing.T, backends ...string) *balancer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &balancer{listener: l, backends: backends, open: map[net.Conn]string{}}
	b.running.Go(func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			b.running.Go(func() { b.carry(from) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		b.mu.Lock()
		for to := range b.open {
			to.Close()
		}
		b.mu.Unlock()
		b.running.Wait()
	})
	return b
}

func (b *balancer) set(backends ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.backends = backends
}

// at says how many connections a backend has.
func (b *balancer) at(backend string) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, one := range b.open {
		if one == backend {
			n++
		}
	}
	return n
}

func (b *balancer) dial() net.Conn {
	b.mu.Lock()
	defer b.mu.Unlock()
	for range b.backends {
		b.next++
		backend := b.backends[b.next%len(b.backends)]
		if to, err := net.DialTimeout("tcp", backend, time.Second); err == nil {
			b.open[to] = backend
			return to
		}
	}
	return nil
}

func (b *balancer) carry(from net.Conn) {
	defer from.Close()
	to := b.dial()
	if to == nil {
		return
	}
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{from, to}, {to, from}} {
		both.Go(func() {
			_, _ = io.Copy(way[0], way[1])
			way[0].Close()
			way[1].Close()
		})
	}
	both.Wait()
	b.mu.Lock()
	delete(b.open, to)
	b.mu.Unlock()
}

// kiosk is the real outbox and the real link of a terminal.
type kiosk struct {
	id       string
	number   int
	box      *outbox.Outbox
	link     *link.Link
	appended []string
}

// startKiosk talks to what is behind the balancer, and takes orders where it is given a
// notebook for them.
func (c *cluster) startKiosk(number int, b *balancer, orders link.Commands) *kiosk {
	c.t.Helper()
	id, token := c.addKiosk(number)
	box, err := outbox.Open(outbox.Config{Dir: c.t.TempDir(), Platform: c.key.Public()})
	if err != nil {
		c.t.Fatal(err)
	}
	l, err := link.New(link.Config{
		URL: "ws://" + b.listener.Addr().String(), Token: token, Kiosk: id, Software: "test", Outbox: box, Commands: orders,
		CatalogVersion: func() string { return "" },
		Status:         func() protocol.Status { return protocol.Status{Visit: "home"} },
		MinBackoff:     10 * time.Millisecond, MaxBackoff: 200 * time.Millisecond,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	c.t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-done, box.Close()); err != nil {
			c.t.Error(err)
		}
	})
	return &kiosk{id: id, number: number, box: box, link: l}
}

func (k *kiosk) visit() error {
	at := time.Date(2026, 11, 22, 3, 0, len(k.appended), 0, time.UTC)
	number, err := record.NewReceiptNumber(at, k.number)
	if err != nil {
		return err
	}
	a := record.Application{
		ID: ulid.Make().String(), ReceiptNumber: number, Kiosk: k.id, Item: "card", ItemName: "社会保障卡补领",
		Applicant: record.Person{Name: "张测试", IDNumber: "34010419000101001X"}, Clock: record.Clock{Wall: at},
	}
	if _, err := k.box.Append(context.Background(), a); err != nil {
		return err
	}
	k.appended = append(k.appended, a.ID)
	return nil
}

func (k *kiosk) delivered() bool {
	_, _, last := k.box.Position()
	return k.box.Acknowledged() == last
}

// eventually looks again and again: what it waits for happens in other processes.
func eventually(t *testing.T, what string, ok func() bool) (took time.Duration) {
	t.Helper()
	begun := time.Now()
	for !ok() {
		if time.Since(begun) > patience {
			t.Fatalf("waited in vain for: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
	return time.Since(begun)
}
