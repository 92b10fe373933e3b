package main

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"yeban/hub/store"
	"yeban/sync/record"
)

// hub is a real one, in a process of its own.
type hub struct {
	*child
	url      string // of the console
	dsn      string
	platform record.PublicKey
}

// token is what a kiosk of these runs shows.
func token(kiosk string) string { return "TOKEN" + strings.ToUpper(strings.ReplaceAll(kiosk, "-", "")) }

// kioskID names the nth, from 1.
func kioskID(n int) string { return fmt.Sprintf("k%05d", n) }

// startHub makes a hub with so many kiosks. An empty dsn means SQLite in its own folder.
// It answers like one that has run for more than the first minute, in which terminals are
// asked to wait.
func (r *rig) startHub(name, dsn string, kiosks int, secure bool) (*hub, error) {
	dir, err := r.folder(name)
	if err != nil {
		return nil, err
	}
	if dsn == "" {
		dsn = "sqlite:" + filepath.Join(dir, "hub.db")
	}
	config := filepath.Join(dir, "hub.yaml")
	text := fmt.Sprintf("listen: 127.0.0.1:0\ndata: %s\nstore: %q\nlog_level: ERROR\nlimits:\n  settle_busy: 0s\n", dir, dsn)
	if secure {
		cert, key, err := selfSigned(dir)
		if err != nil {
			return nil, err
		}
		text += fmt.Sprintf("tls:\n  cert: %s\n  key: %s\n", cert, key)
	}
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	if out, err := exec.CommandContext(r.ctx, r.hub, "--config", config, "init").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("hub init: %w: %s", err, out)
	}
	if err := register(r.ctx, dsn, kiosks); err != nil {
		return nil, err
	}
	pem, err := os.ReadFile(filepath.Join(dir, "platform.pub"))
	if err != nil {
		return nil, err
	}
	h := &hub{dsn: dsn}
	if h.platform, err = record.ParsePublicKey(pem); err != nil {
		return nil, err
	}
	ready := filepath.Join(dir, "ready")
	if h.child, err = r.start(exec.Command(r.hub, "--config", config, "serve", "--ready-file", ready)); err != nil {
		return nil, err
	}
	h.url, err = r.fileWithText(ready)
	return h, err
}

// register adds the kiosks as hub kiosk add does, in this process, because it is about
// the time after.
func register(ctx context.Context, dsn string, kiosks int) error {
	st, err := store.Open(ctx, dsn, nil)
	if err != nil {
		return err
	}
	for n := range kiosks {
		id := kioskID(n + 1)
		if err := st.AddKiosk(ctx, store.Kiosk{ID: id, Number: n + 1, Name: id}, token(id), false); err != nil {
			return errors.Join(err, st.Close())
		}
	}
	return st.Close()
}

// socket is where kiosks dial.
func (h *hub) socket() string { return "ws" + strings.TrimPrefix(h.url, "http") }

// query asks the hub's database for one number.
func (h *hub) query(ctx context.Context, question string) (n int64, err error) {
	driver, name := "pgx", h.dsn
	if path, ok := strings.CutPrefix(h.dsn, "sqlite:"); ok {
		driver, name = "sqlite", path
	}
	db, err := sql.Open(driver, name)
	if err != nil {
		return 0, err
	}
	defer db.Close()
	err = db.QueryRowContext(ctx, question).Scan(&n)
	return n, err
}

// exactlyOnce proves that the hub holds so many entries of each of so many kiosks, without
// gaps.
func (h *hub) exactlyOnce(ctx context.Context, kiosks, each int) error {
	whole, err := h.query(ctx, fmt.Sprintf(`SELECT count(*) FROM (SELECT kiosk FROM entries GROUP BY kiosk
		HAVING count(*) = %d AND min(seq) = 1 AND max(seq) = %d AND count(DISTINCT seq) = %d) AS whole`, each, each, each))
	if err != nil {
		return err
	}
	if whole != int64(kiosks) {
		return fmt.Errorf("only %d of %d kiosks have exactly their %d records at the hub", whole, kiosks, each)
	}
	return nil
}

// metric reads one number without labels from /metrics.
func (h *hub) metric(ctx context.Context, name string) (float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	answer, err := insecure.Do(req)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			return strconv.ParseFloat(text, 64)
		}
	}
	return 0, fmt.Errorf("hub has no metric %s", name)
}
