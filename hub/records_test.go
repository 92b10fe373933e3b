package main

import (
	"database/sql"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite"

	"yeban/hub/store"
)

func TestRecordsAreExportedAndProved(t *testing.T) {
	data := t.TempDir()
	mustHub(t, "--data", data, "init")
	file := filepath.Join(data, "hub.db")
	for i, id := range []string{"hall-1", "hall-2"} {
		mustHub(t, "--data", data, "kiosk", "add", id, "--number", []string{"1", "2"}[i], "--name", "南门", "--token-file", filepath.Join(data, id))
		st, err := store.Open(t.Context(), "sqlite:"+file, nil)
		if err != nil {
			t.Fatal(err)
		}
		a, err := st.Attach(t.Context(), store.Claim{Kiosk: id, Epoch: testEpoch, First: 1, Last: 9})
		if err == nil {
			_, err = st.Commit(t.Context(), []store.Batch{{Kiosk: id, Fence: a.Fence, Epoch: testEpoch, Entries: chain(9)}})
		}
		if err != nil || st.Close() != nil {
			t.Fatal(err)
		}
	}
	verify := func(want int, args ...string) string {
		t.Helper()
		code, out, errs := hub(t, append([]string{"--data", data, "records", "verify"}, args...)...)
		if code != want {
			t.Errorf("verify %v: exit %d, %s%s", args, code, out, errs)
		}
		return out
	}
	if out := verify(exitOK); strings.Count(out, "whole") != 2 {
		t.Errorf("verify says %q", out)
	}
	verify(exitFailed, "--kiosk", "hall-3")

	export := mustHub(t, "--data", data, "records", "export", "--kiosk", "hall-2")
	if strings.Count(export, "\n") != 10 || strings.Contains(export, "hall-1") {
		t.Errorf("export says %q", export)
	}
	exported := filepath.Join(t.TempDir(), "hall-2.jsonl")
	if err := os.WriteFile(exported, []byte(export), 0o600); err != nil {
		t.Fatal(err)
	}
	verify(exitOK, "--file", exported)
	if err := os.WriteFile(exported, []byte(strings.Replace(export, `"seq":4`, `"seq":5`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := verify(exitFailed, "--file", exported); !strings.HasPrefix(out, "BROKEN hall-2 "+testEpoch.String()+" at 4:") {
		t.Errorf("tampered export: %q", out)
	}

	db, err := sql.Open("sqlite", file)
	if err == nil {
		_, err = db.Exec(`UPDATE entries SET at_ms = at_ms - 3600000 WHERE kiosk = 'hall-1' AND seq = 6`)
	}
	if err != nil || db.Close() != nil {
		t.Fatal(err)
	}
	var proof store.Proof
	out := verify(exitFailed, "--kiosk", "hall-1", "--json")
	if json.Unmarshal([]byte(out), &proof) != nil || proof.Entries != 5 || proof.Broken == nil || proof.Broken.Seq != 6 {
		t.Errorf("tampered database: %q", out)
	}
	verify(exitOK, "--kiosk", "hall-2")
	if code, _, errs := hub(t, "--data", data, "records", "export"); code != exitFailed || !strings.Contains(errs, "broken at 6") {
		t.Errorf("export of a tampered database: exit %d, %s", code, errs)
	}
}
