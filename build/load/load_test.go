package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// TestMain is also what a rig starts again with another verb.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && slices.Contains([]string{"fill", "nats-hub", "post-hub"}, os.Args[1]) {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestSmallRuns: what measures must not rot between two measurements. Each of them proves
// that the hub holds every record exactly once.
func TestSmallRuns(t *testing.T) {
	bin := os.Getenv("YEBAN_BIN")
	if bin == "" {
		t.Skip("YEBAN_BIN names no programs; build/test does")
	}
	for name, verb := range map[string]interface{ Run(*rig) error }{
		"restart": &restartCmd{Records: 50, Bytes: 4096},
		"backlog": &backlogCmd{Records: 200, Bytes: 4096, Singly: 20},
		"intake":  &intakeCmd{Kiosks: 10, Records: 30, Bytes: 4096, Batch: 16 << 10, Store: "sqlite"},
		"storm":   &stormCmd{Kiosks: 20, Records: 3, Bytes: 512, TLS: true},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
			defer cancel()
			r, err := newRig(ctx, filepath.Join(bin, "hub"), t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			defer r.close()
			if err := verb.Run(r); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestPercentile(t *testing.T) {
	var d []time.Duration
	for i := range 100 {
		d = append(d, time.Duration(99-i))
	}
	for p, want := range map[int]time.Duration{0: 0, 50: 50, 99: 99, 100: 99} {
		if got := percentile(d, p); got != want {
			t.Errorf("p%d is %d, want %d", p, got, want)
		}
	}
	if percentile(nil, 50) != 0 {
		t.Error("of nothing")
	}
}
