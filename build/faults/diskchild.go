package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// platter is the disk child's side of a diskOrder.
type platter struct {
	dir    string
	random *rand.Rand
	root   *fs.Inode
	server *fuse.Server
	lives  int
	image  []byte // for the next life
	file   *cutFile
	loop   string // device, empty when there is none
}

func playDisk(text []byte) (err error) {
	var order diskOrder
	if err := json.Unmarshal(text, &order); err != nil {
		return err
	}
	// The end of standard input is what ends it, also where nobody reads its last words.
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGPIPE)
	p := &platter{dir: order.Dir, random: seeded(order.Seed)}
	if p.image, err = p.format(order.Bytes); err != nil {
		return err
	}
	if err := p.serve(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.unmount(), p.stopServing()) }()
	if err := p.mount(); err != nil {
		return err
	}
	fmt.Println("mounted")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		switch lines.Text() {
		case "cut":
			var l losses
			p.image, l = p.file.pullPlug(p.random)
			fmt.Println("cut", l.kept, l.dropped, l.torn, l.flushes)
		case "again":
			if err := errors.Join(p.unmount(), p.mount()); err != nil {
				return err
			}
			fmt.Println("mounted")
		}
	}
	return nil
}

// format makes an ext4 file system of the size, with a small journal.
func (p *platter) format(bytes int64) ([]byte, error) {
	path := filepath.Join(p.dir, "fresh")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return nil, err
	}
	defer os.Remove(path)
	if err := os.Truncate(path, bytes); err != nil {
		return nil, err
	}
	if err := tool("mkfs.ext4", "-q", "-F", "-m", "0", "-b", "4096", "-J", "size=4",
		"-E", "nodiscard,lazy_itable_init=0,lazy_journal_init=0", path); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

func (p *platter) serve() error {
	for _, name := range []string{"fuse", "mounted"} {
		if err := os.Mkdir(filepath.Join(p.dir, name), 0o755); err != nil {
			return err
		}
	}
	p.root = &fs.Inode{}
	var err error
	p.server, err = fs.Mount(p.path("fuse"), p.root, &fs.Options{
		MountOptions: fuse.MountOptions{DirectMountStrict: true, FsName: "yeban-faults", MaxWrite: 128 << 10},
	})
	return err
}

func (p *platter) path(name string) string { return filepath.Join(p.dir, name) }

// mount begins a life of the disk under a new name, so that no cache knows the one before.
func (p *platter) mount() error {
	p.lives++
	name := fmt.Sprintf("disk-%d", p.lives)
	p.file = newCutFile(p.image)
	p.root.AddChild(name, p.root.NewPersistentInode(context.Background(), p.file, fs.StableAttr{Mode: syscall.S_IFREG}), true)
	out, err := exec.Command("losetup", "--find", "--show", filepath.Join(p.path("fuse"), name)).CombinedOutput()
	if err != nil {
		return fmt.Errorf("losetup: %w: %s", err, out)
	}
	p.loop = strings.TrimSpace(string(out))
	if err := syscall.Mount(p.loop, p.path("mounted"), "ext4", syscall.MS_NOATIME, ""); err != nil {
		return fmt.Errorf("mount %s: %w", p.loop, err)
	}
	return nil
}

// unmount ends a life.
func (p *platter) unmount() error {
	if p.loop == "" {
		return nil
	}
	err := patiently(func() error { return syscall.Unmount(p.path("mounted"), 0) })
	if errors.Is(err, syscall.EINVAL) { // was not mounted
		err = nil
	}
	if err != nil {
		err = errors.Join(fmt.Errorf("unmount: %w", err), syscall.Unmount(p.path("mounted"), syscall.MNT_DETACH))
	}
	err = errors.Join(err, tool("losetup", "--detach", p.loop))
	p.loop = ""
	p.file.forget()
	p.root.RmChild(fmt.Sprintf("disk-%d", p.lives))
	return err
}

// stopServing ends the FUSE file system. A loop device lets go of its file some time after
// it was told to.
func (p *platter) stopServing() error {
	err := patiently(func() error { return syscall.Unmount(p.path("fuse"), 0) })
	if err != nil {
		return errors.Join(fmt.Errorf("unmount: %w", err), syscall.Unmount(p.path("fuse"), syscall.MNT_DETACH))
	}
	p.server.Wait()
	return nil
}

// patiently tries again while something is busy: programs that were killed a moment ago
// may still let go.
func patiently(try func() error) error {
	deadline := time.Now().Add(20 * time.Second)
	for {
		err := try()
		if !errors.Is(err, syscall.EBUSY) || time.Now().After(deadline) {
			return err
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func tool(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}
