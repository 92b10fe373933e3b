package stage

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Display is an X server to draw on.
type Display struct {
	Name string // :7
	own  *exec.Cmd
}

// NewDisplay starts a virtual display of a size in pixels and returns when it listens.
func NewDisplay(width, height int) (*Display, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start Xvfb: %w", err)
	}
	defer r.Close()
	cmd := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", fmt.Sprintf("%dx%dx24", width, height),
		"-nolisten", "tcp", "-s", "0", "-dpms")
	cmd.ExtraFiles = []*os.File{w}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	err = cmd.Start()
	w.Close()
	if err != nil {
		return nil, fmt.Errorf("start Xvfb: %w", err)
	}
	_ = r.SetReadDeadline(time.Now().Add(20 * time.Second))
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return nil, fmt.Errorf("start Xvfb: it did not say which display it took: %w", err)
	}
	return &Display{Name: ":" + strings.TrimSpace(line), own: cmd}, nil
}

// Close ends a display that NewDisplay started.
func (d *Display) Close() {
	if d.own != nil {
		_ = d.own.Process.Signal(syscall.SIGTERM)
		_ = d.own.Wait()
	}
}

// env is what a program needs in order to draw here at one pixel a unit.
func (d *Display) env(scale string) []string {
	return []string{"DISPLAY=" + d.Name, "LANG=C.UTF-8", "FYNE_DISABLE_DPI_DETECTION=1", "FYNE_SCALE=" + scale, "FYNE_CACHE=10s"}
}

// Shot takes a picture of the whole display.
func (d *Display) Shot(file string) error {
	cmd := exec.Command("import", "-display", d.Name, "-window", "root", file)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("take picture: %w: %s", err, out)
	}
	return nil
}

// Click taps a place.
func (d *Display) Click(x, y int) error {
	cmd := exec.Command("xdotool", "mousemove", fmt.Sprint(x), fmt.Sprint(y), "mousedown", "1", "sleep", "0.05", "mouseup", "1")
	cmd.Env = append(os.Environ(), "DISPLAY="+d.Name)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("tap: %w: %s", err, out)
	}
	return nil
}

// Place moves a window by its title. Without a window manager nothing else would.
func (d *Display) Place(title string, x, y int) error {
	cmd := exec.Command("xdotool", "search", "--sync", "--onlyvisible", "--name", title, "windowmove", fmt.Sprint(x), fmt.Sprint(y))
	cmd.Env = append(os.Environ(), "DISPLAY="+d.Name)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("place window: %w: %s", err, out)
	}
	return nil
}
