package command

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"yeban/sync/protocol"
)

// fuse is a disk that ends the program after a number of operations, in the middle of a
// write if it comes to that.
type fuse struct {
	file
	left *int
	cut  int // bytes of the last write that arrive
}

type crashed struct{}

func (f fuse) Write(b []byte) (int, error) {
	if *f.left--; *f.left == 0 {
		f.file.Write(b[:min(len(b), f.cut)])
		panic(crashed{})
	}
	return f.file.Write(b)
}

// Sync need not wait for the disk: what was written outlives this kind of crash.
func (f fuse) Sync() error {
	if *f.left--; *f.left == 0 {
		panic(crashed{})
	}
	return nil
}

// province is what the hub knows and a count of what was really done.
type province struct {
	dir    string
	left   int // operations until the next crash; below 1 for none
	cut    int
	box    *Notebook
	orders []protocol.Command
	states map[string]protocol.CommandState
	done   map[string]int
}

func (p *province) open() error {
	var err error
	p.box, err = Open(Config{
		Dir: p.dir, Now: func() time.Time { return start },
		Actions: map[protocol.CommandName]Action{"count": {Do: func(_ context.Context, args map[string]string) error {
			if p.tick() {
				panic(crashed{}) // guarded takes this for the command's own
			}
			p.done[args["n"]]++
			return nil
		}}},
		create: func(path string) (file, error) {
			f, err := create(path)
			return fuse{f, &p.left, p.cut}, err
		},
	})
	return err
}

func (p *province) tick() bool { p.left--; return p.left == 0 }

// crashing says whether do ended in a crash.
func crashing(do func()) (yes bool) {
	defer func() {
		if v := recover(); v != nil {
			if _, ours := v.(crashed); !ours {
				panic(v)
			}
			yes = true
		}
	}()
	do()
	return false
}

// TestCommandsAreRunAtMostOnce plays random lives of a notebook that crashes at random
// points of its disk.
func TestCommandsAreRunAtMostOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "commands")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		p := &province{dir: dir, states: map[string]protocol.CommandState{}, done: map[string]int{}}
		p.restart(t)
		// mortal does something with a crash drawn into it.
		mortal := func(do func()) {
			p.left, p.cut = rapid.IntRange(0, 6).Draw(t, "crash after"), rapid.IntRange(0, 400).Draw(t, "bytes")
			if p.left == 0 {
				p.left = -1
			}
			crash := crashing(do)
			p.left = -1
			if crash {
				p.restart(t)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"new": func(*rapid.T) {
				p.orders = append(p.orders, order(start, "count", fmt.Sprint(len(p.orders))))
				p.box.Take(p.orders[len(p.orders)-1])
			},
			"again":   func(*rapid.T) { p.sendAll() },
			"work":    func(*rapid.T) { mortal(func() { p.box.one(context.Background()) }) },
			"report":  func(t *rapid.T) { mortal(func() { p.hear(t, rapid.Bool().Draw(t, "answer is lost")) }) },
			"restart": func(t *rapid.T) { mortal(func() { p.box.Close(); p.restart(t) }) },
			"":        p.check,
		})
		p.sendAll()
		work(p.box)
		for p.hear(t, false) {
		}
		for _, o := range p.orders {
			if !p.states[o.ID].Ended() {
				t.Fatalf("%s never ended, it is %q", o.Args["n"], p.states[o.ID])
			}
		}
		p.check(t)
		p.box.Close()
	})
}

// TestCrashBetweenALineAndItsFlush: whether the line outlived it, nobody had believed it.
func TestCrashBetweenALineAndItsFlush(t *testing.T) {
	p := &province{dir: t.TempDir(), states: map[string]protocol.CommandState{}, done: map[string]int{}}
	p.restart(t)
	p.orders = append(p.orders, order(start, "count", "0"))
	p.box.Take(p.orders[0])
	p.left = 2 // the line of its beginning is written, and not flushed
	if !crashing(func() { p.box.one(context.Background()) }) {
		t.Fatal("no crash")
	}
	p.left = -1
	p.restart(t)
	p.sendAll()
	work(p.box)
	for p.hear(t, false) {
	}
	if state := p.states[p.orders[0].ID]; state != protocol.CommandInterrupted || p.done["0"] != 0 {
		t.Errorf("%q, done %d times", state, p.done["0"])
	}
}

// failing is a test, played by hand or by rapid.
type failing interface {
	Fatal(...any)
	Fatalf(string, ...any)
}

func (p *province) restart(t failing) {
	if err := p.open(); err != nil {
		t.Fatal(err)
	}
	if p.box.SetAside() != "" || p.box.head.Lost {
		t.Fatal("a crash was taken for damage")
	}
}

func (p *province) sendAll() {
	for _, o := range p.orders {
		if !p.states[o.ID].Ended() {
			p.box.Take(o)
		}
	}
}

// hear is the hub's side of a REPORT: it is stored, then answered.
func (p *province) hear(t failing, lost bool) bool {
	r, ok := p.box.Next()
	if !ok {
		return false
	}
	if was := p.states[r.Command]; was != r.State {
		if was.Ended() {
			t.Fatalf("%q after %q", r.State, was)
		}
		p.states[r.Command] = r.State
	}
	if !lost {
		p.box.Answered(r)
	}
	return true
}

func (p *province) check(t *rapid.T) {
	for _, o := range p.orders {
		n := p.done[o.Args["n"]]
		if n > 1 || p.states[o.ID] == protocol.CommandDone && n != 1 || p.states[o.ID] == protocol.CommandExpired && n > 0 {
			t.Fatalf("%s was done %d times and is %q", o.Args["n"], n, p.states[o.ID])
		}
	}
}

const crashDir = "YEBAN_TEST_COMMAND_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		runUntilKilled(dir)
		return
	}
	os.Exit(m.Run())
}

const killedOrders = 400

// runUntilKilled carries out the orders that its parent numbers; what each does is one
// line in a file.
func runUntilKilled(dir string) {
	fail := func(err error) {
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
	}
	did, err := os.OpenFile(filepath.Join(dir, "did"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	fail(err)
	n, err := Open(Config{Dir: dir, Actions: map[protocol.CommandName]Action{
		"count": {Do: func(_ context.Context, args map[string]string) error {
			_, err := fmt.Fprintln(did, args["n"])
			return err
		}},
	}})
	fail(err)
	if aside := n.SetAside(); aside != "" {
		fmt.Println("error set aside", aside)
		os.Exit(1)
	}
	fmt.Println("ready")
	for i := range killedOrders {
		fail(n.Take(killedOrder(i)))
		for n.one(context.Background()) {
		}
		if r, ok := n.Next(); ok && i%3 == 0 {
			fail(n.Answered(r))
		}
		fmt.Println("step")
	}
	fmt.Println("end")
}

func killedOrder(i int) protocol.Command {
	return protocol.Command{ID: fmt.Sprintf("01JD%022d", i), Name: "count",
		Args: map[string]string{"n": fmt.Sprint(i)}, Expires: time.Now().Add(time.Hour)}
}

func TestKilledTerminalDoesNothingTwice(t *testing.T) {
	dir := t.TempDir()
	kills := 10
	if testing.Short() {
		kills = 4
	}
	for round := range kills + 1 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), crashDir+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		last := ""
		for steps := (round+1)*killedOrders/(kills+2) + rand.IntN(10); lines.Scan(); {
			last = lines.Text()
			if steps--; steps < 0 && round < kills {
				time.Sleep(time.Duration(rand.IntN(2000)) * time.Microsecond)
				cmd.Process.Kill()
				break
			}
		}
		cmd.Wait()
		if strings.HasPrefix(last, "error") || round == kills && last != "end" {
			t.Fatalf("child says %q", last)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "did"))
	if err != nil {
		t.Fatal(err)
	}
	did := strings.Fields(string(text))
	slices.Sort(did)
	if once := slices.Compact(slices.Clone(did)); len(once) != len(did) {
		t.Errorf("%d commands took effect %d times", len(once), len(did))
	}
	n, err := Open(Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	interrupted := 0
	for i := range killedOrders {
		l := n.known[killedOrder(i).ID]
		if l == nil || !l.State.Ended() {
			t.Fatalf("command %d has not ended: %+v", i, l)
		}
		if l.State == protocol.CommandInterrupted {
			interrupted++
		} else if _, there := slices.BinarySearch(did, fmt.Sprint(i)); !there {
			t.Errorf("command %d is %s and took no effect", i, l.State)
		}
	}
	if len(did)+interrupted < killedOrders {
		t.Errorf("%d took effect, %d were interrupted", len(did), interrupted)
	}
	t.Logf("%d kills, %d effects, %d interrupted", kills, len(did), interrupted)
}
