package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		os.Exit(playRole(role))
	}
	os.Exit(m.Run())
}

func TestEveryFaultIsTried(t *testing.T) {
	var tried [13]bool
	for _, one := range trials() {
		tried[one.fault] = tried[one.fault] || !one.control
	}
	for fault := 1; fault < len(tried); fault++ {
		if !tried[fault] {
			t.Errorf("fault %d of twelve is not tried", fault)
		}
	}
}

// TestFaultsLoseNothing is the short form of the rig. What a machine cannot do is skipped
// with the reason.
func TestFaultsLoseNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("takes most of a minute")
	}
	r, err := newRig(t.Context(), options{size: small, seed: rand.Uint64(), log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log("data and logs:", r.dir)
			return
		}
		if err := os.RemoveAll(r.dir); err != nil {
			t.Error(err)
		}
	})
	for i, one := range trials() {
		t.Run(fmt.Sprintf("%d %s", one.fault, one.name), func(t *testing.T) {
			t.Parallel()
			row := &row{trial: one}
			r.runOne(t.Context(), i, row)
			switch {
			case row.skipped != "":
				t.Skip(row.skipped)
			case !row.passed():
				t.Errorf("seed %d: %s", r.seed, row.line())
			default:
				t.Log(row.line())
			}
		})
	}
}
