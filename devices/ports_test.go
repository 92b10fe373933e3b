package devices

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"yeban/devices/serialport"
)

// shelf is a set of sockets with devices in them, each known by its identity.
type shelf struct {
	dir string

	mu     sync.Mutex
	in     map[string]string // socket → identity
	users  map[string]int
	clash  string // socket that was opened twice at a time
	opened map[string]int
}

func newShelf(t *testing.T, sockets ...string) *shelf {
	s := &shelf{dir: t.TempDir(), in: map[string]string{}, users: map[string]int{}, opened: map[string]int{}}
	for _, name := range sockets {
		if err := os.WriteFile(filepath.Join(s.dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// put puts a device into a socket, and whatever had that place nowhere.
func (s *shelf) put(socket, identity string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for at, id := range s.in {
		if id == identity {
			delete(s.in, at)
		}
	}
	s.in[socket] = identity
}

// shelved is a driver of whatever is in a socket.
type shelved struct {
	*shelf
	socket string
	once   sync.Once
}

func (s *shelf) dial(_ context.Context, c serialport.Config) (*shelved, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	socket := filepath.Base(c.Path)
	if s.users[socket]++; s.users[socket] > 1 {
		s.clash = socket
	}
	s.opened[socket]++
	return &shelved{shelf: s, socket: socket}, nil
}

func (d *shelved) Identity(ctx context.Context) (string, error) {
	time.Sleep(50 * time.Millisecond)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.in[d.socket] == "" {
		return "", errSilent
	}
	return d.in[d.socket], nil
}

func (d *shelved) Poll(ctx context.Context) (Status, error) {
	id, err := d.Identity(ctx)
	if err != nil {
		return Status{State: PowerOff, Reason: ReasonSilent}, nil
	}
	if id == "another" {
		return Status{}, ErrForeign
	}
	return Status{State: Online}, nil
}

func (d *shelved) Close() error {
	d.once.Do(func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.users[d.socket]--
	})
	return nil
}

// seek runs a worker for a device with a socket of the same name.
func (s *shelf) seek(t *testing.T, ports *Ports, kind Kind, name string) *Worker[*shelved] {
	t.Helper()
	w := NewWorkerAt(Config{Name: name, Kind: kind}, Place{
		Port: serialport.Config{Path: filepath.Join(s.dir, name)}, Identity: name,
		Candidates: []string{filepath.Join(s.dir, "[a-z]")},
	}, ports, s.dial)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	return w
}

func TestPortHasOneOwnerWhateverIsSwapped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		names := []string{"a", "b", "c", "d"}
		s := newShelf(t, "a", "b", "c", "d", "e", "NOT")
		seed := rand.Uint64()
		shuffle := rand.New(rand.NewPCG(seed, 0))
		var ports Ports
		workers := map[string]*Worker[*shelved]{}
		for _, name := range names {
			s.put(name, name)
			workers[name] = s.seek(t, &ports, Printer, name)
		}
		for round := range 30 {
			time.Sleep(6 * time.Second)
			for _, name := range names {
				at := filepath.Base(workers[name].Port())
				s.mu.Lock()
				identity, clash := s.in[at], s.clash
				s.mu.Unlock()
				if clash != "" {
					t.Fatalf("seed %d: two workers on port %s", seed, clash)
				}
				if identity != name || workers[name].Status().State != Online {
					t.Fatalf("seed %d, round %d: %s works on %q where %q is: %s", seed, round, name, at, identity, workers[name].Status().State)
				}
			}
			s.mu.Lock()
			s.in = map[string]string{}
			s.mu.Unlock()
			sockets := []string{"a", "b", "c", "d", "e"}
			shuffle.Shuffle(len(sockets), func(i, j int) { sockets[i], sockets[j] = sockets[j], sockets[i] })
			for i, name := range names {
				s.put(sockets[i], name)
			}
			for _, w := range workers { // as unplugging does: the port is lost under them
				go w.Use(t.Context(), func(context.Context, *shelved) error { return serialport.ErrGone })
			}
		}
		if s.opened["NOT"] != 0 {
			t.Error("opened a port that is no candidate")
		}
	})
}

func TestPrintersPortIsLeftToPrintersUntilItsPrinterIsElsewhere(t *testing.T) {
	s := newShelf(t, "p", "x")
	node := func(socket string) string { return filepath.Join(s.dir, socket) }
	lives := func(kind Kind, socket string) *tenant {
		return &tenant{kind: kind, place: Place{Port: serialport.Config{Path: node(socket)}}}
	}
	var ports Ports
	printer, label, reader := lives(Printer, "p"), lives(Printer, "q"), lives(IDCard, "r")
	for _, t := range []*tenant{printer, label, reader} {
		ports.join(t)
	}
	check := func(who *tenant, socket string, want bool) {
		t.Helper()
		if got := ports.reserved(node(socket), who); got != want {
			t.Errorf("%s: port %s reserved %v", who.kind, socket, got)
		}
	}
	check(reader, "p", true)
	check(reader, "x", false)
	check(label, "p", false) // a printer's question harms no printer
	ports.settle(node("p"), printer)
	check(reader, "p", true)
	ports.release(node("p"), printer)
	ports.settle(node("x"), printer)
	check(reader, "p", false)
	ports.release(node("x"), printer)
	check(reader, "p", true)
}

func TestDeviceThatTellsItsIdentityLateIsStillCompared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(t, "a")
		var ports Ports
		w := NewWorkerAt(Config{Name: "a"}, Place{Port: serialport.Config{Path: filepath.Join(s.dir, "a")}, Identity: "a"}, &ports, s.dial)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- w.Run(ctx) }()
		defer func() { cancel(); <-ended }()
		time.Sleep(3 * time.Second)
		is(t, w.Status(), PowerOff, ReasonSilent)
		s.put("a", "b")
		time.Sleep(3 * time.Second)
		is(t, w.Status(), Offline, ReasonForeign)
		s.put("a", "a")
		time.Sleep(3 * time.Second)
		is(t, w.Status(), Online, ReasonNone)
	})
}

func TestWorkerTellsWhatItsDeviceCan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &capable{script: newScript(well)}
		w := NewWorker(Config{}, func(context.Context) (*capable, error) { return d, nil })
		if got := w.Capabilities().Of(CanTellPaperEnd); got != UnknownSupport {
			t.Error("before anything was heard:", got)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- w.Run(ctx) }()
		time.Sleep(time.Second)
		able := w.Capabilities()
		for what, want := range map[Capability]Support{
			CanTellPaperEnd: Supported, CanTellPaperNearEnd: Unsupported, CanProveByID: UnknownSupport,
		} {
			if got := able.Of(what); got != want {
				t.Errorf("%s: %s, want %s", what, got, want)
			}
		}
		cancel()
		<-ended
		if got := w.Capabilities(); len(got) != 0 {
			t.Error("after the port was closed:", fmt.Sprint(got))
		}
	})
}

type capable struct{ *script }

func (capable) Capabilities() Capabilities {
	return Capabilities{CanTellPaperEnd: Is(true), CanTellPaperNearEnd: Is(false)}
}
