package printer_test

import (
	"testing"
	"time"

	"yeban/devices/printer"
	"yeban/devices/simulator"
)

// BenchmarkPrint prints a text receipt at the wire's own speed, 115200 baud, and tells
// which part of the line's rate was used.
func BenchmarkPrint(b *testing.B) {
	r := newRig(b, printer.Paper80(), func(c *simulator.Config, _ *printer.Options) { c.Speed = 1 })
	doc := receipt(80)
	atoms, err := printer.Encode(doc, printer.Paper80(), nil)
	if err != nil {
		b.Fatal(err)
	}
	size := 0
	for _, a := range atoms {
		size += len(a)
	}
	wire := time.Duration(size) * 10 * time.Second / 115200
	for b.Loop() {
		if err := r.p.Print(r.ctx, doc); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(100*float64(wire)*float64(b.N)/float64(b.Elapsed()), "%ofline")
	b.ReportMetric(float64(size), "bytes/job")
}
