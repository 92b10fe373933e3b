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

// BenchmarkAppend appends applications of about 4 KB, and does as many raw flushes on the
// same disk, so that the ratios of the medians are of the same minute: fifty of the one and
// fifty of the other, and then both by turns. By turns a raw flush is the quicker, because
// the append before it leaves the file system's journal empty.
func BenchmarkAppend(b *testing.B) {
	dir := benchDir(b)
	o := open(b, outbox.Config{Dir: dir, Platform: platform().Public()})
	write := flushed(b, dir)
	answers := map[string]string{"x": strings.Repeat("x", 3200)}
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	timed := func(do func()) time.Duration { began := time.Now(); do(); return time.Since(began) }
	const block = 50
	var appends, raws [2][]time.Duration // in blocks, by turns
	for i := 0; b.Loop(); i++ {
		a := application(b, start.Add(time.Duration(i)*time.Second))
		a.Answers = answers
		how := i / block % 2
		appends[how] = append(appends[how], timed(func() {
			if _, err := o.Append(context.Background(), a); err != nil {
				b.Fatal(err)
			}
		}))
		switch {
		case how == 1:
			raws[1] = append(raws[1], timed(write))
		case i%block == block-1:
			for range block {
				raws[0] = append(raws[0], timed(write))
			}
		}
	}
	if len(raws[0]) == 0 || len(raws[1]) == 0 {
		return // too short
	}
	p50 := func(d []time.Duration) float64 { slices.Sort(d); return float64(d[len(d)/2].Nanoseconds()) }
	b.ReportMetric(p50(appends[0]), "append-p50-ns")
	b.ReportMetric(p50(raws[0]), "flush-p50-ns")
	b.ReportMetric(p50(appends[0])/p50(raws[0]), "x-of-one-flush")
	b.ReportMetric(p50(appends[1])/p50(raws[1]), "x-by-turns")
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
