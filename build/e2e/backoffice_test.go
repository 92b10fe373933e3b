package e2e

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"yeban/build/stage"
	"yeban/devices/simulator"
)

// TestBackOfficeAnswersTheCitizen hands in an application with the card's photo, lets a
// back office take it from the feed and ask for more, and has the citizen read that at
// the terminal.
func TestBackOfficeAnswersTheCitizen(t *testing.T) {
	h := newHall(t, nil)
	office := newOffice(t)
	h.start(h.StartHub, h.StartBench, h.StartKiosk)
	h.feed(office)
	v := visit
	v.Item = "social-card-reissue"
	h.must(h.citizen.Submit(h.ctx, h.Control, v))
	h.must(h.Printed(h.ctx, 1))
	h.must(h.citizen.Finish(h.ctx, h.Control, v))
	handedIn := h.arrive(1)[0]
	if got := office.await(h, 1); got != handedIn.id {
		t.Fatalf("the back office was told of %s, the province has %s", got, handedIn.id)
	}
	h.attached(handedIn.id)

	h.must(h.citizen.TapAway(h.ctx, "home:inquiry", "home"))
	h.must(stage.Work(h.ctx, h.Control, simulator.Request{Do: "lay", Card: v.Card}))
	h.must(h.citizen.AwaitState(h.ctx, "progress"))
	if _, err := h.citizen.Await(h.ctx, "the list", func(s stage.Screen) bool { _, ok := s.Find("inquiry:done"); return ok }); err != nil {
		t.Fatal(err)
	}
	if keep := os.Getenv("YEBAN_KEEP"); keep != "" {
		time.Sleep(300 * time.Millisecond) // until it is painted
		h.must(h.Display.Shot(filepath.Join(keep, "progress.png")))
	}
	h.must(h.citizen.TapAway(h.ctx, "inquiry:done", "progress"))
	h.must(stage.Work(h.ctx, h.Control, simulator.Request{Do: "lift"}))
	if err := h.Stage.Close(); err != nil {
		t.Error(err)
	}
	nothingPersonal(t, h, v.Card)
}

// office is a back office that asks every applicant for more.
type office struct {
	url  string
	mu   sync.Mutex
	told []string // applications
}

func newOffice(t *testing.T) *office {
	o := new(office)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var event struct{ ID, Type string }
		body, err := io.ReadAll(r.Body)
		if err != nil || json.Unmarshal(body, &event) != nil {
			t.Errorf("an event cannot be read: %v", err)
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if event.Type != "application" {
			return
		}
		o.mu.Lock()
		o.told = append(o.told, event.ID)
		o.mu.Unlock()
		fmt.Fprintf(w, `{"results": [{"application": %q, "state": "needs-more", "reason": "请补交近期一寸照片。", "at": %q}]}`, event.ID, time.Now().Format(time.RFC3339))
	}))
	t.Cleanup(s.Close)
	o.url = s.URL
	return o
}

// await waits until the office was told of n applications and gives the last.
func (o *office) await(h *hall, n int) string {
	h.t.Helper()
	for {
		o.mu.Lock()
		told := o.told
		o.mu.Unlock()
		if len(told) >= n {
			return told[n-1]
		}
		select {
		case <-h.ctx.Done():
			h.t.Fatalf("the back office was told of %d of %d applications", len(told), n)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// feed starts hub feed against an office; it ends with the test.
func (h *hall) feed(o *office) {
	h.t.Helper()
	settings := filepath.Join(h.Dir(), "hub.yaml")
	if out, err := exec.Command(filepath.Join(bin, "hub"), "--config", settings, "feed", "secret").CombinedOutput(); err != nil {
		h.t.Fatalf("hub feed secret: %v: %s", err, out)
	}
	log, err := os.Create(filepath.Join(h.Dir(), "feed.log"))
	h.must(err)
	cmd := exec.Command(filepath.Join(bin, "hub"), "--config", settings, "feed", "--to", o.url)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	h.must(cmd.Start())
	h.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			h.t.Errorf("hub feed: %v", err)
		}
		log.Close()
	})
}

// attached waits until everything that an application lists is at the province.
func (h *hall) attached(application string) {
	h.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(h.Dir(), "hub", "hub.db")+"?mode=ro&_pragma=busy_timeout(5000)")
	h.must(err)
	defer db.Close()
	for {
		var listed, there int
		h.must(db.QueryRowContext(h.ctx, `SELECT count(*), count(CASE WHEN b.complete_at > 0 THEN 1 END)
			FROM attachments a LEFT JOIN blobs b ON b.kiosk = a.kiosk AND b.hash = a.hash WHERE a.record = ?`, application).Scan(&listed, &there))
		if listed == 1 && there == 1 {
			return
		}
		select {
		case <-h.ctx.Done():
			h.t.Fatalf("%d of %d attachments are at the province", there, listed)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
