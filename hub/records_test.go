package main

import (
	"database/sql"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	_ "modernc.org/sqlite"

	"yeban/hub/store"
	"yeban/sync/record"
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

// TestWhatWaitsForAPersonIsTriedAgain: an application sealed for another key is parked, and
// one that the back office refused is on its list; both are tried again by a verb.
func TestWhatWaitsForAPersonIsTriedAgain(t *testing.T) {
	data, key := t.TempDir(), filepath.Join(t.TempDir(), "other")
	mustHub(t, "--data", data, "init")
	mustHub(t, "--data", key, "init")
	mustHub(t, "--data", data, "kiosk", "add", "hall-1", "--number", "1", "--name", "南门", "--token-file", filepath.Join(data, "token"))
	st, err := store.Open(t.Context(), "sqlite:"+filepath.Join(data, "hub.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := st.Attach(t.Context(), store.Claim{Kiosk: "hall-1", Epoch: testEpoch, First: 1, Last: 1})
	if err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(filepath.Join(key, "platform.pub"))
	if err != nil {
		t.Fatal(err)
	}
	public, err := record.ParsePublicKey(pem)
	if err != nil {
		t.Fatal(err)
	}
	e := sealedRating(t, public)
	if out, err := st.Commit(t.Context(), []store.Batch{{Kiosk: "hall-1", Fence: a.Fence, Epoch: testEpoch, Entries: []record.Entry{e}}}); err != nil || out[0].Err != nil {
		t.Fatal(err, out)
	}
	all, err := st.After(t.Context(), 0, 1)
	if err == nil {
		err = st.Project(t.Context(), "projector", 0, []store.Projection{{Entry: all[0], Parked: &store.Parked{Reason: "sealed", Detail: "does not open"}}})
	}
	if err == nil {
		_, _, err = st.ClaimFeed(t.Context(), "backoffice", "one", time.Hour)
	}
	if err == nil {
		err = st.MoveFeed(t.Context(), "backoffice", "one", 0, 1, false, nil)
	}
	if err != nil || st.Close() != nil {
		t.Fatal(err)
	}

	if out := mustHub(t, "--data", data, "records", "parked"); !strings.Contains(out, "hall-1") || !strings.Contains(out, "sealed") {
		t.Errorf("parked: %q", out)
	}
	var one store.Parked
	if out := mustHub(t, "--data", data, "records", "parked", "--json"); json.Unmarshal([]byte(out), &one) != nil || one.Pos != 1 || one.ID != e.ID {
		t.Errorf("parked as JSON: %q", out)
	}
	if out := mustHub(t, "--data", data, "records", "retry", "--all"); out != "parked   1 sealed\n" {
		t.Errorf("with the wrong key: %q", out)
	}
	other := filepath.Join(t.TempDir(), "hub.yaml")
	if err := os.WriteFile(other, []byte("data: "+data+"\nplatform_key: "+filepath.Join(key, "platform.key")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := mustHub(t, "--config", other, "records", "retry", "1"); out != "released 1\n" {
		t.Errorf("with the right one: %q", out)
	}
	for _, args := range [][]string{{"records", "retry", "1"}, {"feed", "retry", "01NOSUCH"}, {"feed", "forget", "01NOSUCH"}} {
		if code, _, errs := hub(t, append([]string{"--data", data}, args...)...); code != exitFailed {
			t.Errorf("%v: exit %d, %s", args, code, errs)
		}
	}
	for _, args := range [][]string{{"records", "retry"}, {"feed", "retry"}, {"feed", "retry", "--all", "x"}} {
		if code, _, errs := hub(t, append([]string{"--data", data}, args...)...); code != exitConfig {
			t.Errorf("%v: exit %d, %s", args, code, errs)
		}
	}
	// The feed has passed the record by and is told of it; then it is refused, and tried again.
	if out := mustHub(t, "--data", data, "feed", "status"); !strings.Contains(out, "again to backoffice: record "+e.ID) {
		t.Errorf("status: %q", out)
	}
	for _, verb := range []string{"retry", "forget"} {
		if out := mustHub(t, "--data", data, "feed", verb, e.ID); !strings.HasSuffix(out, ": 1\n") {
			t.Errorf("%s: %q", verb, out)
		}
	}
	if out := mustHub(t, "--data", data, "feed", "retry", "--all"); !strings.HasSuffix(out, ": 0\n") {
		t.Errorf("nothing left: %q", out)
	}
}

// sealedRating is the first entry of a log.
func sealedRating(t *testing.T, to record.PublicKey) record.Entry {
	t.Helper()
	r := record.Rating{ID: ulid.Make().String(), Application: ulid.Make().String(), Level: record.Satisfied, Source: record.RatingOnScreen, At: time.Now()}
	plain, err := record.Encode(r)
	if err != nil {
		t.Fatal(err)
	}
	e := record.Entry{Seq: 1, AtMs: 1, Kind: r.Kind(), ID: r.ID, Header: []byte(`{}`)}
	e.Key, e.Sealed, err = record.Seal(nil, to, plain, record.SealData(record.Origin{Epoch: testEpoch, Seq: 1}, e.Kind, e.ID))
	if err != nil {
		t.Fatal(err)
	}
	e.Hash = e.Sum(testEpoch)
	return e
}
