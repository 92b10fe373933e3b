package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"yeban/catalog"
	"yeban/devices"
	"yeban/devices/idcard"
	"yeban/devices/simulator"
	"yeban/kiosk/journey"
)

// seenByCitizen is what this program makes of a device's errors and conditions, in the
// words of the fault table in ../devices/README.md, whose tests have copies of it.
func seenByCitizen(t *testing.T) (words []string) {
	t.Helper()
	for _, c := range []struct {
		err  error
		word string
	}{
		{idcard.ErrLiftAndLayAgain, "card.moved"},
		{idcard.ErrNoCard, "card.moved"},
		{idcard.ErrWrongCard, "card.unreadable"},
		{idcard.ErrSilent, "card.reader"},
		{idcard.ErrGarbled, "card.reader"},
		{devices.ErrNotReady, "card.reader"},
	} {
		if got := "card." + string(cardTrouble(fmt.Errorf("read card: %w", c.err))); got != c.word {
			t.Errorf("%v: the citizen sees %q, the table's tests say %q", c.err, got, c.word)
		}
		words = append(words, c.word)
	}
	for _, c := range []struct {
		faults simulator.PrinterFaults
		word   string
	}{
		{simulator.PrinterFaults{}, "nothing"},
		{simulator.PrinterFaults{UnplugAfter: 3}, "receipt unproven"},
		{simulator.PrinterFaults{MarkerMute: true}, "receipt failed"},
	} {
		if got := printedWith(t, c.faults); got != c.word {
			t.Errorf("%+v: the citizen sees %q, the table's tests say %q", c.faults, got, c.word)
		}
		words = append(words, c.word)
	}
	return append(words, "rating on screen") // by any error of the evaluator
}

// printedWith is what the citizen sees of a receipt on a printer with faults.
func printedWith(t *testing.T, faults simulator.PrinterFaults) string {
	t.Helper()
	sim, config := onBench(t)
	cfg, err := loadConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		t.Fatal(err)
	}
	hw := newHardware(cfg, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	ended := make(chan error, 1)
	updates, stop := hw.printer.Subscribe()
	go func() { ended <- hw.printer.Run(ctx) }()
	defer func() { cancel(); <-ended; stop() }()
	for online := false; !online; {
		select {
		case s := <-updates:
			online = s.State == devices.Online
		case <-ctx.Done():
			t.Fatal("the printer never came online")
		}
	}
	sim.Printer.SetFaults(faults)
	template := &catalog.Catalog{Receipt: slices.Repeat([]catalog.ReceiptLine{{Text: "test page"}}, 40)}
	p := receiptPrinter{worker: hw.printer, catalog: func() *catalog.Catalog { return template }, void: "VOID", due: new(atomic.Int32)}
	switch err := p.PrintReceipt(ctx, journey.PrintedReceipt{}); {
	case err == nil:
		return "nothing"
	case errors.Is(err, journey.ErrPrintUnproven):
		return "receipt unproven"
	}
	return "receipt failed"
}

func TestFaultTableSaysWhatTheCitizenSees(t *testing.T) {
	words := seenByCitizen(t)
	raw, err := os.ReadFile("../devices/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(raw), "<!-- fault table -->\n")
	table, _, found := strings.Cut(table, "<!-- end -->")
	lines := strings.Split(strings.TrimSpace(table), "\n")
	if !found || len(lines) < 30 {
		t.Fatalf("a fault table of %d lines", len(lines))
	}
	for _, line := range lines[2:] {
		cells := strings.Split(line, " | ")
		if len(cells) < 6 || cells[3] == "n/a" {
			continue
		}
		behaviour, device, citizen := cells[1], cells[2], cells[3]
		state, reason, _ := strings.Cut(strings.TrimSuffix(cells[4], ", once plugged in"), " ")
		s := devices.Status{Kind: devices.Kind(device), State: devices.State(state), Reason: devices.Reason(reason)}
		if s.Reason == devices.ReasonPaperOut {
			s.Paper = devices.PaperOut
		}
		broken := map[devices.Kind]journey.Cause{devices.IDCard: journey.CauseReader, devices.Printer: journey.CausePrinter}[s.Kind]
		if cause, tile := strings.CutPrefix(citizen, "tile: "); tile {
			if got := usable(s, broken); string(got) != cause {
				t.Errorf("%s: with %s the tiles say %q, the table %q", behaviour, cells[4], got, cause)
			}
		} else if !slices.Contains(words, citizen) {
			t.Errorf("%s: the table says that the citizen sees %q, which the kiosk never shows", behaviour, citizen)
		}
	}
}
