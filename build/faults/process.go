package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// roleVariable holds the role of a child that is this program again; its orders come as
// JSON in orderVariable.
const (
	roleVariable  = "YEBAN_FAULTS_ROLE"
	orderVariable = "YEBAN_FAULTS_ORDER"
)

// said is the last line of a child that began with one word.
type said struct {
	rest  string
	at    time.Time
	times int
}

// process is a child under way. What it says on its standard output is lines that begin
// with a word, to be waited for; its standard error goes to a file.
type process struct {
	name string
	log  string
	cmd  *exec.Cmd
	in   io.WriteCloser
	done chan struct{} // it has ended and said everything

	mu      sync.Mutex
	heard   map[string]said
	changed chan struct{} // closed and replaced with every line
}

// start runs a program. Should this one be killed, so is the child.
func start(name, log string, env []string, path string, args ...string) (*process, error) {
	return launch(name, log, env, syscall.SIGKILL, path, args...)
}

// launch is start with the signal that the child gets when this program is killed; 0 for
// none. Any child sees the end of its standard input then.
func launch(name, log string, env []string, orphaned syscall.Signal, path string, args ...string) (*process, error) {
	stderr, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	defer stderr.Close()
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: orphaned}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := &process{
		name: name, log: log, cmd: cmd, in: in, done: make(chan struct{}),
		heard: map[string]said{}, changed: make(chan struct{}),
	}
	go p.listen(out)
	return p, nil
}

// startRole runs this program again in a role.
func startRole(name, log, role string, order any, prefix ...string) (*process, error) {
	text, err := json.Marshal(order)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	orphaned := syscall.SIGKILL
	if role == roleDisk {
		orphaned = 0 // it has things to take down first
	}
	line := append(prefix, self)
	return launch(name, log, []string{roleVariable + "=" + role, orderVariable + "=" + string(text)}, orphaned, line[0], line[1:]...)
}

// playRole is the other side of startRole.
func playRole(role string) int {
	order := []byte(os.Getenv(orderVariable))
	var err error
	switch role {
	case roleKiosk:
		err = playKiosk(order)
	case roleDisk:
		err = playDisk(order)
	case roleTrusting:
		err = playTrusting(order)
	case roleUnflushed:
		err = playUnflushed(order)
	default:
		err = fmt.Errorf("no role %q", role)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, role+":", err)
		return 1
	}
	return 0
}

func (p *process) listen(out io.Reader) {
	defer close(p.done)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		p.mu.Lock()
		p.heard[word] = said{rest, time.Now(), p.heard[word].times + 1}
		close(p.changed)
		p.changed = make(chan struct{})
		p.mu.Unlock()
	}
	_ = p.cmd.Wait() // a child that was killed ends badly, as it should
}

// last is what was said under a word most recently.
func (p *process) last(word string) said {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.heard[word]
}

var errEnded = errors.New("ended")

// await returns the last line under a word once ok likes it. Where ok is nil any will do.
func (p *process) await(ctx context.Context, word string, ok func(said) bool) (said, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		p.mu.Lock()
		s, changed := p.heard[word], p.changed
		p.mu.Unlock()
		if s.times > 0 && (ok == nil || ok(s)) {
			return s, nil
		}
		select {
		case <-changed:
		case <-p.done:
			if now := p.last(word); now.times != s.times {
				continue
			}
			return s, fmt.Errorf("%s while %q was awaited: %w\n%s", p.name, word, errEnded, p.tail())
		case <-ctx.Done():
			return s, fmt.Errorf("%s has not said %q (last %q): %w\n%s", p.name, word, s.rest, ctx.Err(), p.tail())
		}
	}
}

// tell sends a line. A child that is gone does not hear it; whoever waits for it learns.
func (p *process) tell(line string) { _, _ = io.WriteString(p.in, line+"\n") }

func (p *process) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

// kill ends it as a power button would, and returns when it is gone.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.done
}

// stop asks it to end, and kills it when it does not.
func (p *process) stop(with syscall.Signal) {
	_ = p.in.Close()
	p.signal(with)
	select {
	case <-p.done:
	case <-time.After(10 * time.Second):
		p.kill()
	}
}

// tail is the end of what it wrote to its log.
func (p *process) tail() string {
	text, _ := os.ReadFile(p.log)
	return string(text[max(0, len(text)-2000):])
}
