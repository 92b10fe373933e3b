package conform_test

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"yeban/hub/bus"
	"yeban/hub/conform"
	"yeban/hub/intake"
	"yeban/hub/store"
	"yeban/sync/protocol"
	"yeban/sync/record"
)

const (
	kiosk = "conform-1"
	token = "token-conform-1"
)

func platform(t *testing.T) *record.PrivateKey {
	t.Helper()
	key, err := record.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func run(t *testing.T, url string, key *record.PrivateKey, cfg conform.Config) (results []conform.Result, sum conform.Summary) {
	t.Helper()
	cfg.URL, cfg.Kiosk, cfg.Token, cfg.Platform = "ws"+strings.TrimPrefix(url, "http"), kiosk, token, key.Public()
	sum, err := conform.Run(t.Context(), cfg, func(r conform.Result) { results = append(results, r) })
	if err != nil {
		t.Fatal(err)
	}
	return results, sum
}

// nobody answers PROGRESS with an empty list, after opening the question.
type nobody struct{ key *record.PrivateKey }

func (n nobody) Progress(_ context.Context, q *protocol.Progress) (protocol.ProgressList, error) {
	_, err := record.Unseal(n.key, q.Key, q.Sealed, []byte(protocol.ProgressSeal))
	return protocol.ProgressList{Applications: []protocol.ProgressEntry{}}, err
}

func TestTheRealHubConforms(t *testing.T) {
	key := platform(t)
	st, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "hub.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	if err := st.AddKiosk(t.Context(), store.Kiosk{ID: kiosk, Number: 1, Name: "试验终端"}, token, false); err != nil {
		t.Fatal(err)
	}
	b, err := bus.Open("", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	hub, err := intake.New(intake.Config{Ping: time.Second, Dead: 3 * time.Second, ProgressEach: 100, Progress: nobody{key}},
		st, b, slog.New(slog.DiscardHandler), prometheus.NewRegistry(), nil)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(hub)
	defer func() {
		if err := hub.Close(); err != nil {
			t.Error(err)
		}
		server.Close()
	}()

	results, sum := run(t, server.URL, key, conform.Config{Patience: time.Minute, Longest: 10 * time.Second})
	seen := map[string]bool{}
	for _, r := range results {
		if seen[r.Case] || r.Spec == "" || r.Expected == "" {
			t.Errorf("case %q has no name of its own, no place in the specification or no expectation", r.Case)
		}
		seen[r.Case] = true
		if cannot := slices.Contains([]string{"DRAIN", "COMMAND"}, r.Case); r.Verdict != conform.Pass && !(cannot && r.Verdict == conform.Skip) {
			t.Errorf("%s %s: %s", r.Verdict, r.Case, r.Got)
		}
	}
	if sum.Pass+sum.Skip != len(results) || len(results) < 45 {
		t.Errorf("%+v of %d", sum, len(results))
	}
	t.Logf("%+v", sum)
	if err := st.Prove(t.Context(), kiosk, func(p store.Proof) error {
		if p.Broken != nil {
			t.Errorf("log %s is broken: %+v", p.Epoch, p.Broken)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// TestAWrongServerIsFound is the control: a server that conforms but for one mistake
// fails the cases that are about it, and no other. Its sane form fails none.
func TestAWrongServerIsFound(t *testing.T) {
	key := platform(t)
	all := []struct {
		mistake mistake
		fails   []string
	}{
		{none, nil},
		{anyToken, []string{"handshake with a wrong token"}},
		{anySubprotocol, []string{"handshake with another subprotocol", "handshake without a subprotocol"}},
		{anyKiosk, []string{"HELLO of another terminal"}},
		{haveTooSmall, []string{"what was acknowledged is there", "resume after a broken connection", "records that come twice", "a gap",
			"another record at a committed place", "a record that names another predecessor", "a record that is not what its hash says",
			"a new epoch with carried records"}},
		{wrongHash, []string{"what was acknowledged is there", "resume after a broken connection", "records that come twice", "a gap",
			"another record at a committed place", "a record that names another predecessor", "a record that is not what its hash says",
			"a new epoch with carried records"}},
		{noFence, []string{"a second connection fences the first", "records behind the fence are not taken"}},
		{sameFence, []string{"fence grows"}},
		{takesDuplicates, []string{"records that come twice"}},
		{takesGaps, []string{"a gap"}},
		{takesConflicts, []string{"another record at a committed place", "a record that names another predecessor", "a record that is not what its hash says"}},
		{takesAnyHello, []string{"a log that ends before the cursor", "a log that no longer holds what is missing"}},
		{acksTooFar, []string{"RECORDS are acknowledged"}},
		{blocksOnBadRecord, []string{"a record that cannot be opened"}},
		{closesOnUnknown, []string{"an unknown method as a Call", "an unknown method as an Event"}},
		{takesGarbage, []string{"no JSON", "no frame", "a binary message"}},
		{takesLarge, []string{"a message that is too large"}},
		{neverPongs, []string{"ping"}},
	}
	for _, c := range all {
		t.Run(string(c.mistake), func(t *testing.T) {
			// Only a missing pong must be waited for in vain. What else is late then is
			// not the server's mistake.
			patience, strict := time.Minute, true
			if c.mistake == neverPongs {
				patience, strict = time.Second, false
			}
			results, _ := run(t, newFake(t, c.mistake).url, key, conform.Config{Patience: patience, Longest: time.Second})
			for _, r := range results {
				failed, must := r.Verdict == conform.Fail, slices.Contains(c.fails, r.Case)
				switch {
				case failed && !must && strict:
					t.Errorf("%q failed too: %s", r.Case, r.Got)
				case must && !failed:
					t.Errorf("%q did not fail", r.Case)
				}
			}
		})
	}
}

func TestWithoutAConversationNothingElseIsTried(t *testing.T) {
	s := httptest.NewServer(nil) // 404
	defer s.Close()
	results, sum := run(t, s.URL, platform(t), conform.Config{Patience: time.Minute})
	if results[0].Verdict != conform.Fail || sum.Fail != 1 || sum.Skip != len(results)-1 {
		t.Errorf("%+v, first %+v", sum, results[0])
	}
}

func TestAConfigurationThatMakesNoSense(t *testing.T) {
	good := conform.Config{URL: "ws://127.0.0.1:1", Kiosk: kiosk, Token: token, Platform: platform(t).Public()}
	for name, spoil := range map[string]func(*conform.Config){
		"no address": func(c *conform.Config) { c.URL = "" },
		"http":       func(c *conform.Config) { c.URL = "http://127.0.0.1:1" },
		"no kiosk":   func(c *conform.Config) { c.Kiosk = "" },
		"no token":   func(c *conform.Config) { c.Token = "" },
		"no key":     func(c *conform.Config) { c.Platform = record.PublicKey{} },
	} {
		cfg := good
		spoil(&cfg)
		if _, err := conform.Run(t.Context(), cfg, func(conform.Result) { t.Errorf("%s: a case ran", name) }); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
