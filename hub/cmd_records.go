package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"yeban/hub/projector"
	"yeban/hub/store"
	"yeban/sync/record"
)

type recordsExportCmd struct {
	Kiosk string `help:"Only this terminal's." placeholder:"ID"`
}

func (c *recordsExportCmd) Run(p *program) (err error) {
	_, st, err := p.openStore()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	if err := known(p, st, c.Kiosk); err != nil {
		return err
	}
	w := bufio.NewWriter(p.stdout)
	line := json.NewEncoder(w)
	line.SetEscapeHTML(false)
	err = st.Export(p.ctx, c.Kiosk, func(l record.ExportLine) error { return line.Encode(l) })
	return errors.Join(err, w.Flush())
}

type recordsVerifyCmd struct {
	Kiosk string `help:"Only this terminal's." placeholder:"ID" xor:"what"`
	File  string `help:"Prove an export of a hub or a terminal instead of the database." placeholder:"FILE" xor:"what"`
	JSON  bool   `help:"Print a JSON line for each log."`
}

func (c *recordsVerifyCmd) Run(p *program) (err error) {
	if c.File != "" {
		return c.file(p)
	}
	_, st, err := p.openStore()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	if err := known(p, st, c.Kiosk); err != nil {
		return err
	}
	broken := false
	err = st.Prove(p.ctx, c.Kiosk, func(proof store.Proof) error {
		broken = broken || proof.Broken != nil
		return c.print(p, proof)
	})
	if err == nil && broken {
		err = errBroken
	}
	return err
}

func (c *recordsVerifyCmd) file(p *program) error {
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer f.Close()
	err = record.VerifyExport(p.ctx, f, func(l record.ExportedLog) {
		_ = c.print(p, store.Proof{Kiosk: l.Kiosk, Epoch: l.Epoch.String(), Entries: l.Last - l.After, Last: l.LastHash, Have: l.Last})
	})
	broken, ok := errors.AsType[*record.ExportError](err)
	if !ok {
		return err
	}
	err = c.print(p, store.Proof{Kiosk: broken.Kiosk, Epoch: broken.Epoch.String(),
		Broken: &store.Break{Seq: broken.Seq, Cause: fmt.Sprintf("line %d: %v", broken.Line, broken.Cause)}})
	return errors.Join(err, errBroken)
}

func (c *recordsVerifyCmd) print(p *program, proof store.Proof) error {
	switch {
	case c.JSON:
		return json.NewEncoder(p.stdout).Encode(proof)
	case proof.Broken != nil:
		_, err := fmt.Fprintf(p.stdout, "BROKEN %s %s at %d: %s\n", proof.Kiosk, proof.Epoch, proof.Broken.Seq, proof.Broken.Cause)
		return err
	}
	_, err := fmt.Fprintf(p.stdout, "whole  %s %s %d entries, last %s\n", proof.Kiosk, proof.Epoch, proof.Entries, proof.Last)
	return err
}

// parkedShown is how many parked records the verbs look at: more than a person can.
const parkedShown = 100_000

type recordsParkedCmd struct {
	JSON bool `help:"Print a JSON line for each."`
}

func (c *recordsParkedCmd) Run(p *program) (err error) {
	_, st, err := p.openStore()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	all, err := st.ParkedRecords(p.ctx, parkedShown)
	if err != nil {
		return err
	}
	slices.Reverse(all)
	if c.JSON {
		line := json.NewEncoder(p.stdout)
		for _, r := range all {
			if err := line.Encode(r); err != nil {
				return err
			}
		}
		return nil
	}
	w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "POSITION\tTERMINAL\tSEQ\tKIND\tRECEIPT\tPARKED\tREASON\tDETAIL")
	for _, r := range all {
		fmt.Fprintf(w, "%d\t%s\t%d\t%s\t%s\t%s\t%s\t%s\n", r.Pos, r.Kiosk, r.Seq, r.Kind, cmp.Or(r.Receipt, "-"),
			r.Parked.Format(time.RFC3339), r.Reason, oneLineOf(r.Detail))
	}
	return w.Flush()
}

type recordsRetryCmd struct {
	All       bool    `help:"All that are parked."`
	Positions []int64 `arg:"" optional:"" name:"position" help:"Positions, as hub records parked prints them."`
}

func (c *recordsRetryCmd) Run(p *program) (err error) {
	if c.All == (len(c.Positions) > 0) {
		return &configError{Msg: "records: want positions, or --all"}
	}
	cfg, st, err := p.openStore()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	again := projector.Projector{Store: st, Log: slog.New(slog.DiscardHandler)} // the outcome is printed here
	if again.Key, err = readKey(cfg.PlatformKey); err != nil {
		return err
	}
	if again.Catalogs, err = loadCatalogs(cfg.Catalog); err != nil {
		return err
	}
	if c.All {
		all, err := st.ParkedRecords(p.ctx, parkedShown)
		if err != nil {
			return err
		}
		for _, r := range slices.Backward(all) {
			c.Positions = append(c.Positions, r.Pos)
		}
	}
	for _, pos := range c.Positions {
		switch why, err := again.Again(p.ctx, pos); {
		case errors.Is(err, store.ErrNotFound):
			return fmt.Errorf("no record is parked at %d: %w", pos, err)
		case err != nil:
			return err
		case why != "":
			fmt.Fprintf(p.stdout, "parked   %d %s\n", pos, why)
		default:
			fmt.Fprintf(p.stdout, "released %d\n", pos)
		}
	}
	return nil
}

// known keeps a mistyped id from passing for a terminal whose chain is whole.
func known(p *program, st *store.Store, kiosk string) error {
	if kiosk == "" {
		return nil
	}
	_, err := st.Kiosk(p.ctx, kiosk)
	return err
}
