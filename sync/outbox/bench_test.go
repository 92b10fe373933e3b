package outbox_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"yeban/sync/outbox"
	"yeban/sync/record"
)

// benchDir is on the disk to be measured: set YEBAN_BENCH_DIR where the system's
// temporary folder is in memory.
func benchDir(b *testing.B) string {
	b.Helper()
	dir, err := os.MkdirTemp(os.Getenv("YEBAN_BENCH_DIR"), "bench")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// flushed is one raw 4 KB append with fdatasync, the measure of all durable writes.
func flushed(b *testing.B, dir string) func() {
	b.Helper()
	f, err := os.OpenFile(filepath.Join(dir, "raw"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { f.Close() })
	block := make([]byte, 4<<10)
	return func() {
		if _, err := f.Write(block); err != nil {
			b.Fatal(err)
		}
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFdatasync(b *testing.B) {
	write := flushed(b, benchDir(b))
	for b.Loop() {
		write()
	}
}

// BenchmarkAppend appends applications of about 4 KB, and after each does one raw
// flush on the same disk, so that the ratio of the medians is of the same minute.
func BenchmarkAppend(b *testing.B) {
	dir := benchDir(b)
	o := open(b, outbox.Config{Dir: dir, Platform: platform().Public()})
	write := flushed(b, dir)
	answers := map[string]string{"x": strings.Repeat("x", 3200)}
	var appends, raws []time.Duration
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := 0; b.Loop(); i++ {
		a := application(b, start.Add(time.Duration(i)*time.Second))
		a.Answers = answers
		began := time.Now()
		if _, err := o.Append(context.Background(), a); err != nil {
			b.Fatal(err)
		}
		appends = append(appends, time.Since(began))
		began = time.Now()
		write()
		raws = append(raws, time.Since(began))
	}
	p50 := func(d []time.Duration) float64 { slices.Sort(d); return float64(d[len(d)/2].Nanoseconds()) }
	b.ReportMetric(p50(appends), "append-p50-ns")
	b.ReportMetric(p50(raws), "flush-p50-ns")
	b.ReportMetric(p50(appends)/p50(raws), "x-of-one-flush")
}

// BenchmarkOpen is a restart with a backlog, checks included.
func BenchmarkOpen(b *testing.B) {
	const queued = 2000
	dir := benchDir(b)
	cfg := outbox.Config{Dir: dir, Platform: platform().Public()}
	o := open(b, cfg)
	for i := range queued {
		if _, err := o.Append(context.Background(), record.Rating{ID: fmt.Sprint(i), Application: strings.Repeat("a", 3500)}); err != nil {
			b.Fatal(err)
		}
	}
	o.Close()
	for b.Loop() {
		o, err := outbox.Open(cfg)
		if err != nil {
			b.Fatal(err)
		}
		o.Close()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/queued, "ns/entry")
}
