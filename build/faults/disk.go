package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

const roleDisk = "disk"

// diskOrder says what a disk is to be.
type diskOrder struct {
	Dir   string // of its files
	Bytes int64
	Seed  uint64
}

// disk is an ext4 file system on a loop device on a cutFile, held by a child process that
// takes all of it down again when this one is gone.
type disk struct {
	*process
	path string // where it is mounted
}

// noDisk says why this machine can have none.
func noDisk() string {
	if os.Geteuid() != 0 {
		return "not root"
	}
	for _, path := range []string{"/dev/fuse", "/dev/loop-control"} {
		if _, err := os.Stat(path); err != nil {
			return "no " + path
		}
	}
	for _, name := range []string{"mkfs.ext4", "losetup"} {
		if _, err := exec.LookPath(name); err != nil {
			return "no " + name
		}
	}
	return ""
}

// startDisk makes a disk, mounts it, and ends it with the scene.
func (s *scene) startDisk(ctx context.Context, name string, bytes int64) (*disk, error) {
	dir := filepath.Join(s.dir, name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	p, err := startRole(name, dir+".log", roleDisk, diskOrder{Dir: dir, Bytes: bytes, Seed: s.random.Uint64()})
	if err != nil {
		return nil, err
	}
	d := &disk{process: p, path: filepath.Join(dir, "mounted")}
	s.defers(d.end)
	_, err = d.await(ctx, "mounted", nil)
	return d, err
}

// cut pulls the plug. It returns when nothing more can reach the disk, and tells what the
// cut did.
func (d *disk) cut(ctx context.Context) (losses, error) {
	var l losses
	before := d.last("cut").times
	d.tell("cut")
	s, err := d.await(ctx, "cut", func(s said) bool { return s.times > before })
	if err == nil {
		_, err = fmt.Sscan(s.rest, &l.kept, &l.dropped, &l.torn, &l.flushes)
	}
	return l, err
}

// again mounts what the cut has left. Nobody may have files open on it any more.
func (d *disk) again(ctx context.Context) error {
	before := d.last("mounted").times
	d.tell("again")
	_, err := d.await(ctx, "mounted", func(s said) bool { return s.times > before })
	return err
}

// end takes the disk down. Ending it again does nothing.
func (d *disk) end() {
	_ = d.in.Close()
	<-d.done // its own waits are bounded
}

const scratchPrefix = "yeban-faults-"

// sweep takes down what an earlier rig left, should its disk child have been killed as well.
func sweep() {
	text, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return
	}
	var left []string
	for _, line := range strings.Split(string(text), "\n") {
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		if orphan(words[1]) {
			left = append(left, words[1])
		}
	}
	var loops []string // asked for before their files' names go
	names, _ := filepath.Glob("/sys/block/loop*/loop/backing_file")
	for _, name := range names {
		if file, err := os.ReadFile(name); err == nil && orphan(string(file)) {
			loops = append(loops, "/dev/"+strings.Split(name, "/")[3])
		}
	}
	for i := len(left) - 1; i >= 0; i-- { // what was mounted last goes first
		_ = syscall.Unmount(left[i], syscall.MNT_DETACH)
	}
	for _, loop := range loops {
		_ = tool("losetup", "--detach", loop)
	}
}

// orphan says that a path belongs to a rig that is not running any more.
func orphan(path string) bool {
	_, after, ours := strings.Cut(path, "/"+scratchPrefix)
	pid, _, _ := strings.Cut(after, "-")
	_, err := os.Stat("/proc/" + pid)
	return ours && err != nil
}

// seeded is a source of chance for a child.
func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }
