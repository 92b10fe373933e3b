package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// rig is one run: its folder, its processes, and what must be undone at its end.
type rig struct {
	ctx    context.Context
	hub    string // program
	dir    string
	undone []func()
}

func newRig(ctx context.Context, hub, under string) (*rig, error) {
	dir, err := os.MkdirTemp(under, "yeban-load-")
	if err != nil {
		return nil, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	if err := os.Chmod(dir, 0o755); err != nil { // a PostgreSQL of another user goes below it
		return nil, err
	}
	if hub, err = filepath.Abs(hub); err != nil {
		return nil, err
	}
	r := &rig{ctx: ctx, hub: hub, dir: dir}
	r.later(func() { os.RemoveAll(dir) })
	return r, nil
}

func (r *rig) later(f func()) { r.undone = append(r.undone, f) }

// close undoes everything, the newest first.
func (r *rig) close() {
	for _, f := range slices.Backward(r.undone) {
		f()
	}
	r.undone = nil
}

// folder makes a new one for a part of the run.
func (r *rig) folder(name string) (string, error) {
	dir := filepath.Join(r.dir, name)
	return dir, os.MkdirAll(dir, 0o755)
}

// child is a process of this run.
type child struct {
	cmd   *exec.Cmd
	ended chan struct{}
}

// start runs a program until the rig is closed or stop is called. It dies with this one.
func (r *rig) start(cmd *exec.Cmd) (*child, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	if cmd.Stderr == nil {
		cmd.Stderr = os.Stderr
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &child{cmd: cmd, ended: make(chan struct{})}
	go func() {
		_ = cmd.Wait()
		close(c.ended)
	}()
	r.later(func() { c.stop(syscall.SIGTERM) })
	return c, nil
}

// again runs this program with another verb.
func (r *rig) again(args ...string) *exec.Cmd {
	return exec.Command("/proc/self/exe", args...)
}

// stop sends a signal, and kills what does not follow it.
func (c *child) stop(with syscall.Signal) {
	_ = c.cmd.Process.Signal(with)
	select {
	case <-c.ended:
	case <-time.After(20 * time.Second):
		_ = c.cmd.Process.Kill()
		<-c.ended
	}
}

// until asks again and again whether something holds.
func (r *rig) until(what string, ok func() (bool, error)) error {
	for {
		done, err := ok()
		if err != nil || done {
			return err
		}
		select {
		case <-r.ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, r.ctx.Err())
		case <-time.After(time.Millisecond):
		}
	}
}

// fileWithText waits for a file that another process writes whole.
func (r *rig) fileWithText(path string) (text string, err error) {
	err = r.until(filepath.Base(path), func() (bool, error) {
		b, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			return false, nil
		}
		text = strings.TrimSpace(string(b))
		return text != "", err
	})
	return text, err
}

// usage is what a process has taken so far.
type usage struct {
	at  time.Time
	cpu time.Duration
}

func (c *child) usage() (usage, error) {
	dir := fmt.Sprintf("/proc/%d/", c.cmd.Process.Pid)
	stat, err := os.ReadFile(dir + "stat")
	if err != nil {
		return usage{}, err
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(after)
	if len(fields) < 13 {
		return usage{}, errors.New("stat of a process is too short")
	}
	number := func(i int) int64 { n, _ := strconv.ParseInt(fields[i], 10, 64); return n }
	const tick = 10 * time.Millisecond // USER_HZ is 100 on Linux
	return usage{time.Now(), time.Duration(number(11)+number(12)) * tick}, nil
}

// flushRate is F: raw appends of 4 KB, each with fdatasync, in a second on this disk.
func (r *rig) flushRate() (float64, error) {
	f, err := os.Create(filepath.Join(r.dir, "raw"))
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	block := make([]byte, 4<<10)
	var each []time.Duration
	for begun := time.Now(); time.Since(begun) < 2*time.Second; {
		one := time.Now()
		if _, err := f.Write(block); err != nil {
			return 0, err
		}
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			return 0, err
		}
		each = append(each, time.Since(one))
	}
	return 1 / percentile(each, 50).Seconds(), nil
}

// percentile sorts and picks.
func percentile(d []time.Duration, p int) time.Duration {
	if len(d) == 0 {
		return 0
	}
	slices.Sort(d)
	return d[min(len(d)-1, len(d)*p/100)]
}

// say prints one figure.
func say(form string, args ...any) { fmt.Printf(form+"\n", args...) }
