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
	Verify outboxVerifyVerb `cmd:"" help:"Check the chain from end to end, and every attachment; exit 1 where something is broken."`
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
	blobs, err := r.Blobs(s.ctx, v.Dir, false)
	if err != nil {
		return err
	}
	if v.JSON {
		return printJSON(s.out, struct {
			outbox.Stats
			Attachments outbox.BlobReport `json:"attachments"`
		}{stats, blobs})
	}
	fmt.Fprintf(s.out, "epoch        %s\nentries      %d to %d\n", stats.Epoch, stats.First, stats.Last)
	for kind, n := range stats.Counts {
		fmt.Fprintf(s.out, "  %-10s %d\n", kind, n)
	}
	fmt.Fprintf(s.out, "acknowledged up to %d\nqueued       %d\n", stats.Acked, stats.Queued)
	if stats.Queued > 0 {
		fmt.Fprintf(s.out, "oldest unsent since %s (%s)\n", stats.OldestUnsent.Format(time.RFC3339), stats.OldestAge.Round(time.Second))
	}
	printBlobs(s.out, blobs)
	return nil
}

func printBlobs(w io.Writer, b outbox.BlobReport) {
	fmt.Fprintf(w, "attachments  %d, %d bytes: %d sent, %d held\n", b.Listed, b.Bytes, b.Sent, b.Held)
	if b.Loose > 0 {
		fmt.Fprintf(w, "  no record lists %d files\n", b.Loose)
	}
	for _, bad := range b.Bad {
		where := "not at the hub"
		if bad.Sent {
			where = "the hub has it"
		}
		fmt.Fprintf(w, "  bad: %s, %s: %s\n", bad.Hash, where, bad.What)
	}
}

type outboxVerifyVerb struct {
	Dir  string `arg:"" help:"The terminal's data folder, or a copy of it."`
	JSON bool   `help:"Print JSON."`
}

// Run opens the outbox read-only, walks its chain and reads its attachments.
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
	blobs, err := r.Blobs(s.ctx, v.Dir, true)
	if err != nil {
		return fmt.Errorf("verify outbox: %w", err)
	}
	if v.JSON {
		err = printJSON(s.out, struct {
			outbox.Report
			Attachments outbox.BlobReport `json:"attachments"`
		}{report, blobs})
	} else {
		entries := 0
		for _, n := range report.Counts {
			entries += n
		}
		_, err = fmt.Fprintf(s.out, "chain is whole: %d entries, %d to %d, epoch %s\n", entries, report.First, report.Last, report.Epoch)
		printBlobs(s.out, blobs)
	}
	if err == nil && len(blobs.Bad) > 0 {
		return fmt.Errorf("verify outbox: %d of %d attachments cannot be read as they were listed", len(blobs.Bad), blobs.Listed)
	}
	return err
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
