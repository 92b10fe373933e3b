// Command load measures how fast and how large the way of a record is: one kiosk with a
// long queue beside other products, a thousand kiosks at once, eighteen thousand idle
// ones, and all of them coming back together. It starts real hubs as processes, measures
// the disk in the same run, and prints a line for each figure.
//
// It belongs to build/bench, and to nobody's hall.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

// commands is the command line.
type commands struct {
	Hub   string        `help:"The hub program to measure." default:"bin/hub" placeholder:"FILE"`
	Dir   string        `help:"Folder on the disk to measure; everything is made in a folder of its own below it, and removed." placeholder:"DIR"`
	Limit time.Duration `help:"Give up after so long." default:"6m"`

	Backlog backlogCmd `cmd:"" help:"One kiosk drains a long queue to a hub; beside it a NATS leaf and HTTP POST."`
	Restart restartCmd `cmd:"" help:"One kiosk is killed with a long queue and started again."`
	Intake  intakeCmd  `cmd:"" help:"Many kiosks send at once."`
	Idle    idleCmd    `cmd:"" help:"Many kiosks are connected and have nothing to send but their condition."`
	Storm   stormCmd   `cmd:"" help:"Many kiosks with queues come back at the same moment."`

	NATSHub natsHubCmd `cmd:"" name:"nats-hub" hidden:""`
	PostHub postHubCmd `cmd:"" name:"post-hub" hidden:""`
	Fill    fillCmd    `cmd:"" hidden:""`
}

func main() {
	var cli commands
	k := kong.Parse(&cli, kong.Name("load"), kong.Description("Measures speed and scale of Yeban's record path."), kong.UsageOnError())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, cli.Limit)
	defer cancel()
	r, err := newRig(ctx, cli.Hub, cli.Dir)
	if err == nil {
		err = k.Run(r)
		r.close()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}
