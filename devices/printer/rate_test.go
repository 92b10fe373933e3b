package printer_test

import (
	"fmt"
	"testing"
	"time"

	"yeban/devices/printer"
	"yeban/devices/serialport"
	"yeban/devices/simulator"
)

// BenchmarkPrint prints a text receipt at the wire's own speed and tells which part of the
// line's rate was used.
func BenchmarkPrint(b *testing.B) {
	for _, c := range []struct {
		baud, buffer, lines int
		proof               printer.Proof
	}{
		{115200, 4096, 80, printer.BySensor},
		{115200, 4096, 80, printer.ByJobID},
		{115200, 512, 80, printer.BySensor},
		{115200, 45, 80, printer.BySensor},
		{9600, 4096, 80, printer.BySensor},
		{9600, 512, 80, printer.BySensor},
		{9600, 45, 20, printer.BySensor},
	} {
		b.Run(fmt.Sprintf("%d/%dB%s", c.baud, c.buffer, c.proof), func(b *testing.B) {
			profile := printer.Paper80()
			profile.BufferBytes, profile.Proof = c.buffer, c.proof
			r := newRig(b, profile, func(s *simulator.Config, o *printer.Options, port *serialport.Config) {
				s.Speed, s.PrinterBaud, o.Baud, port.Baud = 1, c.baud, c.baud, c.baud
			})
			doc := receipt(c.lines)
			atoms, err := printer.Encode(doc, profile, nil)
			if err != nil {
				b.Fatal(err)
			}
			size := 0
			for _, a := range atoms {
				size += len(a)
			}
			wire := time.Duration(size) * 10 * time.Second / time.Duration(c.baud)
			// The first poll is for getting to know the printer.
			if _, err := r.p.Poll(r.ctx); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if err := r.p.Print(r.ctx, doc); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(100*float64(wire)*float64(b.N)/float64(b.Elapsed()), "%ofline")
			b.ReportMetric(float64(size), "bytes/job")
			if n := r.bench.Printer.State().Overruns; n > 0 {
				b.Errorf("%d bytes overran the buffer", n)
			}
		})
	}
}
