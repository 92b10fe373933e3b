package stage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"yeban/devices/simulator"
)

// Config says where a stage is set up and how.
type Config struct {
	Bin      string // folder with the built programs kiosk and hub
	Dir      string // folder for data, settings and logs; made if missing
	Catalog  string // the item catalogue
	Listen   string // of the hub; 127.0.0.1:0 takes a free port
	Width    int    // of the kiosk's screen
	Height   int
	Scale    string // FYNE_SCALE
	BenchX   int    // where the bench's window stands; negative: no window
	Settings string // further lines of the kiosk's settings
}

// Stage is one hall and its hub.
type Stage struct {
	cfg     Config
	Display *Display
	Hub     *Process
	Bench   *Process
	Kiosk   *Process
	Console string // http address of the hub's console
	Control *simulator.Client
}

// Names of the demonstration.
const (
	KioskID = "340103-0017"
	User    = "staff"
)

// Setup makes the folder, the platform's keys, the terminal's token and a user. It is
// safe to call again on the same folder: what exists stays.
func Setup(cfg Config, d *Display) (*Stage, error) {
	s := &Stage{cfg: cfg, Display: d}
	for _, dir := range []string{cfg.Dir, s.path("kiosk"), s.path("devices")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("set up: %w", err)
		}
	}
	if err := s.writeSettings(); err != nil {
		return nil, err
	}
	if _, err := os.Stat(s.path("hub", "platform.key")); errors.Is(err, os.ErrNotExist) {
		if _, err := s.hubVerb("init", "--data", s.path("hub")); err != nil {
			return nil, err
		}
		if _, err := s.hubVerb("kiosk", "add", KioskID, "--config", s.path("hub.yaml"), "--number", "17", "--name", "庐阳大厅 1 号终端",
			"--region", "340103", "--token-file", s.path("kiosk", "token")); err != nil {
			return nil, err
		}
		out, err := s.hubVerb("user", "add", User, "--config", s.path("hub.yaml"))
		if err != nil {
			return nil, err
		}
		password := out
		if m := regexp.MustCompile(`(?m)password:?\s+(\S+)`).FindStringSubmatch(out); m != nil {
			password = m[1]
		}
		if err := os.WriteFile(s.path("password"), []byte(strings.TrimSpace(password)), 0o600); err != nil {
			return nil, fmt.Errorf("set up: %w", err)
		}
	}
	return s, nil
}

func (s *Stage) path(parts ...string) string {
	return filepath.Join(append([]string{s.cfg.Dir}, parts...)...)
}

// Dir is the stage's folder.
func (s *Stage) Dir() string { return s.cfg.Dir }

// Password is the user's.
func (s *Stage) Password() string {
	raw, _ := os.ReadFile(s.path("password"))
	return string(raw)
}

// Outbox is the terminal's data folder.
func (s *Stage) Outbox() string { return s.path("kiosk") }

func (s *Stage) hubVerb(args ...string) (string, error) {
	cmd := exec.Command(filepath.Join(s.cfg.Bin, "hub"), args...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("hub %s: %w: %s", strings.Join(args[:2], " "), err, strings.TrimSpace(errs.String()))
	}
	return string(out), nil
}

func (s *Stage) writeSettings() error {
	hub := fmt.Sprintf("listen: %q\ndata: %q\ncatalog: %q\n", s.cfg.Listen, s.path("hub"), s.cfg.Catalog)
	if err := os.WriteFile(s.path("hub.yaml"), []byte(hub), 0o600); err != nil {
		return fmt.Errorf("set up: %w", err)
	}
	return s.writeKiosk("ws://" + s.cfg.Listen + "/kiosk/v1")
}

func (s *Stage) writeKiosk(url string) error {
	kiosk := fmt.Sprintf(`kiosk: "%s"
number: 17
data: %q
catalog: %q
hub: {url: %q, token_file: %q, platform_key: %q}
devices:
  idcard: {path: %q}
  printer: {path: %q}
  evaluator: {path: %q}
screen: {width: %d, height: %d, targets: %q}
%s`, KioskID, s.path("kiosk"), s.cfg.Catalog, url, s.path("kiosk", "token"), s.path("hub", "platform.pub"),
		s.path("devices", "idcard"), s.path("devices", "printer"), s.path("devices", "evaluator"),
		s.cfg.Width, s.cfg.Height, s.path("targets.json"), s.cfg.Settings)
	if err := os.WriteFile(s.path("kiosk.yaml"), []byte(kiosk), 0o600); err != nil {
		return fmt.Errorf("set up: %w", err)
	}
	return nil
}

// StartHub starts the hub and returns when it listens.
func (s *Stage) StartHub(ctx context.Context) error {
	ready := s.path("hub.ready")
	_ = os.Remove(ready)
	var err error
	s.Hub, err = start(s.cfg.Dir, "hub", nil, filepath.Join(s.cfg.Bin, "hub"), "serve", "--config", s.path("hub.yaml"), "--ready-file", ready)
	if err != nil {
		return err
	}
	raw, err := s.await(ctx, s.Hub, ready)
	if err != nil {
		return err
	}
	address := strings.TrimPrefix(strings.TrimSpace(string(raw)), "http://")
	s.Console = "http://" + address
	// A port chosen by the system stays the hub's over a restart.
	s.cfg.Listen = address
	return s.writeSettings()
}

// await waits until a program has written its ready file.
func (s *Stage) await(ctx context.Context, p *Process, file string) ([]byte, error) {
	for {
		if raw, err := os.ReadFile(file); err == nil && len(raw) > 0 {
			return raw, nil
		}
		select {
		case <-p.Done():
			return nil, fmt.Errorf("%s ended while starting:\n%s", p.Name, p.Tail())
		case <-ctx.Done():
			return nil, fmt.Errorf("%s was not ready in time:\n%s", p.Name, p.Tail())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// StartBench starts the simulated devices, with their window where BenchX is not negative.
func (s *Stage) StartBench(ctx context.Context) error {
	args := []string{"bench", "--dir", s.path("devices"), "--control", s.path("bench.sock")}
	if s.cfg.BenchX < 0 {
		args = append(args, "--no-window")
	}
	_ = os.Remove(s.path("bench.sock"))
	var err error
	s.Bench, err = start(s.cfg.Dir, "bench", s.Display.env("1"), filepath.Join(s.cfg.Bin, "kiosk"), args...)
	if err != nil {
		return err
	}
	wait, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		select {
		case <-s.Bench.Done():
			stop()
		case <-wait.Done():
		}
	}()
	if s.Control, err = simulator.Dial(wait, s.path("bench.sock")); err != nil {
		return fmt.Errorf("the bench did not start: %w\n%s", err, s.Bench.Tail())
	}
	if s.cfg.BenchX >= 0 {
		return s.Display.Place("设备模拟台|Device bench", s.cfg.BenchX, 0)
	}
	return nil
}

// StartKiosk starts the terminal and returns when its home screen is up.
func (s *Stage) StartKiosk(ctx context.Context) error {
	_ = os.Remove(s.path("targets.json"))
	var err error
	s.Kiosk, err = start(s.cfg.Dir, "kiosk", s.Display.env(s.cfg.Scale),
		filepath.Join(s.cfg.Bin, "kiosk"), "--config", s.path("kiosk.yaml"))
	if err != nil {
		return err
	}
	_, err = s.await(ctx, s.Kiosk, s.path("targets.json"))
	return err
}

// Citizen is somebody in front of this stage's kiosk.
func (s *Stage) Citizen(pictures string) *Citizen {
	return &Citizen{Display: s.Display, Targets: s.path("targets.json"), Pictures: pictures}
}

// Close ends everything, the kiosk first.
func (s *Stage) Close() error {
	var errs []error
	for _, p := range []*Process{s.Kiosk, s.Bench, s.Hub} {
		if p != nil {
			select {
			case <-p.Done():
			default:
				errs = append(errs, p.Stop())
			}
		}
	}
	if s.Control != nil {
		_ = s.Control.Close()
	}
	return errors.Join(errs...)
}
