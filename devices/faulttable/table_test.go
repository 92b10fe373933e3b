// Package faulttable_test plays every behaviour that a device has been seen to have
// against each device and each serial driver, and holds what citizen and staff see of
// it. With -update it prints the result into ../README.md.
package faulttable_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"yeban/devices"
	"yeban/devices/evaluator"
	"yeban/devices/idcard"
	"yeban/devices/printer"
	"yeban/devices/serialport"
)

var update = flag.Bool("update", false, "print the table into ../README.md")

// TestMain lets the rows wait side by side: they wait for time-outs, not for the processor.
func TestMain(m *testing.M) {
	flag.Parse()
	flag.Set("test.parallel", "16")
	os.Exit(m.Run())
}

// row is one behaviour of one device.
type row struct {
	number    int
	behaviour string
	device    devices.Kind
	citizen   string // what the journey shows: a trouble, or a cause on the tiles
	staff     string // state and reason
	outcome   string
	make      string // of the evaluator
	polarity  evaluator.Polarity
	searched  bool // in all the terminal's sockets, see stand.place
	// play does it, checks the outcome, and gives what the citizen saw and how long
	// recovery took; zero where there was nothing to recover from.
	play func(*stand) (citizen string, recovery time.Duration)
}

const nothing = "nothing"

// rows is the table.
var rows = func() []row {
	all := slices.Concat(tenRows, socketRows, moreRows)
	slices.SortStableFunc(all, func(a, b row) int { return a.number - b.number })
	return all
}()

// cardWord is the journey's trouble for an error of reading a card.
func cardWord(err error) string {
	switch {
	case err == nil:
		return nothing
	case errors.Is(err, idcard.ErrLiftAndLayAgain), errors.Is(err, idcard.ErrNoCard):
		return "card.moved"
	case errors.Is(err, idcard.ErrWrongCard):
		return "card.unreadable"
	}
	return "card.reader"
}

// printWord is the journey's word for an error of printing.
func printWord(err error) string {
	switch {
	case err == nil:
		return nothing
	case errors.Is(err, printer.ErrUnconfirmed):
		return "receipt unproven"
	}
	return "receipt failed"
}

// rateWord: a rating that the device does not bring is asked for on the screen.
func rateWord(err error) string {
	if err == nil {
		return nothing
	}
	return "rating on screen"
}

func TestTenBehavioursOnEveryDeviceAndDriver(t *testing.T) {
	drivers := []serialport.Driver{serialport.Bugst, serialport.Tarm}
	var mu sync.Mutex
	times := map[string]time.Duration{}
	key := func(i int, d serialport.Driver) string { return fmt.Sprint(i, d) }
	t.Run("rows", func(t *testing.T) {
		for i, r := range rows {
			if r.play == nil {
				continue
			}
			for _, driver := range drivers {
				t.Run(fmt.Sprintf("%d %s %s %s", r.number, r.behaviour, r.device, driver), func(t *testing.T) {
					t.Parallel()
					s := newStand(t, r, driver)
					citizen, took := r.play(s)
					if citizen != r.citizen {
						t.Errorf("the citizen sees %q, want %q", citizen, r.citizen)
					}
					if r.staff == string(devices.Online) {
						s.calm()
					}
					mu.Lock()
					defer mu.Unlock()
					times[key(i, driver)] = took
				})
			}
		}
	})
	if t.Failed() || !*update {
		return
	}
	var table strings.Builder
	table.WriteString("| § 8 | behaviour | device | citizen sees | staff see | outcome | back after, bugst | tarm |\n|---|---|---|---|---|---|---|---|\n")
	for i, r := range rows {
		if r.play == nil {
			fmt.Fprintf(&table, "| %d | %s | %s | n/a | n/a | %s | | |\n", r.number, r.behaviour, r.device, r.outcome)
			continue
		}
		fmt.Fprintf(&table, "| %d | %s | %s | %s | %s | %s | %s | %s |\n", r.number, r.behaviour, r.device, r.citizen, r.staff, r.outcome,
			seconds(times[key(i, serialport.Bugst)]), seconds(times[key(i, serialport.Tarm)]))
	}
	if err := replaceTable("../README.md", table.String()); err != nil {
		t.Fatal(err)
	}
}

func seconds(d time.Duration) string {
	if d == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}

// replaceTable puts the table between its two marks in a file.
func replaceTable(path, table string) error {
	const begin, end = "<!-- fault table -->\n", "<!-- end -->\n"
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, found := bytes.Cut(raw, []byte(begin))
	_, after, closed := bytes.Cut(rest, []byte(end))
	if !found || !closed {
		return fmt.Errorf("%s has no place for the table", path)
	}
	return os.WriteFile(path, []byte(string(before)+begin+table+end+string(after)), 0o644)
}
