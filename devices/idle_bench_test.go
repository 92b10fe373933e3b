package devices_test

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"yeban/devices"
	"yeban/devices/evaluator"
	"yeban/devices/idcard"
	"yeban/devices/printer"
	"yeban/devices/serialport"
	"yeban/devices/simulator"
)

// onSimulator gives the workers of a terminal's devices as they are configured there,
// on simulated devices.
func onSimulator(b *testing.B) (*simulator.Bench, map[devices.Kind]supervised) {
	b.Helper()
	dir := b.TempDir()
	sim, err := simulator.New(simulator.Config{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { sim.Close() })
	line := func(ctx context.Context, kind devices.Kind, baud int) (serialport.Port, error) {
		return serialport.Open(ctx, serialport.Config{Path: filepath.Join(dir, string(kind)), Baud: baud})
	}
	name := func(k devices.Kind) devices.Config { return devices.Config{Name: string(k), Kind: k} }
	return sim, map[devices.Kind]supervised{
		devices.IDCard: devices.NewWorker(name(devices.IDCard), func(ctx context.Context) (*idcard.Reader, error) {
			port, err := line(ctx, devices.IDCard, 115200)
			if err != nil {
				return nil, err
			}
			return idcard.New(port), nil
		}),
		devices.Printer: devices.NewWorker(name(devices.Printer), func(ctx context.Context) (*printer.Printer, error) {
			port, err := line(ctx, devices.Printer, 115200)
			if err != nil {
				return nil, err
			}
			return printer.New(port, printer.Paper80(), printer.Options{}), nil
		}),
		devices.Evaluator: devices.NewWorker(name(devices.Evaluator), func(ctx context.Context) (evaluator.Evaluator, error) {
			port, err := line(ctx, devices.Evaluator, 9600)
			if err != nil {
				return nil, err
			}
			return evaluator.Open(evaluator.EV1, port, evaluator.Options{})
		}),
	}
}

// supervised is a Worker without the type of its driver.
type supervised interface {
	Run(context.Context) error
	Subscribe() (<-chan devices.Status, func())
}

// online runs a worker until the benchmark ends, and waits until its device works.
func online(b *testing.B, w supervised) <-chan devices.Status {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	updates, stop := w.Subscribe()
	b.Cleanup(func() { cancel(); <-ended; stop() })
	seen(b, updates, devices.Online)
	return updates
}

func seen(b *testing.B, updates <-chan devices.Status, state devices.State) {
	b.Helper()
	for limit := time.After(30 * time.Second); ; {
		select {
		case s := <-updates:
			if s.State == state {
				return
			}
		case <-limit:
			b.Fatalf("never %s", state)
		}
	}
}

// BenchmarkIdle tells which part of a core it takes to look after one idle device. The
// simulator lives in the same process and is counted, too: the figure is an upper bound.
// An operation is a second.
func BenchmarkIdle(b *testing.B) {
	for _, kind := range []devices.Kind{devices.IDCard, devices.Printer, devices.Evaluator} {
		b.Run(string(kind), func(b *testing.B) {
			_, workers := onSimulator(b)
			online(b, workers[kind])
			before := processorTime(b)
			for b.Loop() {
				time.Sleep(time.Second)
			}
			b.ReportMetric(100*(processorTime(b)-before).Seconds()/b.Elapsed().Seconds(), "%core")
		})
	}
}

func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkStatusSeen tells how long after the cover moved a subscriber knows it, at any
// moment between two polls.
func BenchmarkStatusSeen(b *testing.B) {
	sim, workers := onSimulator(b)
	updates := online(b, workers[devices.Printer])
	random := rand.New(rand.NewPCG(1, 2))
	open := false
	var took []time.Duration
	for b.Loop() {
		time.Sleep(time.Duration(random.IntN(500)) * time.Millisecond)
		open = !open
		want := map[bool]devices.State{true: devices.UserError, false: devices.Online}[open]
		start := time.Now()
		sim.Printer.SetCover(open)
		seen(b, updates, want)
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "p95-ms")
	b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "max-ms")
}
