package main

import (
	"context"
	"errors"
	"html"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"yeban/sync/link"
	"yeban/sync/outbox"
	"yeban/sync/protocol"
	"yeban/sync/record"
)

var clearForms = regexp.MustCompile(`action="(/alarms/[^"]+/clear)"`)

// TestARestoredDiskIsTroubleOnTheConsole: a terminal goes on from an old image of its disk.
// The hub has more than that image, so their logs contradict each other; staff are told of
// it, with a remedy, until one of them has looked after it, and nothing is lost.
func TestARestoredDiskIsTroubleOnTheConsole(t *testing.T) {
	data := t.TempDir()
	mustHub(t, "--data", data, "init")
	tokenFile := filepath.Join(data, "token")
	mustHub(t, "--data", data, "kiosk", "add", "hall-1", "--number", "1", "--name", "南门", "--token-file", tokenFile)
	const password = "a-long-test-password"
	if code, _, errs := hubWith(t, password+"\n", "--data", data, "user", "add", "li", "--password-stdin"); code != 0 {
		t.Fatal(errs)
	}
	cfg, err := loadConfig("", data)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Listen, cfg.Limits.Settle = "127.0.0.1:0", 0
	m := &Main{Config: cfg, Log: slog.New(slog.DiscardHandler)}
	if err := m.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	pem, err := os.ReadFile(filepath.Join(data, "platform.pub"))
	if err != nil {
		t.Fatal(err)
	}
	platform, err := record.ParsePublicKey(pem)
	if err != nil {
		t.Fatal(err)
	}
	token, err := os.ReadFile(tokenFile)
	if err != nil {
		t.Fatal(err)
	}

	disk, image := t.TempDir(), t.TempDir()
	var handed []string // over all visits: each has a receipt number of its own
	visit := func(dir string, check func(*kiosk)) {
		t.Helper()
		box, err := outbox.Open(outbox.Config{Dir: dir, Platform: platform})
		if err != nil {
			t.Fatal(err)
		}
		var l *link.Link
		status := func() protocol.Status {
			s := protocol.Status{Visit: "home"}
			if l.State().Conflicts > 0 { // as the terminal's program says it
				s.Troubles = append(s.Troubles, protocol.TroubleConflict)
			}
			return s
		}
		if l, err = link.New(link.Config{URL: "ws" + strings.TrimPrefix(m.URL(), "http"), Token: strings.TrimSpace(string(token)), Kiosk: "hall-1",
			Software: "test", Outbox: box, CatalogVersion: func() string { return "" }, Status: status, MinBackoff: 10 * time.Millisecond, MaxBackoff: 200 * time.Millisecond}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- l.Run(ctx) }()
		k := &kiosk{id: "hall-1", number: 1, box: box, link: l, appended: handed}
		eventually(t, "the terminal", func() bool { return l.State().Connected })
		if err := k.visit(); err != nil {
			t.Error(err)
		}
		handed = k.appended
		eventually(t, "delivery", k.delivered)
		check(k)
		cancel()
		if err := errors.Join(<-done, box.Close()); err != nil {
			t.Error(err)
		}
	}
	none := func(k *kiosk) {
		if n := k.link.State().Conflicts; n != 0 {
			t.Errorf("%d conflicts", n)
		}
	}
	visit(disk, none)
	if err := os.CopyFS(image, os.DirFS(disk)); err != nil {
		t.Fatal(err)
	}
	visit(disk, none)

	desk := logIn(t, m.URL(), "li", password)
	page := func(path string) string {
		t.Helper()
		r, err := desk.client.Get(m.URL() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		text, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return html.UnescapeString(string(text))
	}
	const what, remedy = "终端日志与平台记录相互矛盾", "请查明是否另有机器在用同一终端身份"
	if strings.Contains(page("/attention")+page("/terminals/hall-1"), what) {
		t.Error("trouble before there is any")
	}
	visit(image, func(k *kiosk) {
		if n := k.link.State().Conflicts; n != 1 {
			t.Errorf("%d conflicts", n)
		}
		for _, path := range []string{"/terminals/hall-1", "/attention"} {
			eventually(t, path, func() bool {
				text := page(path)
				return strings.Contains(text, what) && strings.Contains(text, remedy)
			})
		}
	})
	// It is of the past by itself never.
	if text := page("/attention"); !strings.Contains(text, what) || !strings.Contains(text, "终端日志比平台短") {
		t.Error("the trouble has gone with the terminal")
	}
	for _, form := range clearForms.FindAllStringSubmatch(page("/attention"), -1) {
		desk.post(form[1], "csrf", csrfField.FindStringSubmatch(page("/attention"))[1])
	}
	if strings.Contains(page("/attention"), remedy) {
		t.Error("it was looked after, and is still there")
	}
	if n := strings.Count(page("/applications"), "社会保障卡补领"); n < 3 {
		t.Errorf("%d applications of three visits", n)
	}
}
