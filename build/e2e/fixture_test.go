package e2e

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"yeban/build/stage"
	"yeban/devices/simulator"
)

// bin is where the programs under test are; TestMain builds them unless YEBAN_BIN says.
var bin string

// repo is the root of the tree.
const repo = "../.."

func TestMain(m *testing.M) {
	os.Exit(func() int {
		bin = os.Getenv("YEBAN_BIN")
		if bin == "" {
			dir, err := os.MkdirTemp("", "yeban-bin")
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
			defer os.RemoveAll(dir)
			bin = dir
			cmd := exec.Command("go", "build", "-tags", "x11,gles", "-o", bin+"/", "./kiosk", "./hub")
			cmd.Dir = repo
			if out, err := cmd.CombinedOutput(); err != nil {
				fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
				return 1
			}
		}
		return m.Run()
	}())
}

// hall is a stage on a virtual display of its own.
type hall struct {
	*stage.Stage
	t       *testing.T
	ctx     context.Context
	citizen *stage.Citizen
}

// patience bounds a whole test; machines are slow and noisy.
const patience = 100 * time.Second

func newHall(t *testing.T, change func(*stage.Config)) *hall {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	cfg := stage.Config{Bin: bin, Dir: t.TempDir(), Listen: "127.0.0.1:0", Width: 1080, Height: 1920, Scale: "1", BenchX: -1}
	var err error
	if cfg.Catalog, err = filepath.Abs(filepath.Join(repo, "assets/catalog")); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(&cfg)
	}
	display, err := stage.NewDisplay(cfg.Width, cfg.Height)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(display.Close)
	s, err := stage.Setup(cfg, display)
	if err != nil {
		t.Fatal(err)
	}
	h := &hall{Stage: s, t: t, ctx: ctx, citizen: s.Citizen("")}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			for _, p := range []*stage.Process{s.Hub, s.Kiosk, s.Bench} {
				if p != nil {
					t.Logf("%s:\n%s", p.Name, p.Tail())
				}
			}
			if keep := os.Getenv("YEBAN_KEEP"); keep != "" {
				_ = display.Shot(filepath.Join(keep, t.Name()+".png"))
			}
		}
	})
	return h
}

// must ends the test where a step failed.
func (h *hall) must(err error) {
	h.t.Helper()
	if err != nil {
		if keep := os.Getenv("YEBAN_KEEP"); keep != "" {
			_ = h.Display.Shot(filepath.Join(keep, h.t.Name()+"-failed.png"))
		}
		h.t.Fatal(err)
	}
}

var visit = stage.Visit{Item: "residence-permit-endorsement", Card: "resident", Rating: 5, Dates: stage.Date, Text: stage.Phone}

// application is one row as the province has it.
type application struct{ id, number, item string }

// applications reads the hub's database from outside, as an auditor would.
func (h *hall) applications() []application {
	h.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(h.Dir(), "hub", "hub.db")+"?mode=ro&_pragma=busy_timeout(5000)")
	h.must(err)
	defer db.Close()
	rows, err := db.QueryContext(h.ctx, "SELECT id, receipt_number, item FROM applications")
	h.must(err)
	defer rows.Close()
	var all []application
	for rows.Next() {
		var a application
		h.must(rows.Scan(&a.id, &a.number, &a.item))
		all = append(all, a)
	}
	h.must(rows.Err())
	return all
}

// entries counts what the hub has committed, of any kind.
func (h *hall) entries() int {
	h.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(h.Dir(), "hub", "hub.db")+"?mode=ro&_pragma=busy_timeout(5000)")
	h.must(err)
	defer db.Close()
	var n int
	h.must(db.QueryRowContext(h.ctx, "SELECT count(*) FROM entries").Scan(&n))
	return n
}

// awaitEntries waits until the hub has committed n entries of any kind.
func (h *hall) awaitEntries(n int) {
	h.t.Helper()
	for h.entries() < n {
		select {
		case <-h.ctx.Done():
			h.t.Fatalf("the hub has %d of %d entries", h.entries(), n)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// arrive waits until the province has n applications.
func (h *hall) arrive(n int) []application {
	h.t.Helper()
	for {
		if all := h.applications(); len(all) >= n {
			return all
		}
		select {
		case <-h.ctx.Done():
			h.t.Fatalf("the province has %d of %d applications", len(h.applications()), n)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// rating waits for the rating of an application.
func (h *hall) rating(application string) (level int) {
	h.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(h.Dir(), "hub", "hub.db")+"?mode=ro&_pragma=busy_timeout(5000)")
	h.must(err)
	defer db.Close()
	for {
		err := db.QueryRowContext(h.ctx, "SELECT level FROM ratings WHERE application = ?", application).Scan(&level)
		if err == nil {
			return level
		}
		if !errors.Is(err, sql.ErrNoRows) {
			h.must(err)
		}
		select {
		case <-h.ctx.Done():
			h.t.Fatal("the rating never reached the province")
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// outbox asks the kiosk's own verb, on the live folder.
func (h *hall) outbox() (stats struct {
	Queued uint64         `json:"queued"`
	Last   uint64         `json:"last"`
	Counts map[string]int `json:"counts"`
}) {
	h.t.Helper()
	cmd := exec.Command(filepath.Join(bin, "kiosk"), "outbox", "status", "--json", h.Outbox())
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		h.t.Fatalf("outbox status: %v: %s", err, errs.String())
	}
	h.must(json.Unmarshal(out, &stats))
	return stats
}

// start brings up the named parts in order.
func (h *hall) start(parts ...func(context.Context) error) {
	h.t.Helper()
	for _, p := range parts {
		h.must(p(h.ctx))
	}
}

// receipts are what has come out of the printer whole, as text.
func (h *hall) receipts() []simulator.Receipt {
	h.t.Helper()
	answer, err := h.Control.Do(h.ctx, simulator.Request{Do: "receipts"})
	h.must(err)
	return answer.Receipts
}
