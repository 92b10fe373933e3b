package main

import (
	"bufio"
	"encoding/json"
	"errors"

	"yeban/sync/outbox"
	"yeban/sync/record"
)

type outboxExportVerb struct {
	Dir string `arg:"" help:"The terminal's data folder, or a copy of it."`
}

// Run writes one JSON line for each log and each of its entries, which prove themselves
// by their hashes (see record.ExportLine). Bodies stay sealed.
func (v outboxExportVerb) Run(s *streams) error {
	r, err := outbox.OpenReadOnly(v.Dir)
	if err != nil {
		return err
	}
	defer r.Close()
	w := bufio.NewWriter(s.out)
	line := json.NewEncoder(w)
	line.SetEscapeHTML(false)
	err = r.Export(s.ctx, func(l record.ExportLine) error { return line.Encode(l) })
	return errors.Join(err, w.Flush())
}
