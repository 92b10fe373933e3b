package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	if role := os.Getenv(roleVariable); role != "" {
		os.Exit(playRole(role))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the whole program; its result is the exit code: 0 when nothing was lost, doubled
// or out of order and every control failed as it must, 1 otherwise, 2 for a wrong flag.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("faults", flag.ContinueOnError)
	flags.SetOutput(stderr)
	often := flags.Bool("long", false, "1,000 kills and 200 power cuts among the rest; 12 minutes with --jobs 2")
	only := flags.Int("only", 0, "run the fault of this `number` only")
	jobs := flags.Int("jobs", 1, "how many faults at a `time`; recovery is slower then")
	seed := flags.Uint64("seed", 0, "repeat the random choices of an earlier run")
	write := flags.Bool("write", false, "write the table to build/FAULTS.md as well, when it is whole")
	keep := flags.Bool("keep", false, "leave data and logs behind")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	o := options{size: short, jobs: *jobs, seed: *seed, log: stderr}
	if *often {
		o.size = long
	}
	r, err := newRig(ctx, o)
	if err != nil {
		fmt.Fprintln(stderr, "faults:", err)
		return 1
	}
	t := r.runAll(ctx, *only)
	if *keep {
		fmt.Fprintln(stderr, "data and logs:", r.dir)
	} else if err := os.RemoveAll(r.dir); err != nil {
		fmt.Fprintln(stderr, "faults:", err)
	}
	t.print(stdout)
	if *write && *only == 0 && ctx.Err() == nil { // half a table would say what is not so
		path := filepath.Join(r.root, "build", "FAULTS.md")
		if err := os.WriteFile(path, t.markdown(), 0o644); err != nil {
			fmt.Fprintln(stderr, "faults:", err)
			return 1
		}
	}
	if !t.passed() {
		return 1
	}
	return 0
}
