package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"

	"yeban/devices"
	"yeban/devices/printer"
)

// outcome is how a step of the self-test ended.
type outcome string

const (
	stepPassed  outcome = "passed"
	stepFailed  outcome = "failed"
	stepSkipped outcome = "skipped" // this terminal has no such device
)

// testStep is one device's part of the report.
type testStep struct {
	Device  devices.Kind   `json:"device"`
	Outcome outcome        `json:"outcome"`
	Millis  int64          `json:"millis,omitempty"`
	State   devices.State  `json:"state,omitempty"` // with what follows, where it failed
	Paper   devices.Paper  `json:"paper,omitempty"`
	Reason  devices.Reason `json:"reason,omitempty"`
	Error   string         `json:"error,omitempty"`
}

// testReport is what a self-test leaves behind. It holds nothing of the card.
type testReport struct {
	Kiosk   string     `json:"kiosk"`
	Version string     `json:"version"`
	Began   time.Time  `json:"began"`
	Ended   time.Time  `json:"ended"`
	Steps   []testStep `json:"steps"`
	Printed bool       `json:"printed"` // the report came out on paper
}

func (r *testReport) failed() bool {
	return slices.ContainsFunc(r.Steps, func(s testStep) bool { return s.Outcome == stepFailed })
}

// verdict is the key of the closing sentence.
func (r *testReport) verdict() string {
	if r.failed() {
		return "report.failed"
	}
	return "report.passed"
}

func (r *testReport) write(path string) error {
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if err := os.WriteFile(path, append(raw, '\n'), 0o644); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// printReport prints the report where the printer can. That it cannot is no further
// failure: its own step has said so.
func (t *selfTest) printReport(ctx context.Context, r *testReport) {
	if r.Steps[0].Outcome == stepSkipped || ctx.Err() != nil {
		return
	}
	doc := printer.Document{VoidText: t.words.say("page.void"), Lines: []printer.Line{
		{Text: t.words.say("report.title"), Align: printer.Center, Size: 2, Bold: true},
		{Text: r.Kiosk + "  " + r.Version},
		{Text: r.Ended.Format("2006-01-02 15:04:05")},
		{Rule: true},
	}}
	for _, s := range r.Steps {
		doc.Lines = append(doc.Lines, printer.Line{
			Text: t.words.say("step."+string(s.Outcome), t.words.say("kind."+string(s.Device)), t.words.remedy(s.Reason)),
		})
	}
	doc.Lines = append(doc.Lines, printer.Line{Rule: true}, printer.Line{Text: t.words.say(r.verdict()), Bold: true})
	wait := min(t.verb.Wait, 10*time.Second)
	err := use(ctx, t.hw.printer, wait, func(ctx context.Context, p *printer.Printer) error { return p.Print(ctx, doc) })
	r.Printed = err == nil
}
