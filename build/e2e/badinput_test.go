package e2e

import (
	"bytes"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"yeban/build/stage"
)

// TestFullDiskIsSaidBeforeACitizenBegins asks for more free space than there is: the
// terminal stays up, offers nothing, and the hub knows.
func TestFullDiskIsSaidBeforeACitizenBegins(t *testing.T) {
	h := newHall(t, func(c *stage.Config) { c.Settings = "min_free_mb: 100000000\n" })
	h.start(h.StartHub, h.StartBench, h.StartKiosk)
	h.awaitStatus(`"unavailable"`, visit.Item)
	h.must(h.citizen.Tap(h.ctx, "item:"+visit.Item))
	h.must(h.citizen.Tap(h.ctx, "nav:language")) // is drawn after the first tap was handled
	if s, err := h.citizen.Look(); err != nil || s.State != "home" {
		t.Errorf("a citizen could begin: %v %v", s.State, err)
	}
}

// awaitStatus waits until the hub's newest word of the kiosk has all the given parts.
func (h *hall) awaitStatus(parts ...string) {
	h.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(h.Dir(), "hub", "hub.db")+"?mode=ro&_pragma=busy_timeout(5000)")
	h.must(err)
	defer db.Close()
	for {
		var status sql.NullString
		h.must(db.QueryRowContext(h.ctx, "SELECT status FROM kiosks WHERE id = ?", stage.KioskID).Scan(&status))
		missing := false
		for _, p := range parts {
			missing = missing || !strings.Contains(status.String, p)
		}
		if !missing {
			return
		}
		select {
		case <-h.ctx.Done():
			h.t.Fatalf("the hub never heard of %v; it knows %s", parts, status.String)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// TestDamagedOutboxIsSetAside starts on a file that is no database: it is kept for
// people to look at, and the next citizen is served.
func TestDamagedOutboxIsSetAside(t *testing.T) {
	h := newHall(t, nil)
	if err := os.WriteFile(filepath.Join(h.Outbox(), "outbox.db"), bytes.Repeat([]byte("damaged "), 8192), 0o600); err != nil {
		t.Fatal(err)
	}
	h.start(h.StartHub, h.StartBench, h.StartKiosk)
	if aside, _ := filepath.Glob(filepath.Join(h.Outbox(), "outbox.db.bad-*")); len(aside) != 1 {
		t.Errorf("set aside: %v", aside)
	}
	h.must(h.citizen.Submit(h.ctx, h.Control, visit))
	h.arrive(1)
}

// TestBrokenCatalogueNamesFileAndLine: a terminal does not begin with half a catalogue.
func TestBrokenCatalogueNamesFileAndLine(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "catalog.yaml")
	if err := os.WriteFile(broken, []byte("version: 2026.1.1\nitems:\n  - id: [not a name\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	h := newHall(t, func(c *stage.Config) { c.Catalog = broken })
	err := h.StartKiosk(h.ctx)
	if err == nil || !strings.Contains(err.Error(), "catalog.yaml:") {
		t.Errorf("StartKiosk = %v", err)
	}
}
