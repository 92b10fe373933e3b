// Command demo starts hub, simulated devices and kiosk together, as build/run promises.
// Without a display, or with -tour, a scripted citizen makes a visit and leaves pictures.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"time"

	"yeban/build/stage"
)

func main() {
	tour := flag.Bool("tour", false, "let a scripted citizen make a visit, also where there is a display")
	landscape := flag.Bool("landscape", false, "a screen of 1920×1080 instead of 1080×1920")
	dir := flag.String("dir", "var/demo", "folder for data, settings, logs and pictures")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := play(ctx, *tour, *landscape, *dir); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func play(ctx context.Context, tour, landscape bool, dir string) (err error) {
	cfg := stage.Config{Bin: "bin", Dir: dir, Catalog: "assets/catalog", Listen: "127.0.0.1:8340", Width: 1080, Height: 1920, Scale: "1", BenchX: 0}
	if landscape {
		cfg.Width, cfg.Height = 1920, 1080
	}
	display := &stage.Display{Name: os.Getenv("DISPLAY")}
	if display.Name == "" {
		tour = true
		if display, err = stage.NewDisplay(cfg.Width+780, max(cfg.Height, 1080)); err != nil {
			return err
		}
		defer display.Close()
		cfg.BenchX = cfg.Width
	} else {
		scale := fit(display.Name, cfg.Height)
		cfg.Scale = strconv.FormatFloat(scale, 'f', 2, 64)
		cfg.BenchX = int(scale*float64(cfg.Width)) + 40
	}
	s, err := stage.Setup(cfg, display)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	begin, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	for _, start := range []func(context.Context) error{s.StartHub, s.StartBench, s.StartKiosk} {
		if err := start(begin); err != nil {
			return err
		}
	}
	fmt.Printf(`
Yeban is running.
  Console   %s   log in as %s, password %s
  Kiosk     tap an item, agree, then lay a card in the device window
  Logs      %s/*.log
`, s.Console, stage.User, s.Password(), dir)
	if tour {
		return guide(ctx, s, filepath.Join(dir, "pictures"))
	}
	fmt.Println("Ctrl-C ends all of it.")
	select {
	case <-ctx.Done():
		return nil
	case <-s.Hub.Done():
		return fmt.Errorf("the hub ended:\n%s", s.Hub.Tail())
	case <-s.Bench.Done():
		return nil // its window was closed
	case <-s.Kiosk.Done():
		return nil
	}
}

// guide makes the scripted visit.
func guide(ctx context.Context, s *stage.Stage, pictures string) error {
	if err := os.RemoveAll(pictures); err != nil {
		return err
	}
	if err := os.MkdirAll(pictures, 0o755); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 4*time.Minute)
	defer cancel()
	citizen := s.Citizen(pictures)
	visit := stage.Visit{Item: "residence-permit-endorsement", Card: "resident", Rating: 5, Dates: stage.Date, Text: stage.Phone}
	if err := citizen.Submit(ctx, s.Control, visit); err != nil {
		return err
	}
	if err := s.Printed(ctx, 1); err != nil {
		return err
	}
	if err := citizen.Picture("receipt"); err != nil {
		return err
	}
	if err := stage.Receipt(ctx, s.Control, filepath.Join(pictures, "paper.png")); err != nil {
		return err
	}
	if err := citizen.Finish(ctx, s.Control, visit); err != nil {
		return err
	}
	if err := citizen.Picture("home-again"); err != nil {
		return err
	}
	fmt.Printf("\nThe scripted citizen has been served. Pictures of every screen and of the receipt: %s\n", pictures)
	return nil
}

// fit is the scale at which a window of a height stands on a display.
func fit(display string, height int) float64 {
	cmd := exec.Command("xdpyinfo", "-display", display)
	out, err := cmd.Output()
	m := regexp.MustCompile(`dimensions:\s+\d+x(\d+)`).FindSubmatch(out)
	if err != nil || m == nil {
		return 1
	}
	have, _ := strconv.Atoi(string(m[1]))
	return max(0.3, min(1, float64(have-90)/float64(height)))
}
