package main

import (
	"strings"
	"testing"

	"github.com/oklog/ulid/v2"

	"yeban/sync/outbox"
	"yeban/sync/record"
)

func TestOutboxExport(t *testing.T) {
	key, err := record.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	o, err := outbox.Open(outbox.Config{Dir: dir, Platform: key.Public()})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close() // open all the while, as on a terminal that serves
	for range 3 {
		r := record.Rating{ID: ulid.Make().String(), Application: ulid.Make().String(), Level: record.Satisfied}
		if _, err := o.Append(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	code, out, errs := call(t, "", "outbox", "export", dir)
	if code != 0 || strings.Count(out, "\n") != 4 {
		t.Fatalf("exit %d, %s%s", code, out, errs)
	}
	logs := 0
	err = record.VerifyExport(t.Context(), strings.NewReader(out), func(l record.ExportedLog) { logs++ })
	if err != nil || logs != 1 {
		t.Errorf("%d logs, %v", logs, err)
	}
	if code, _, errs := call(t, "", "outbox", "export", t.TempDir()); code == 0 || errs == "" {
		t.Error("an empty folder was exported")
	}
}
