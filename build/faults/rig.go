package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// patience bounds every wait for something that must happen.
const patience = 3 * time.Minute

// size is how often things are done.
type size int

const (
	small size = iota // for a test: once or twice
	short             // a few times
	long              // often enough to find what is rare
)

type options struct {
	size size
	jobs int // trials at a time
	seed uint64
	log  io.Writer
}

// rig runs faults one after another.
type rig struct {
	options
	root string // of the module
	dir  string // everything the faults leave behind
	hub  string // the program
}

func newRig(ctx context.Context, o options) (*rig, error) {
	sweep()
	root, err := moduleRoot()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", fmt.Sprintf("%s%d-", scratchPrefix, os.Getpid()))
	if err != nil {
		return nil, err
	}
	// PostgreSQL runs as a user of its own.
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, err
	}
	r := &rig{options: o, root: root, dir: dir}
	return r, r.findHub(ctx)
}

// findHub takes the hub out of the folder YEBAN_BIN, or builds it.
func (r *rig) findHub(ctx context.Context) error {
	if bin := os.Getenv("YEBAN_BIN"); bin != "" {
		r.hub = filepath.Join(bin, "hub")
		_, err := os.Stat(r.hub)
		return err
	}
	r.hub = filepath.Join(r.dir, "hub")
	build := exec.CommandContext(ctx, "go", "build", "-o", r.hub, "./hub")
	build.Dir = r.root
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the hub: %w\n%s", err, out)
	}
	return nil
}

func moduleRoot() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	path := strings.TrimSpace(string(out))
	if filepath.Base(path) != "go.mod" {
		return "", errors.New("run this in the module's folder")
	}
	return filepath.Dir(path), nil
}

// trial is one line of the table: a fault, or the control of one.
type trial struct {
	fault   int
	name    string
	control bool // must lose or double something
	missing func() string
	run     func(ctx context.Context, s *scene) error
}

// trials are all of them, by the numbers of the faults.
func trials() []trial {
	var all []trial
	for _, some := range [][]trial{
		killTrials(), powerTrials(), fullDiskTrials(), damageTrials(), lineTrials(), hubDeathTrials(),
		databaseTrials(), fenceTrials(), stormTrials(), oddTrials(),
	} {
		all = append(all, some...)
	}
	return all
}

// runAll runs what is asked for and never stops at a trial that goes wrong.
func (r *rig) runAll(ctx context.Context, only int) *table {
	t := &table{seed: r.seed, size: r.size, begun: time.Now()}
	var running errgroup.Group
	running.SetLimit(max(1, r.jobs))
	for i, one := range trials() {
		if only != 0 && one.fault != only {
			continue
		}
		at := &row{trial: one}
		t.rows = append(t.rows, at)
		running.Go(func() error {
			r.runOne(ctx, i, at)
			fmt.Fprintln(r.log, at.line())
			return nil
		})
	}
	_ = running.Wait() // each row has its own error
	t.took = time.Since(t.begun)
	return t
}

// runOne fills the row of its trial.
func (r *rig) runOne(ctx context.Context, i int, out *row) {
	if out.missing != nil {
		if out.skipped = out.missing(); out.skipped != "" {
			return
		}
	}
	s, err := r.newScene(fmt.Sprintf("%02d-%d", out.fault, i), out)
	if err == nil {
		begun := time.Now()
		err = out.run(ctx, s)
		s.close()
		out.took = time.Since(begun)
	}
	out.err = err
}

// newScene makes a folder, a platform key and a source of chance for one trial.
func (r *rig) newScene(name string, out *row) (*scene, error) {
	dir := filepath.Join(r.dir, name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	s := &scene{rig: r, dir: dir, row: out, keyFile: filepath.Join(dir, "platform.key")}
	var digits uint64
	for _, c := range name {
		digits = digits*31 + uint64(c)
	}
	s.random = mathrand.New(mathrand.NewPCG(r.seed, digits))
	return s, s.makeKey()
}

// token is what a terminal shows.
func token() string { return rand.Text() }
