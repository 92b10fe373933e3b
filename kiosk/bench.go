package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"

	"github.com/jezek/xgb"
	"golang.org/x/sync/errgroup"

	"yeban/assets"
	"yeban/devices/simulator"
)

type benchVerb struct {
	Dir       string  `help:"Folder where the ports appear." default:"var/devices"`
	Control   string  `help:"Unix socket for scripts; empty for none."`
	WidthMM   int     `name:"width-mm" help:"Paper width, 58 or 80." default:"80"`
	Reader    string  `help:"Family of the reader: samv or stx." default:"samv"`
	Evaluator string  `help:"Make of the evaluator: ev1, pj06 or jt905." default:"ev1"`
	Speed     float64 `help:"How many times faster than the wire." default:"1"`
	Lang      string  `help:"Language of the window: zh or en." default:"zh" enum:"zh,en"`
	NoWindow  bool    `help:"Devices only."`
	Scenario  string  `help:"YAML file of things that happen to the devices." placeholder:"FILE"`
}

// Run plugs in the devices and keeps them until the window is closed or a signal comes.
func (v benchVerb) Run(s *streams) error {
	sim, err := simulator.New(simulator.Config{
		Dir: v.Dir, Width: v.WidthMM, Speed: v.Speed, Font: assets.Regular,
		Reader: simulator.ReaderFamily(v.Reader), Evaluator: simulator.EvaluatorKind(v.Evaluator),
	})
	if err != nil {
		return err
	}
	defer sim.Close()
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	work, ctx := errgroup.WithContext(ctx)
	if v.Control != "" {
		_ = os.Remove(v.Control)
		l, err := net.Listen("unix", v.Control)
		if err != nil {
			return fmt.Errorf("bench: %w", err)
		}
		work.Go(func() error { return sim.Serve(ctx, l) })
	}
	if v.Scenario != "" {
		f, err := os.Open(v.Scenario)
		if err != nil {
			return fmt.Errorf("scenario: %w", err)
		}
		scenario, err := simulator.ReadScenario(f)
		f.Close()
		if err != nil {
			return fmt.Errorf("scenario %s: %w", v.Scenario, err)
		}
		work.Go(func() error { return sim.Play(ctx, scenario) })
	}
	fmt.Fprintf(s.out, "simulated devices in %s\n", v.Dir)
	if v.NoWindow {
		<-ctx.Done()
	} else if err := v.window(ctx, sim); err != nil {
		return err
	}
	cancel()
	if err := work.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func (v benchVerb) window(ctx context.Context, sim *simulator.Bench) error {
	if err := displayThere(); err != nil {
		return err
	}
	show, stop, err := openBench(sim, v.Lang)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, stop)()
	show()
	return nil
}

// displayThere says in a sentence what Fyne would say in a panic.
func displayThere() error {
	display := os.Getenv("DISPLAY")
	if display == "" {
		return errors.New("there is no display: set DISPLAY, or start build/run, which brings its own")
	}
	xgb.Logger = log.New(io.Discard, "", 0) // what it has to say comes back as the error
	conn, err := xgb.NewConnDisplay(display)
	if err != nil {
		return fmt.Errorf("the display %s does not answer: start the X server, or set DISPLAY to one that runs (%w)", display, err)
	}
	conn.Close()
	return nil
}
