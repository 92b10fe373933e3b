package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"yeban/hub/conform"
)

func TestConform(t *testing.T) {
	data := t.TempDir()
	mustHub(t, "--data", data, "init")
	config := filepath.Join(data, "hub.yaml")
	if err := os.WriteFile(config, []byte("data: "+data+"\nlimits: {ping: 1s, dead: 3s, settle: 0s}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tokenFile := filepath.Join(data, "token")
	mustHub(t, "--data", data, "kiosk", "add", "conform-1", "--number", "1", "--name", "试验终端", "--token-file", tokenFile)
	args := func(url string, more ...string) []string {
		return append([]string{"conform", "--url", "ws" + strings.TrimPrefix(url, "http"), "--kiosk", "conform-1",
			"--token-file", tokenFile, "--platform-key", filepath.Join(data, "platform.pub")}, more...)
	}

	wrong := httptest.NewServer(http.NotFoundHandler())
	defer wrong.Close()
	code, out, errs := hub(t, args(wrong.URL, "--json")...)
	if code != exitFailed || !strings.Contains(errs, "stay behind") || !strings.Contains(errs, "hub: 1 cases failed") {
		t.Errorf("exit %d: %s", code, errs)
	}
	lines := json.NewDecoder(strings.NewReader(out))
	var first conform.Result
	if err := lines.Decode(&first); err != nil || first.Verdict != conform.Fail || first.Spec == "" {
		t.Errorf("first line %+v, %v", first, err)
	}

	code, out, errs = hub(t, args("ws://127.0.0.1:1", "--platform-key", filepath.Join(data, "platform.key"))...)
	if code != exitFailed || out != "" || !strings.HasPrefix(errs, "hub: platform key") {
		t.Errorf("with a private key: exit %d: %s", code, errs)
	}

	h := startWith(t, config)
	out = mustHub(t, args(h.url, "--patience", "60s")...)
	if !regexp.MustCompile(`\n\d{2} passed, 0 failed, \d+ skipped\n$`).MatchString(out) {
		t.Errorf("the hub's own verdict on itself:\n%s", out)
	}
	if code := h.stop(); code != 0 {
		t.Errorf("exit %d: %s", code, h.log())
	}
}

// startWith is start for a configuration file.
func startWith(t *testing.T, config string) *served {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &served{t: t, ready: filepath.Join(t.TempDir(), "ready"), cancel: cancel, code: make(chan int, 1)}
	go func() {
		s.code <- run(ctx, []string{"--config", config, "--listen", "127.0.0.1:0", "--ready-file", s.ready}, strings.NewReader(""), s, s)
	}()
	s.url = awaitReady(t, s.ready, s.code)
	return s
}
