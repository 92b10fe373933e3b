package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"yeban/hub/store"
	"yeban/sync/protocol"
	"yeban/sync/record"
)

const patience = 60 * time.Second

// TestMain lets the test binary be the program, so that a real process can be killed.
func TestMain(m *testing.M) {
	if os.Getenv("YEBAN_TEST_BE_HUB") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// hub runs the program in process until it ends.
func hub(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	return hubWith(t, "", args...)
}

func hubWith(t *testing.T, stdin string, args ...string) (code int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(t.Context(), args, strings.NewReader(stdin), &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

func mustHub(t *testing.T, args ...string) string {
	t.Helper()
	code, out, errs := hub(t, args...)
	if code != 0 {
		t.Fatalf("hub %v: exit %d, %s", args, code, errs)
	}
	return out
}

func oneLine(t *testing.T, errs string) {
	t.Helper()
	if strings.Count(errs, "\n") != 1 || !strings.HasPrefix(errs, "hub: ") || strings.Contains(errs, "goroutine") {
		t.Errorf("not one clear line: %q", errs)
	}
}

func TestFromNothingToALoggedInConsole(t *testing.T) {
	data := filepath.Join(t.TempDir(), "hub")
	mustHub(t, "--data", data, "init")
	if info, err := os.Stat(filepath.Join(data, "platform.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("private key: %v, %v", info.Mode(), err)
	}
	if text, err := os.ReadFile(filepath.Join(data, "platform.pub")); err != nil {
		t.Error(err)
	} else if _, err := record.ParsePublicKey(text); err != nil {
		t.Error(err)
	}
	code, _, errs := hub(t, "--data", data, "init")
	if code != exitFailed || !strings.Contains(errs, "exists already") {
		t.Errorf("second init: exit %d, %s", code, errs)
	}
	oneLine(t, errs)

	out := mustHub(t, "--data", data, "user", "add", "li")
	if !regexp.MustCompile(`(?m)^password [a-z0-9-]{23}$`).MatchString(out) {
		t.Errorf("no password in %q", out)
	}
	if code, _, errs := hub(t, "--data", data, "user", "add", "li"); code != exitFailed {
		t.Errorf("twice: exit %d, %s", code, errs)
	}
	if code, _, errs := hubWith(t, "a-long-test-password\n", "--data", data, "user", "add", "wang", "--password-stdin"); code != 0 {
		t.Errorf("password from stdin: %s", errs)
	}
	if code, _, _ := hubWith(t, "short\n", "--data", data, "user", "add", "zhao", "--password-stdin"); code != exitFailed {
		t.Errorf("short password: exit %d", code)
	}

	tokenFile := filepath.Join(t.TempDir(), "secrets", "token")
	add := []string{"--data", data, "kiosk", "add", "hall-1", "--number", "1", "--name", "南门", "--region", "340104", "--token-file", tokenFile}
	if out := mustHub(t, add...); strings.Contains(out, "token ") && !strings.Contains(out, "token file") {
		t.Errorf("token is printed: %q", out)
	}
	first, err := os.ReadFile(tokenFile)
	if info, e := os.Stat(tokenFile); err != nil || e != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("token file: %v %v", err, e)
	}
	if code, _, _ := hub(t, add...); code != exitFailed {
		t.Errorf("the same terminal twice: exit %d", code)
	}
	mustHub(t, append(add, "--replace")...)
	if again, _ := os.ReadFile(tokenFile); !bytes.Equal(first, again) {
		t.Error("--replace with a token file is not idempotent")
	}
	for _, bad := range [][]string{{"Hall 1", "1"}, {"hall-2", "0"}, {"hall-2", "100000"}, {"hall-2", "1"}} {
		code, _, errs := hub(t, "--data", data, "kiosk", "add", bad[0], "--number", bad[1], "--name", "x")
		if code != exitFailed {
			t.Errorf("%v: exit %d", bad, code)
		}
		oneLine(t, errs)
	}

	h := start(t, data)
	get := func(path string) int {
		r, err := http.Get(h.url + path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		return r.StatusCode
	}
	for _, path := range []string{"/healthz", "/metrics", "/", "/static/console.css"} {
		if got := get(path); got != http.StatusOK {
			t.Errorf("%s: %d", path, got)
		}
	}
	c := dial(t, h.url, strings.TrimSpace(string(first)))
	if w := c.hello(0); w.Have != 0 {
		t.Errorf("welcome %+v", w)
	}
	begun := time.Now()
	if code := h.stop(); code != 0 {
		t.Errorf("exit %d: %s", code, h.log())
	}
	// Four seconds by its own limits; the rest is for a machine that is busy elsewhere.
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("took %v to stop", took)
	}
	if f, err := c.Receive(); err != nil || f.Method != protocol.MethodDrain {
		t.Errorf("the terminal heard %s, %v; want DRAIN", f.Method, err)
	}
	if _, err := os.Stat(h.ready); !os.IsNotExist(err) {
		t.Error("the ready file outlived the hub")
	}
}

func TestWrongConfigurationIsOneClearLine(t *testing.T) {
	dir := t.TempDir()
	write := func(text string) string {
		path := filepath.Join(dir, "hub.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	data := filepath.Join(dir, "data")
	mustHub(t, "--data", data, "init")
	for name, c := range map[string]struct{ yaml, want string }{
		"unknown key":        {"listen: 127.0.0.1:0\nlimits:\n  sessions: 3h\n", "hub.yaml: line 3: unknown key sessions"},
		"wrong type":         {"listen: 127.0.0.1:0\nlimits:\n  connections: many\n", "hub.yaml: line 3: "},
		"no yaml":            {"listen: [\n", "hub.yaml: "},
		"half of tls":        {"tls: {cert: hub.crt}\n", "tls: "},
		"authority alone":    {"tls: {client_ca: ca.pem}\n", "tls: "},
		"no certificate":     {"data: DATA\ntls: {cert: nowhere.crt, key: nowhere.key}\n", "tls: "},
		"wrong address":      {"listen: nowhere\n", "listen: "},
		"wrong limit":        {"limits: {ping: 10ms}\n", "limits: "},
		"another database":   {"store: mysql:x\n", "store: "},
		"no platform key":    {"data: " + dir + "/none\n", "run hub init"},
		"broken catalogue":   {"", "catalogue: "},
		"missing file":       {"", "read settings"},
		"unknown log level":  {"log_level: LOUD\n", "LOUD"},
		"platform key is no": {"platform_key: " + filepath.Join(dir, "hub.yaml") + "\n", "PEM"},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(strings.Replace(c.yaml, "DATA", data, 1))
			switch name {
			case "missing file":
				path = filepath.Join(dir, "nowhere.yaml")
			case "broken catalogue":
				path = write("data: " + data + "\ncatalog: " + filepath.Join(dir, "hub.yaml") + "\n")
			}
			code, _, errs := hub(t, "serve", "--config", path)
			if code != exitConfig || !strings.Contains(errs, c.want) {
				t.Errorf("exit %d: %s", code, errs)
			}
			oneLine(t, errs)
		})
	}
	if code, _, errs := hub(t, "dance"); code != exitUsage {
		t.Errorf("unknown command: exit %d: %s", code, errs)
	}
}

func TestPortAndDatabaseOfOthers(t *testing.T) {
	data := t.TempDir()
	mustHub(t, "--data", data, "init")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	code, _, errs := hub(t, "--data", data, "serve", "--listen", taken.Addr().String())
	if code != exitPort || !strings.Contains(errs, "another hub") {
		t.Errorf("port in use: exit %d: %s", code, errs)
	}
	oneLine(t, errs)
	if err := os.WriteFile(filepath.Join(data, "hub.db"), bytes.Repeat([]byte("garbage "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, wal := range []string{"hub.db-wal", "hub.db-shm"} {
		os.Remove(filepath.Join(data, wal))
	}
	code, _, errs = hub(t, "--data", data, "serve", "--listen", "127.0.0.1:0")
	if code != exitDatabase {
		t.Errorf("broken database: exit %d: %s", code, errs)
	}
	oneLine(t, errs)
}

func TestHelpListsEverything(t *testing.T) {
	out := mustHub(t, "--help")
	for _, want := range []string{"--config FILE", "--ready-file FILE", "--token-file FILE", "--password-stdin", "--json", "catalog lint",
		"127.0.0.1:8340", "var/hub", "limits.connections", "limits.settle_busy", "tls.client_ca", "18000", "log_level", "Exit codes"} {
		if !strings.Contains(out, want) {
			t.Errorf("help lacks %q", want)
		}
	}
	if out := mustHub(t, "kiosk", "add", "--help"); !strings.Contains(out, "--number") {
		t.Errorf("help of a command: %s", out)
	}
}

func TestCatalogLint(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.yaml")
	if err := os.WriteFile(path, []byte("version: 1\nnonsense: true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := hub(t, "catalog", "lint", path)
	if code != exitFailed || errs != "" || !regexp.MustCompile(`(?m)^`+regexp.QuoteMeta(path)+`:\d+: \S+: .+$`).MatchString(out) {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	code, out, _ = hub(t, "catalog", "lint", "--json", path)
	var found []finding
	if err := json.Unmarshal([]byte(out), &found); err != nil || code != exitFailed || len(found) == 0 || !found[0].Blocks {
		t.Errorf("exit %d: %s (%v)", code, out, err)
	}
}

// TestCommittedSurvivesKill kills a real hub process while a terminal is sending, many
// times; whatever was acknowledged is there, once, and the terminal goes on behind it.
func TestCommittedSurvivesKill(t *testing.T) {
	data := t.TempDir()
	mustHub(t, "--data", data, "init")
	out := mustHub(t, "--data", data, "kiosk", "add", "hall-1", "--number", "1", "--name", "南门")
	token := regexp.MustCompile(`token (\S+)`).FindStringSubmatch(out)[1]
	log := chain(4000)
	var acked uint64
	for round := range 4 {
		h := startProcess(t, data, fmt.Sprint(round))
		c := dial(t, h.url, token)
		w := c.hello(uint64(len(log)))
		if w.Have < acked {
			t.Fatalf("round %d: %d were acknowledged, the hub has %d", round, acked, w.Have)
		}
		if w.Have > 0 && w.HaveHash != log[w.Have-1].Hash {
			t.Fatalf("round %d: another hash at %d", round, w.Have)
		}
		// Killed by another goroutine when a few records are acknowledged: somewhere
		// between a commit and its acknowledgement, or in the midst of a commit.
		begun := acked
		go func() {
			for next := w.Have; next < uint64(len(log)); next += 5 {
				if c.send(log[next:min(next+5, uint64(len(log)))]) != nil {
					return
				}
			}
		}()
		for {
			f, err := c.Receive()
			if err != nil {
				break
			}
			var a protocol.Ack
			if f.Method == protocol.MethodAck && f.Decode(&a) == nil {
				acked = a.Have
			}
			if acked > begun+uint64(50+100*round) {
				if err := h.cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = h.cmd.Wait()
	}
	st, err := store.Open(t.Context(), "sqlite:"+filepath.Join(data, "hub.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	all, err := st.After(t.Context(), 0, len(log)+1)
	if err != nil {
		t.Fatal(err)
	}
	if uint64(len(all)) < acked {
		t.Fatalf("%d entries, %d acknowledged", len(all), acked)
	}
	for i, c := range all {
		if c.Pos != int64(i+1) || c.Entry.Seq != uint64(i+1) || c.Entry.Hash != log[i].Hash {
			t.Fatalf("entry %d is not the one that was sent", i+1)
		}
	}
	t.Logf("%d acknowledged, %d committed", acked, len(all))
}

// served is a hub in this process.
type served struct {
	t      *testing.T
	url    string
	ready  string
	cancel context.CancelFunc
	code   chan int
	mu     sync.Mutex
	text   bytes.Buffer
}

func (s *served) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *served) log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func start(t *testing.T, data string) *served {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &served{t: t, ready: filepath.Join(t.TempDir(), "ready"), cancel: cancel, code: make(chan int, 1)}
	go func() {
		s.code <- run(ctx, []string{"--data", data, "--listen", "127.0.0.1:0", "--ready-file", s.ready}, strings.NewReader(""), s, s)
	}()
	s.url = awaitReady(t, s.ready, s.code)
	return s
}

func (s *served) stop() int {
	s.t.Helper()
	s.cancel()
	select {
	case code := <-s.code:
		return code
	case <-time.After(patience):
		s.t.Fatal("the hub does not stop")
		return -1
	}
}

func awaitReady(t *testing.T, path string, ended <-chan int) string {
	t.Helper()
	for limit := time.Now().Add(patience); time.Now().Before(limit); time.Sleep(20 * time.Millisecond) {
		if text, err := os.ReadFile(path); err == nil {
			return strings.TrimSpace(string(text))
		}
		select {
		case code := <-ended:
			t.Fatalf("the hub ended with %d", code)
		default:
		}
	}
	t.Fatal("the hub is not ready")
	return ""
}

// process is a hub in a process of its own.
type process struct {
	cmd *exec.Cmd
	url string
}

func startProcess(t *testing.T, data, name string) *process {
	t.Helper()
	ready := filepath.Join(t.TempDir(), "ready-"+name)
	cmd := exec.Command(os.Args[0], "serve", "--data", data, "--listen", "127.0.0.1:0", "--ready-file", ready)
	cmd.Env = append(os.Environ(), "YEBAN_TEST_BE_HUB=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return &process{cmd, awaitReady(t, ready, nil)}
}

var testEpoch = record.Epoch{0: 7}

// terminal is the kiosk's side of the socket.
type terminal struct {
	t *testing.T
	*protocol.Conn
}

func dial(t *testing.T, url, token string) *terminal {
	t.Helper()
	d := websocket.Dialer{Subprotocols: []string{protocol.Subprotocol}}
	ws, _, err := d.Dial("ws"+strings.TrimPrefix(url, "http")+protocol.Path, http.Header{"Authorization": {"Bearer " + token}})
	if err != nil {
		t.Fatal(err)
	}
	c := &terminal{t, protocol.NewConn(ws, protocol.ConnConfig{Ping: time.Hour, Dead: patience})}
	t.Cleanup(c.Abort)
	return c
}

func (c *terminal) hello(last uint64) protocol.Welcome {
	c.t.Helper()
	f, err := protocol.NewFrame(protocol.Call, "1", protocol.MethodHello, &protocol.Hello{
		Kiosk: "hall-1", Software: "test", Epoch: testEpoch, First: min(1, last), Last: last, Clock: record.Clock{Wall: time.Now()}})
	if err == nil {
		err = c.Send(c.t.Context(), f)
	}
	if err == nil {
		f, err = c.Receive()
	}
	var w protocol.Welcome
	if err == nil {
		err = f.Decode(&w)
	}
	if err != nil {
		c.t.Fatalf("hello: %v", err)
	}
	return w
}

func (c *terminal) send(entries []record.Entry) error {
	f, err := protocol.NewFrame(protocol.Event, "", protocol.MethodRecords, &protocol.Records{Epoch: testEpoch, Entries: entries})
	if err != nil {
		return err
	}
	return c.Send(context.Background(), f)
}

func chain(n int) []record.Entry {
	log := make([]record.Entry, n)
	var prev record.Hash
	for i := range log {
		e := record.Entry{Seq: uint64(i + 1), Prev: prev, AtMs: int64(i), Kind: record.KindTrace, ID: fmt.Sprintf("01J%023d", i),
			Header: []byte(`{}`), Key: []byte("k"), Sealed: []byte("s")}
		e.Hash = e.Sum(testEpoch)
		prev, log[i] = e.Hash, e
	}
	return log
}
