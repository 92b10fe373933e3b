package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"yeban/hub/store"
)

// Exit codes, for scripts.
const (
	exitOK       = 0
	exitFailed   = 1 // something went wrong, or the catalogue must not be published
	exitUsage    = 2 // not a command, or a wrong flag
	exitConfig   = 3 // the configuration cannot be used
	exitPort     = 4 // another program listens there
	exitDatabase = 5 // the database is foreign, broken, or from a newer hub
)

// commands is the command line.
type commands struct {
	Config string `help:"Configuration file (YAML). Without it ./hub.yaml is read if there is one." placeholder:"FILE"`
	Data   string `help:"Data folder; overrides the configuration." placeholder:"DIR"`

	Serve serveCmd `cmd:"" default:"withargs" help:"Run the hub until interrupted (the default command)."`
	Init  initCmd  `cmd:"" help:"Make the data folder and the platform's SM2 key pair. Refuses to overwrite."`
	User  struct {
		Add userAddCmd `cmd:"" help:"Add a person who may log in to the console. Prints a generated password once."`
	} `cmd:"" help:"People who may log in."`
	Kiosk struct {
		Add kioskAddCmd `cmd:"" help:"Register a terminal. Prints its token once."`
	} `cmd:"" help:"Terminals."`
	Records struct {
		Export recordsExportCmd `cmd:"" help:"Print every entry with its chain as JSON lines for auditors. Bodies stay sealed."`
		Parked recordsParkedCmd `cmd:"" help:"What waits for a person, with its position and the reason."`
		Retry  recordsRetryCmd  `cmd:"" help:"Look at parked records again, with the platform key, catalogue and program of now. What is in order is shown to staff and goes to the back office; the alarm ends when none is left."`
		Verify recordsVerifyCmd `cmd:"" help:"Prove each terminal's chain from end to end. Names the first bad position of each; exit code 1 when there is one."`
	} `cmd:"" help:"What terminals sent."`
	Feed struct {
		Run    feedRunCmd    `cmd:"" default:"withargs" help:"Deliver applications and ratings to the back office, in order, until interrupted; results come back."`
		Secret feedSecretCmd `cmd:"" help:"Make the secret that hub and back office share."`
		Status feedStatusCmd `cmd:"" help:"How far each feed is, and what was refused."`
		Retry  feedRetryCmd  `cmd:"" help:"Have refused records delivered once more by the feed that runs. The alarm ends when none is left."`
		Forget feedForgetCmd `cmd:"" help:"Take refused records off the list that were settled with the back office in another way."`
	} `cmd:"" help:"The province's back office."`
	Conform conformCmd `cmd:"" help:"Play a terminal against any server and report, case by case, whether it speaks yeban.v1. Exit code 1 when a case fails."`
	Catalog struct {
		Lint catalogLintCmd `cmd:"" help:"Check a catalogue file or folder. Exit code 1 when a finding blocks publishing."`
	} `cmd:"" help:"Catalogues of items."`
}

// program is one invocation.
type program struct {
	ctx            context.Context
	stdin          io.Reader
	stdout, stderr io.Writer
	cli            commands
}

func newProgram(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) *program {
	return &program{ctx: ctx, stdin: stdin, stdout: stdout, stderr: stderr}
}

// exit is how kong is stopped after it has printed help.
type exit int

func (p *program) run(args []string) (code int) {
	defer func() {
		switch e := recover().(type) {
		case nil:
		case exit:
			code = int(e)
		default:
			panic(e)
		}
	}()
	parser, err := kong.New(&p.cli, kong.Name("hub"), kong.Writers(p.stdout, p.stderr),
		kong.Description("The province's side of Yeban."), kong.Help(help),
		kong.Exit(func(code int) { panic(exit(code)) }))
	if err != nil {
		return p.fail(err)
	}
	k, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(p.stderr, "hub: %v; see hub --help\n", err)
		return exitUsage
	}
	if err := k.Run(p); err != nil {
		return p.fail(err)
	}
	return exitOK
}

// These make the program end with exit code 1 and no further word.
var (
	errFindings = errors.New("catalogue has findings that block publishing")
	errBroken   = errors.New("a chain is broken")
)

// fail says in one line what is wrong and gives the exit code for it.
func (p *program) fail(err error) int {
	if errors.Is(err, errFindings) || errors.Is(err, errBroken) {
		return exitFailed
	}
	line := strings.ReplaceAll(err.Error(), "\n", "; ")
	code := exitFailed
	_, config := errors.AsType[*configError](err)
	switch {
	case config:
		code = exitConfig
	case errors.Is(err, syscall.EADDRINUSE):
		code = exitPort
		line += " (is another hub running? set listen: to another port)"
	case errors.Is(err, store.ErrForeign), errors.Is(err, store.ErrNewer), errors.Is(err, store.ErrVolatile):
		code = exitDatabase
	}
	fmt.Fprintln(p.stderr, "hub:", line)
	return code
}

// config reads the configuration as the flags ask for.
func (p *program) config() (Config, error) {
	return loadConfig(p.cli.Config, p.cli.Data)
}

// openStore opens the configured database for a command that is not serve.
func (p *program) openStore() (Config, *store.Store, error) {
	cfg, err := p.config()
	if err != nil {
		return cfg, nil, err
	}
	st, err := store.Open(p.ctx, cfg.Store, nil)
	if err != nil {
		return cfg, nil, fmt.Errorf("open %s: %w", store.RedactDSN(cfg.Store), err)
	}
	return cfg, st, nil
}

func (p *program) logger(cfg Config) *slog.Logger {
	return slog.New(slog.NewTextHandler(p.stderr, &slog.HandlerOptions{Level: cfg.LogLevel}))
}
