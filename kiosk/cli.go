package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"yeban/sync/settings"
)

// Version is what a kiosk says of itself in HELLO.
const Version = "0.1.0"

// cli is every verb and flag.
type cli struct {
	Run     runVerb     `cmd:"" default:"withargs" help:"Serve citizens: open the screen, the devices, the outbox and the link."`
	Card    cardVerb    `cmd:"" help:"Look at what an ID-card reader said."`
	Outbox  outboxVerb  `cmd:"" help:"Look at an outbox."`
	Devices devicesVerb `cmd:"" help:"Look at, watch and test the devices."`
	Bench   benchVerb   `cmd:"" help:"Simulated devices on pseudo-terminals, with a window."`
	Version versionVerb `cmd:"" help:"Say which version this is."`
}

type versionVerb struct{}

func (versionVerb) Run(s *streams) error {
	_, err := fmt.Fprintln(s.out, "kiosk", Version)
	return err
}

// streams are a run's surroundings; tests bring their own.
type streams struct {
	in       io.Reader
	out, err io.Writer
	ctx      context.Context
}

// exitCode is an error that has said what it has to say.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit %d", int(e)) }

// run is the program: 0 done, 1 it could not be done, 2 the call was wrong.
func run(args []string, in io.Reader, out, errs io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var c cli
	left := -1 // what kong's --help wants to leave with
	parser, err := kong.New(&c, kong.Name("kiosk"), kong.Writers(out, errs), kong.Exit(func(code int) { left = code }),
		kong.Description("Yeban's hall terminal."), kong.UsageOnError(), kong.Help(help))
	if err != nil {
		fmt.Fprintln(errs, "kiosk:", err)
		return 2
	}
	k, err := parser.Parse(args)
	if left >= 0 {
		return left
	}
	if err != nil {
		fmt.Fprintln(errs, "kiosk:", err)
		return 2
	}
	err = k.Run(&streams{in: in, out: out, err: errs, ctx: ctx})
	var code exitCode
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	default:
		fmt.Fprintln(errs, "kiosk:", strings.ReplaceAll(err.Error(), "\n", "; "))
		return 1
	}
}

// help prints kong's page, and below the program's own page every verb's flags and every
// setting with its default.
func help(o kong.HelpOptions, k *kong.Context) error {
	o.NoExpandSubcommands = false
	if err := kong.DefaultHelpPrinter(o, k); err != nil {
		return err
	}
	if k.Selected() != nil && k.Selected().Name != "run" {
		return nil
	}
	w := k.Stdout
	for _, verb := range k.Model.Leaves(true) {
		if len(verb.Flags) == 0 {
			continue
		}
		fmt.Fprintf(w, "\nFlags of %s:\n", verb.Path())
		for _, f := range verb.Flags {
			fmt.Fprintf(w, "  --%-26s %-26s %s\n", f.Name, f.FormatPlaceHolder(), f.Help)
		}
	}
	fmt.Fprintf(w, "\nSettings in the file of --config (YAML; a key with dots is nested) and their defaults:\n")
	c := defaultConfig()
	settings.Table(w, &c)
	return nil
}
