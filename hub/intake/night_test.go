package intake

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"yeban/hub/bus"
	"yeban/hub/projector"
	"yeban/hub/store"
	"yeban/sync/command"
	"yeban/sync/link"
	"yeban/sync/protocol"
	"yeban/sync/record"
)

// TestANightWithTheRealTerminal puts the kiosk's own outbox, notebook and link against
// this hub: an application with attachments, an order, a question for progress, with a
// hub that restarts in between.
func TestANightWithTheRealTerminal(t *testing.T) {
	key := platformKey(t)
	st, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "hub.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	if err := st.AddKiosk(t.Context(), store.Kiosk{ID: "hall-1", Number: 1, Name: "南门"}, "token-hall-1", false); err != nil {
		t.Fatal(err)
	}
	tagger, err := projector.NewTagger(key)
	if err != nil {
		t.Fatal(err)
	}
	desk := &projector.Desk{Store: st, Key: key, Tagger: tagger}
	b, err := bus.Open("", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	h := &night{t: t, store: st, bus: b, hints: make(chan string, 256)}
	unlisten, err := b.Listen(bus.Anything, func(s string) {
		select {
		case h.hints <- s:
		default:
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer unlisten()
	cfg := Config{Flush: 20 * time.Millisecond, Progress: desk}
	h.open(cfg)

	dir := t.TempDir()
	o := openBox(t, dir, key.Public())
	runs := make(chan map[string]string, 4)
	notes, err := command.Open(command.Config{Dir: dir, Now: time.Now, Actions: map[protocol.CommandName]command.Action{
		protocol.CommandReopen: {Do: func(_ context.Context, args map[string]string) error { runs <- args; return nil }}}})
	if err != nil {
		t.Fatal(err)
	}
	defer notes.Close()
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- notes.Run(ctx) }()
	defer func() { cancel(); <-ran }()

	photo, strokes := bytes.Repeat([]byte("photo"), 30_000), []byte(`[[1,2],[3,4]]`)
	a := application(t)
	for role, content := range map[record.BlobRole][]byte{record.BlobCardPhoto: photo, record.BlobSignature: strokes} {
		ref, err := o.PutBlob(t.Context(), role, "application/octet-stream", content)
		if err != nil {
			t.Fatal(err)
		}
		a.Blobs = append(a.Blobs, ref)
	}
	if _, err := o.Append(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	first := h.order(protocol.CommandReopen, "printer")
	l, stop := startLink(t, o, h.address, func(cfg *link.Config) {
		cfg.Blobs, cfg.Commands, cfg.Platform = o.Outbox, notes, key.Public()
	})
	o.delivered(t)
	h.until("the order has ended", func() bool { return h.state(first) == protocol.CommandDone })
	if args := <-runs; args["device"] != "printer" {
		t.Errorf("ran with %v", args)
	}
	h.until("all attachments are here", func() bool {
		all, err := st.AttachedBlobs(t.Context(), "hall-1", a.ID)
		if err != nil || len(all) != 2 {
			t.Fatalf("attachments %+v, %v", all, err)
		}
		return !all[0].Complete.IsZero() && !all[1].Complete.IsZero()
	})
	for _, ref := range a.Blobs {
		r, _, err := st.Blob(t.Context(), "hall-1", ref.Hash)
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		content, err := record.OpenBlob(key, sealed)
		if want := map[record.BlobRole][]byte{record.BlobCardPhoto: photo, record.BlobSignature: strokes}[ref.Role]; err != nil || !bytes.Equal(content, want) {
			t.Errorf("%s: %d bytes, %v", ref.Role, len(content), err)
		}
	}

	h.close()
	second := h.order(protocol.CommandReopen, "idcard") // while the hub's intake is away
	h.open(cfg)
	defer h.close()
	h.until("the order given meanwhile has ended", func() bool { return h.state(second) == protocol.CommandDone })
	<-runs
	if len(runs) > 0 {
		t.Error("an order was run twice")
	}
	exactlyOnce(t, st, key, []string{a.ID})
	said := time.UnixMilli(1_790_000_000_000)
	if _, err := st.SaveResult(t.Context(), store.Result{Application: a.ID, State: protocol.ResultDone, At: said}); err != nil {
		t.Fatal(err)
	}
	list, err := l.Progress(t.Context(), a.Applicant.IDNumber)
	if err != nil || len(list) != 1 || list[0].ReceiptNumber != a.ReceiptNumber || list[0].State != protocol.ResultDone || !list[0].At.Equal(said) {
		t.Errorf("progress %v, %v", list, err)
	}
	if list, err := l.Progress(t.Context(), "340104190001010028"); err != nil || len(list) != 0 {
		t.Errorf("a stranger's progress %v, %v", list, err)
	}
	stop()
}

// night is an intake that comes and goes over a store that stays.
type night struct {
	t      *testing.T
	store  *store.Store
	bus    *bus.Bus
	hints  chan string
	server *Server
	http   *httptest.Server
	where  atomic.Value // string
}

func (n *night) open(cfg Config) {
	n.t.Helper()
	var err error
	if n.server, err = New(cfg, n.store, n.bus, slog.New(slog.DiscardHandler), prometheus.NewRegistry(), nil); err != nil {
		n.t.Fatal(err)
	}
	n.http = httptest.NewServer(n.server)
	n.where.Store(n.http.Listener.Addr().String())
}

func (n *night) close() {
	if err := n.server.Close(); err != nil {
		n.t.Error(err)
	}
	n.http.Close()
}

func (n *night) address() string { return n.where.Load().(string) }

func (n *night) order(name protocol.CommandName, device string) string {
	n.t.Helper()
	id, err := n.store.GiveCommand(n.t.Context(), store.Command{Kiosk: "hall-1", GivenBy: "li", Command: protocol.Command{
		Name: name, Args: map[string]string{"device": device}, Expires: time.Now().Add(time.Hour)}}, "::1")
	if err != nil {
		n.t.Fatal(err)
	}
	n.bus.Hint(bus.Command("hall-1"))
	return id
}

func (n *night) state(id string) (state protocol.CommandState) {
	n.t.Helper()
	all, err := n.store.Commands(n.t.Context(), "hall-1", 10)
	if err != nil {
		n.t.Fatal(err)
	}
	for _, c := range all {
		if c.ID == id {
			state = c.State
		}
	}
	return state
}

// until waits for a hint after which ok holds.
func (n *night) until(what string, ok func() bool) {
	n.t.Helper()
	limit := time.After(2 * patience)
	for !ok() {
		select {
		case <-n.hints:
		case <-limit:
			n.t.Fatalf("waited in vain: %s", what)
		}
	}
}
