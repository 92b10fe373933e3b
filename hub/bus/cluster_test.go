package bus

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

const waitFor = 60 * time.Second

// node is one NATS server of a cluster. Started again it listens where it did.
type node struct {
	t       *testing.T
	options server.Options
	server  *server.Server // nil while it is down
}

func (n *node) start() {
	n.t.Helper()
	o := n.options // the server changes its own
	s, err := server.NewServer(&o)
	if err != nil {
		n.t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(waitFor) {
		n.t.Fatal("a node does not start")
	}
	n.server = s
	n.options.Port = s.Addr().(*net.TCPAddr).Port
	if a := s.ClusterAddr(); a != nil {
		n.options.Cluster.Port = a.Port
	}
}

func (n *node) stop() {
	if n.server != nil {
		n.server.Shutdown()
		n.server.WaitForShutdown()
		n.server = nil
	}
}

func (n *node) url() string { return fmt.Sprintf("nats://hub:%s@127.0.0.1:%d", secret, n.options.Port) }

const secret = "swordfish"

// startCluster starts nodes that know the first one and find each other through it.
func startCluster(t *testing.T, size int) []*node {
	t.Helper()
	var nodes []*node
	for i := range size {
		n := &node{t: t, options: server.Options{
			ServerName: fmt.Sprint("node", i), Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true,
			Username: "hub", Password: secret,
			Cluster: server.ClusterOpts{Name: "yeban", Host: "127.0.0.1", Port: server.RANDOM_PORT},
		}}
		if i > 0 {
			n.options.Routes = server.RoutesFromStr(fmt.Sprintf("nats://127.0.0.1:%d", nodes[0].options.Cluster.Port))
		}
		n.start()
		t.Cleanup(n.stop)
		nodes = append(nodes, n)
	}
	return nodes
}

// diary is a log that can be read.
type diary struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (d *diary) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.text.Write(p)
}

func (d *diary) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.text.String()
}

func (d *diary) logger() *slog.Logger { return slog.New(slog.NewTextHandler(d, nil)) }

func openAt(t *testing.T, log *slog.Logger, nodes ...*node) *Bus {
	t.Helper()
	var urls []string
	for _, n := range nodes {
		urls = append(urls, n.url())
	}
	b, err := Open(strings.Join(urls, ","), log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// crosses hints at one bus until another hears it: a hint may be lost, and in a cluster
// that is just coming together some are. No hint may take long to give.
func crosses(t *testing.T, from, to *Bus, subject string) {
	t.Helper()
	hints, stop, err := to.Watch(subject)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	deadline := time.After(waitFor)
	for {
		begun := time.Now()
		from.Hint(subject)
		if took := time.Since(begun); took > waitFor/4 {
			t.Fatalf("a hint took %v", took)
		}
		select {
		case <-hints:
			return
		case <-again.C:
		case <-deadline:
			t.Fatalf("%s does not cross", subject)
		}
	}
}

func TestHintsCrossACluster(t *testing.T) {
	nodes := startCluster(t, 3)
	var log diary
	// Each begins at a node of its own and learns of the others from it.
	a, b := openAt(t, log.logger(), nodes[0]), openAt(t, log.logger(), nodes[1])
	if x, y := a.conn.ConnectedServerName(), b.conn.ConnectedServerName(); x == y {
		t.Fatalf("both are at %s", x)
	}
	crosses(t, a, b, Committed)
	crosses(t, b, a, Taken("hall-1", 7))

	t.Run("a node dies and its clients move on", func(t *testing.T) {
		dead := a.conn.ConnectedServerName()
		nodes[0].stop()
		crosses(t, a, b, Committed)
		crosses(t, b, a, Status("hall-1"))
		if now := a.conn.ConnectedServerName(); now == dead {
			t.Errorf("still at %s", now)
		}
	})

	t.Run("all nodes die and hints are dropped at once", func(t *testing.T) {
		for _, n := range nodes {
			n.stop()
		}
		heard, stop, err := a.Watch(Projected) // a new reader does not wait either
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		begun := time.Now()
		for range 20000 {
			b.Hint(Committed)
		}
		if took := time.Since(begun); took > waitFor/4 {
			t.Errorf("20,000 hints to nobody took %v", took)
		}
		select {
		case s := <-heard:
			t.Errorf("heard %s with all nodes down", s)
		default: // the reader polls
		}

		for _, n := range nodes {
			n.start()
		}
		crosses(t, a, b, Committed)
		crosses(t, b, a, Committed)
		// What was subscribed while the bus was away is heard now.
		crossesInto(t, b, heard, Projected)
	})
	if text := log.String(); strings.Contains(text, secret) || !strings.Contains(text, "bus is away; readers poll") ||
		!strings.Contains(text, "bus is back") {
		t.Errorf("the log says\n%s", text)
	}
}

// crossesInto is crosses for a subscription that is there already.
func crossesInto(t *testing.T, from *Bus, heard <-chan string, subject string) {
	t.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	deadline := time.After(waitFor)
	for {
		from.Hint(subject)
		select {
		case <-heard:
			return
		case <-again.C:
		case <-deadline:
			t.Fatalf("%s is not heard any more", subject)
		}
	}
}

// pipe carries bytes to a node until it is frozen; then both sides meet silence.
type pipe struct {
	listener net.Listener
	frozen   chan struct{}
	running  sync.WaitGroup
}

func startPipe(t *testing.T, to string) *pipe {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &pipe{listener: l, frozen: make(chan struct{})}
	end := make(chan struct{})
	p.running.Go(func() {
		for {
			a, err := l.Accept()
			if err != nil {
				return
			}
			b, err := net.Dial("tcp", to)
			if err != nil {
				a.Close()
				continue
			}
			for _, way := range [][2]net.Conn{{a, b}, {b, a}} {
				p.running.Go(func() { p.carry(way[0], way[1]) })
			}
			p.running.Go(func() {
				<-end
				a.Close()
				b.Close()
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		close(end)
		p.running.Wait()
	})
	return p
}

func (p *pipe) carry(from, to net.Conn) {
	some := make([]byte, 4096)
	for {
		n, err := from.Read(some)
		select {
		case <-p.frozen:
			return
		default:
		}
		if err != nil {
			to.Close()
			return
		}
		if _, err := to.Write(some[:n]); err != nil {
			return
		}
	}
}

func TestANodeThatFallsSilentIsGivenUp(t *testing.T) {
	nodes := startCluster(t, 2)
	silent := startPipe(t, fmt.Sprintf("127.0.0.1:%d", nodes[0].options.Port))
	a, err := openExternal(fmt.Sprintf("nats://hub:%s@%s", secret, silent.listener.Addr()), slog.New(slog.DiscardHandler),
		patience{ping: 200 * time.Millisecond, write: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	b := openAt(t, slog.New(slog.DiscardHandler), nodes[1])
	crosses(t, a, b, Committed)
	if a.conn.ConnectedAddr() != silent.listener.Addr().String() {
		t.Fatal("the client is somewhere else")
	}

	close(silent.frozen)
	begun := time.Now()
	for range 50000 { // more than the buffers on the way hold
		a.Hint(Committed)
	}
	if took := time.Since(begun); took > waitFor/4 {
		t.Errorf("hints to a silent node took %v", took)
	}
	crosses(t, a, b, Committed)
	if a.conn.ConnectedAddr() == silent.listener.Addr().String() {
		t.Error("hints cross a node that is silent")
	}
}

func TestABusThatIsNotThereYet(t *testing.T) {
	nodes := startCluster(t, 1)
	nodes[0].stop() // its port is known now, and nobody is there
	var log diary
	b := openAt(t, log.logger(), nodes[0])
	if !strings.Contains(log.String(), "bus is away; readers poll") {
		t.Errorf("the log says %q", log.String())
	}
	heard, stop, err := b.Watch(Committed)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	b.Hint(Committed)
	nodes[0].start()
	crossesInto(t, b, heard, Committed)
	if !strings.Contains(log.String(), "bus is here") {
		t.Errorf("the log says %q", log.String())
	}
}

func TestWrongCredentialsAreTriedAgainAndNotShown(t *testing.T) {
	nodes := startCluster(t, 1)
	nodes[0].stop()
	nodes[0].options.Password = "another"
	nodes[0].start()
	var log diary
	b := openAt(t, log.logger(), nodes[0]) // with the old one
	heard, stop, err := b.Watch(Committed)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	// More than one refusal: the second is what would end the connection for good.
	for deadline := time.Now().Add(waitFor); ; time.Sleep(10 * time.Millisecond) {
		now, err := nodes[0].server.Varz(nil)
		if err != nil {
			t.Fatal(err)
		}
		if now.TotalConnections >= 3 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the refused client came %d times", now.TotalConnections)
		}
	}
	nodes[0].stop()
	nodes[0].options.Password = secret
	nodes[0].start()
	crossesInto(t, b, heard, Committed)
	if strings.Contains(log.String(), secret) {
		t.Errorf("the log says %s", log.String())
	}
}

func TestAddressesAreShownWithoutSecrets(t *testing.T) {
	for address, want := range map[string]string{
		"nats://hub:swordfish@a:4222,nats://swordfish@b:4222": "a:4222,b:4222",
		"swordfish@c":                      "c",
		"tls://d, e:1":                     "d,e:1",
		"nats://hub:sword%fish@f":          "(unreadable)",
		"nats://hub:swordfish@[::1":        "(unreadable)",
		"nats://hub:swordfish@127.0.0.1:x": "(unreadable)",
	} {
		if got := hosts(address); got != want {
			t.Errorf("%s is shown as %s", address, got)
		}
	}
	for _, broken := range []string{"nats://hub:swordfish@127.0.0.1:x", "nats://hub:sword%fish@f"} {
		var log diary
		b, err := Open(broken, log.logger())
		if err == nil {
			b.Close()
			t.Errorf("%s was opened", broken)
		} else if strings.Contains(err.Error()+log.String(), "sword") {
			t.Errorf("%v; %s", err, log.String())
		}
	}
}
