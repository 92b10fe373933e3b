package command

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"yeban/sync/protocol"
)

var start = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)

// clock is the hub's, moved by tests.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.now }

func (c *clock) Add(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.now = c.now.Add(d) }

// effects counts what was really done, by the argument "n".
type effects struct {
	mu   sync.Mutex
	done map[string]int
}

func (e *effects) do(_ context.Context, args map[string]string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.done == nil {
		e.done = map[string]int{}
	}
	e.done[args["n"]]++
	return nil
}

func actions(e *effects) map[protocol.CommandName]Action {
	return map[protocol.CommandName]Action{
		"count": {Do: e.do},
		"fail":  {Do: func(context.Context, map[string]string) error { return errors.New("no\nuse") }},
		"panic": {Do: func(context.Context, map[string]string) error { panic("34010419000101001X") }},
		"picky": {Check: func(map[string]string) error { return errors.New("what?") }, Do: e.do},
	}
}

func open(t *testing.T, dir string, c *clock, e *effects) *Notebook {
	t.Helper()
	n, err := Open(Config{Dir: dir, Now: c.Now, Actions: actions(e)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

var ids = ulid.Monotonic(rand.Reader, 0)

func order(at time.Time, name protocol.CommandName, n string) protocol.Command {
	return protocol.Command{
		ID: ulid.MustNew(ulid.Timestamp(at), ids).String(), Name: name,
		Args: map[string]string{"n": n}, Expires: at.Add(time.Hour),
	}
}

// told answers all reports and gives their states.
func told(t *testing.T, n *Notebook) (states []string) {
	t.Helper()
	for {
		r, ok := n.Next()
		if !ok {
			return states
		}
		if err := r.Validate(); err != nil {
			t.Fatal(err)
		}
		states = append(states, string(r.State))
		if err := n.Answered(r); err != nil {
			t.Fatal(err)
		}
	}
}

func work(n *Notebook) {
	for n.one(context.Background()) {
	}
}

func TestEveryStepOfTheStateMachine(t *testing.T) {
	all := []protocol.CommandState{
		unheard, protocol.CommandWaiting, protocol.CommandBegun, protocol.CommandDone, protocol.CommandFailed,
		protocol.CommandRefused, protocol.CommandExpired, protocol.CommandInterrupted, protocol.CommandWithdrawn,
	}
	allowed := map[string]bool{
		">begun": true, ">refused": true, ">expired": true, ">interrupted": true,
		"begun>done": true, "begun>failed": true, "begun>interrupted": true,
	}
	for _, from := range all {
		for _, to := range all {
			if got, want := follows(from, to), allowed[string(from)+">"+string(to)]; got != want {
				t.Errorf("%q to %q: %t", from, to, got)
			}
		}
		if from.Ended() && len(steps[from]) > 0 {
			t.Errorf("%q has ended and goes on", from)
		}
	}
}

func TestHowCommandsEnd(t *testing.T) {
	for name, c := range map[string]struct {
		command protocol.Command
		later   time.Duration
		want    string
		done    int
	}{
		"done":     {order(start, "count", "x"), 0, "[begun done]", 1},
		"failed":   {order(start, "fail", "x"), 0, "[begun failed]", 0},
		"panicked": {order(start, "panic", "x"), 0, "[begun failed]", 0},
		"unknown":  {order(start, "dance", "x"), 0, "[refused]", 0},
		"picky":    {order(start, "picky", "x"), 0, "[refused]", 0},
		"too late": {order(start, "count", "x"), time.Hour, "[expired]", 0},
		"in time":  {order(start, "count", "x"), time.Hour - 1, "[begun done]", 1},
	} {
		t.Run(name, func(t *testing.T) {
			var e effects
			clock := &clock{now: start}
			dir := t.TempDir()
			n := open(t, dir, clock, &e)
			if err := n.Take(c.command); err != nil {
				t.Fatal(err)
			}
			n.Take(c.command)
			clock.Add(c.later)
			work(n)
			n.Take(c.command)
			work(n)
			for _, r := range n.untold {
				if strings.ContainsAny(r.Detail, "\n") || strings.Contains(r.Detail, "3401") {
					t.Errorf("detail %q", r.Detail)
				}
			}
			if got := fmt.Sprint(told(t, n)); got != c.want || e.done["x"] != c.done {
				t.Errorf("told %s, done %d times", got, e.done["x"])
			}
			// Heard again after the hub has answered: its end is told once more.
			n.Take(c.command)
			work(n)
			last := strings.Trim(c.want[strings.LastIndexByte(c.want, ' ')+1:], "[]")
			if got := fmt.Sprint(told(t, n)); got != "["+last+"]" {
				t.Errorf("told again %s", got)
			}
			n.Close()
			n = open(t, dir, clock, &e)
			n.Take(c.command)
			work(n)
			if got := fmt.Sprint(told(t, n)); got != "["+last+"]" || e.done["x"] != c.done {
				t.Errorf("after a restart told %s, done %d times", got, e.done["x"])
			}
		})
	}
}

func TestReportsAreKeptInOrderUntilAnswered(t *testing.T) {
	var e effects
	clock, dir := &clock{now: start}, t.TempDir()
	n := open(t, dir, clock, &e)
	for _, name := range []protocol.CommandName{"count", "dance", "fail"} {
		n.Take(order(start, name, "x"))
	}
	work(n)
	first, _ := n.Next()
	if err := n.Answered(first); err != nil {
		t.Fatal(err)
	}
	select {
	case <-n.Notify():
	default:
		t.Error("nobody was told")
	}
	n.Close()
	n = open(t, dir, clock, &e)
	if got := fmt.Sprint(told(t, n)); got != "[done refused begun failed]" {
		t.Errorf("after a restart %s", got)
	}
	n.Close()
	n = open(t, dir, clock, &e)
	if got := told(t, n); got != nil {
		t.Errorf("answered reports came back: %s", got)
	}
}

func TestBegunAndNotEndedIsInterrupted(t *testing.T) {
	var e effects
	clock, dir := &clock{now: start}, t.TempDir()
	n := open(t, dir, clock, &e)
	c := order(start, "count", "x")
	if err := n.step(c, protocol.CommandBegun, ""); err != nil {
		t.Fatal(err)
	}
	n.Close()
	n = open(t, dir, clock, &e)
	n.Take(c)
	work(n)
	if got := fmt.Sprint(told(t, n)); got != "[begun interrupted]" || e.done["x"] != 0 {
		t.Errorf("told %s, done %d times", got, e.done["x"])
	}
	if err := n.step(c, protocol.CommandDone, ""); err == nil {
		t.Error("an end was followed by another")
	}
}

func TestProgramThatEndsInterruptsWhatRuns(t *testing.T) {
	clock := &clock{now: start}
	ctx, cancel := context.WithCancel(t.Context())
	n, err := Open(Config{Dir: t.TempDir(), Now: clock.Now, Actions: map[protocol.CommandName]Action{
		"wait": {Do: func(ctx context.Context, _ map[string]string) error { cancel(); <-ctx.Done(); return ctx.Err() }},
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	n.Take(order(start, "wait", ""))
	n.Take(order(start, "wait", ""))
	if err := n.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(told(t, n)); got != "[begun interrupted]" {
		t.Errorf("told %s", got)
	}
}

func TestWhatFollowsTheEndFindsItNoted(t *testing.T) {
	clock, dir := &clock{now: start}, t.TempDir()
	called := false
	n, err := Open(Config{Dir: dir, Now: clock.Now, Actions: map[protocol.CommandName]Action{
		"restart": {
			Do: func(context.Context, map[string]string) error { return nil },
			Then: func() {
				called = true
				text, err := os.ReadFile(filepath.Join(dir, "commands.log"))
				if err != nil || !strings.Contains(string(text), `"done"`) {
					t.Errorf("%s, %v", text, err)
				}
			},
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	n.Take(order(start, "restart", ""))
	work(n)
	if !called {
		t.Error("nothing followed")
	}
}

func TestOldCommandsAreForgottenAndStillNotRun(t *testing.T) {
	var e effects
	clock, dir := &clock{now: start}, t.TempDir()
	n := open(t, dir, clock, &e)
	old := order(start, "count", "old")
	n.Take(old)
	work(n)
	told(t, n)
	clock.Add(31*24*time.Hour + time.Hour)
	recent := order(clock.Now(), "count", "recent")
	n.Take(recent)
	work(n)
	n.Close()
	n = open(t, dir, clock, &e)
	if len(n.known) != 1 || n.known[recent.ID] == nil {
		t.Errorf("remembers %v", n.order)
	}
	n.Take(old)
	work(n)
	if e.done["old"] != 1 {
		t.Errorf("done %d times", e.done["old"])
	}
}

func TestHubThatOrdersTooMuchIsStopped(t *testing.T) {
	n := open(t, t.TempDir(), &clock{now: start}, &effects{})
	for range maxWaiting {
		if err := n.Take(order(start, "count", "x")); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.Take(order(start, "count", "x")); !errors.Is(err, ErrTooMany) {
		t.Error(err)
	}
}

// TestFullNotebookForgetsTheOldestThatCannotBeRunAgain, and takes the next command.
func TestFullNotebookForgetsTheOldestThatCannotBeRunAgain(t *testing.T) {
	var e effects
	clock, dir := &clock{now: start}, t.TempDir()
	n := open(t, dir, clock, &e)
	ran := order(start, "count", "ran")
	n.Take(ran)
	work(n)
	told(t, n)
	ended := func(id string, expires time.Time, told bool) {
		n.enter(line{ID: id, Name: "count", State: protocol.CommandDone, At: start, Expires: expires, Told: told})
	}
	ended("not expired", start.Add(1000*time.Hour), true)
	ended("not told", start, false)
	for i := len(n.known); i < maxKnown; i++ {
		ended(fmt.Sprint("old ", i), start.Add(time.Hour), true)
	}
	next := func() protocol.Command { return order(clock.Now(), "count", fmt.Sprint("at ", clock.Now())) }
	if err := n.Take(next()); !errors.Is(err, ErrTooMany) {
		t.Errorf("nothing has expired: %v", err)
	}
	clock.Add(2 * time.Hour)
	fresh := next()
	if err := n.Take(fresh); err != nil {
		t.Fatal(err)
	}
	if work(n); e.done[fresh.Args["n"]] != 1 || len(n.known) != maxKnown*9/10+1 {
		t.Errorf("done %v, %d known", e.done, len(n.known))
	}
	for _, id := range []string{"not expired", "not told", fmt.Sprint("old ", maxKnown-1)} {
		if n.known[id] == nil {
			t.Errorf("%s is forgotten", id)
		}
	}
	if n.known[ran.ID] != nil {
		t.Error("the oldest is remembered")
	}
	n.Take(ran)
	if work(n); e.done["ran"] != 1 {
		t.Errorf("done %d times", e.done["ran"])
	}
}

func TestFileIsWrittenAnewBeforeItGrows(t *testing.T) {
	var e effects
	clock, dir := &clock{now: start}, t.TempDir()
	n, err := Open(Config{Dir: dir, Now: clock.Now, Actions: actions(&e),
		create: func(path string) (file, error) { f, err := create(path); return careless{f}, err }})
	if err != nil {
		t.Fatal(err)
	}
	c := order(start, "count", "x")
	n.Take(c)
	work(n)
	for range 3 * rewriteAt {
		told(t, n)
		n.Take(c)
	}
	if n.journal.lines > rewriteAt+3 {
		t.Errorf("%d lines", n.journal.lines)
	}
	n.Close()
	n = open(t, dir, clock, &e)
	n.Take(c)
	if work(n); e.done["x"] != 1 {
		t.Errorf("done %d times", e.done["x"])
	}
}
