package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"yeban/sync/outbox"
)

type outboxVerb struct {
	Status outboxStatusVerb `cmd:"" help:"Counts and the oldest record not yet sent."`
	Verify outboxVerifyVerb `cmd:"" help:"Check the chain from end to end; exit 1 where it is broken."`
	Export outboxExportVerb `cmd:"" help:"Print every entry with its chain as JSON lines for auditors. Bodies stay sealed."`
}

type outboxStatusVerb struct {
	Dir  string `arg:"" help:"The terminal's data folder, or a copy of it."`
	JSON bool   `help:"Print JSON."`
}

// Run opens the outbox read-only.
func (v outboxStatusVerb) Run(s *streams) error {
	r, err := outbox.OpenReadOnly(v.Dir)
	if err != nil {
		return err
	}
	defer r.Close()
	stats, err := r.Stats(time.Now())
	if err != nil {
		return err
	}
	if v.JSON {
		return printJSON(s.out, stats)
	}
	fmt.Fprintf(s.out, "epoch        %s\nentries      %d to %d\n", stats.Epoch, stats.First, stats.Last)
	for kind, n := range stats.Counts {
		fmt.Fprintf(s.out, "  %-10s %d\n", kind, n)
	}
	fmt.Fprintf(s.out, "acknowledged up to %d\nqueued       %d\n", stats.Acked, stats.Queued)
	if stats.Queued > 0 {
		fmt.Fprintf(s.out, "oldest unsent since %s (%s)\n", stats.OldestUnsent.Format(time.RFC3339), stats.OldestAge.Round(time.Second))
	}
	return nil
}

type outboxVerifyVerb struct {
	Dir  string `arg:"" help:"The terminal's data folder, or a copy of it."`
	JSON bool   `help:"Print JSON."`
}

// Run opens the outbox read-only and walks its chain.
func (v outboxVerifyVerb) Run(s *streams) error {
	r, err := outbox.OpenReadOnly(v.Dir)
	if err != nil {
		return err
	}
	defer r.Close()
	report, err := r.Verify(s.ctx, time.Now())
	if err != nil {
		return fmt.Errorf("verify outbox: %w", err)
	}
	if v.JSON {
		return printJSON(s.out, report)
	}
	entries := 0
	for _, n := range report.Counts {
		entries += n
	}
	_, err = fmt.Fprintf(s.out, "chain is whole: %d entries, %d to %d, epoch %s\n", entries, report.First, report.Last, report.Epoch)
	return err
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
