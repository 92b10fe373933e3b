package stage

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Process is one program under way. Its output goes to a file.
type Process struct {
	Name string
	Log  string // file that holds its output
	from int64  // where in it this run begins
	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

// start runs a program with its output in a file under dir.
func start(dir, name string, env []string, path string, args ...string) (*Process, error) {
	log := filepath.Join(dir, name+".log")
	f, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	defer f.Close()
	from, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = f, f
	// An own group: Ctrl-C reaches the stage only, which then ends the others in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := &Process{Name: name, Log: log, from: from, cmd: cmd, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// PID is the process's number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err is how it ended; only after Done.
func (p *Process) Err() error { return p.err }

// Signal sends a signal.
func (p *Process) Signal(s syscall.Signal) error { return p.cmd.Process.Signal(s) }

// Kill ends it at once, as a power button would.
func (p *Process) Kill() {
	_ = p.Signal(syscall.SIGKILL)
	<-p.done
}

// Stop asks it to end, and kills it after ten seconds.
func (p *Process) Stop() error {
	_ = p.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(10 * time.Second):
		_ = p.Signal(syscall.SIGQUIT) // a Go program writes down where it hangs
		select {
		case <-p.done:
		case <-time.After(2 * time.Second):
			p.Kill()
		}
		return fmt.Errorf("%s did not end within ten seconds", p.Name)
	}
	var exit *exec.ExitError
	if errors.As(p.err, &exit) && exit.ExitCode() != 0 && !exit.Sys().(syscall.WaitStatus).Signaled() {
		return fmt.Errorf("%s ended with code %d", p.Name, exit.ExitCode())
	}
	return nil
}

// Tail is the end of its output, for an error message.
func (p *Process) Tail() string {
	f, err := os.Open(p.Log)
	if err != nil {
		return ""
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return ""
	}
	const most = 3000
	b := make([]byte, min(most, size-p.from))
	n, _ := f.ReadAt(b, size-int64(len(b)))
	return string(b[:n])
}
