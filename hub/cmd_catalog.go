package main

import (
	"encoding/json"
	"fmt"

	"yeban/catalog"
)

type catalogLintCmd struct {
	File string `arg:"" help:"Catalogue file, or folder with catalog.yaml and items/."`
	JSON bool   `help:"Print the findings as a JSON array."`
}

// finding is one line of --json.
type finding struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Rule    string `json:"rule"`
	Message string `json:"message"`
	Blocks  bool   `json:"blocks"`
}

func (c *catalogLintCmd) Run(p *program) error {
	found, err := catalog.Lint(c.File)
	if err != nil {
		return err
	}
	all, blocked := make([]finding, 0, len(found)), false
	for _, f := range found {
		all = append(all, finding(f))
		blocked = blocked || f.Blocks
	}
	if c.JSON {
		e := json.NewEncoder(p.stdout)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		if err := e.Encode(all); err != nil {
			return err
		}
	} else {
		for _, f := range all {
			fmt.Fprintf(p.stdout, "%s:%d: %s: %s\n", f.File, f.Line, f.Rule, f.Message)
		}
	}
	if blocked {
		return errFindings
	}
	return nil
}
