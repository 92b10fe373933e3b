package feed

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"yeban/sync/protocol"
)

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// serve starts a real HTTPS server and gives a webhook that trusts it.
func serve(t *testing.T, secret Secret, h http.HandlerFunc) *Webhook {
	t.Helper()
	s := httptest.NewTLSServer(h)
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	w, err := NewWebhook(s.URL+"/events", secret, &tls.Config{RootCAs: roots})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestWebhookDeliversSignedEvents(t *testing.T) {
	r := newRig(t)
	want := r.applications(3)
	secret := NewSecret()
	var mu sync.Mutex
	var got []string
	w := serve(t, secret, func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		if err := secret.Verify(req.Header, time.Now(), body); err != nil {
			t.Error(err)
		}
		var e Event
		if err := json.Unmarshal(body, &e); err != nil {
			t.Error(err)
		}
		if e.ID != req.Header.Get("Idempotency-Key") || e.Application == nil || e.Application.Applicant.Name != secretName {
			t.Errorf("event %v", e)
		}
		mu.Lock()
		defer mu.Unlock()
		got = append(got, e.ID)
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(Answer{Results: []Result{{Application: e.ID, State: protocol.ResultAccepted, At: time.Now()}}})
	})
	r.run(r.feed("a", w))
	r.delivered()
	if !slices.Equal(got, want) {
		t.Errorf("events %v", got)
	}
	if res, err := r.store.Application(t.Context(), want[2]); err != nil || res.Result != protocol.ResultAccepted {
		t.Errorf("result %+v, %v", res, err)
	}
}

func TestWebhookJudgesAnswers(t *testing.T) {
	var refused *RefusedError
	var later *LaterError
	for _, c := range []struct {
		name   string
		answer func(http.ResponseWriter)
		ok     func(Answer, error) bool
	}{
		{"plain OK", func(w http.ResponseWriter) { io.WriteString(w, "OK") }, func(a Answer, err error) bool { return err == nil }},
		{"had it before", func(w http.ResponseWriter) { w.WriteHeader(409) }, func(a Answer, err error) bool { return err == nil }},
		{"never", func(w http.ResponseWriter) { w.WriteHeader(422) }, func(a Answer, err error) bool { return errors.As(err, &refused) }},
		{"later", func(w http.ResponseWriter) { w.Header().Set("Retry-After", "7"); w.WriteHeader(503) },
			func(a Answer, err error) bool { return errors.As(err, &later) && later.After == 7*time.Second }},
		{"not allowed: an operator's mistake, not the record's", func(w http.ResponseWriter) { w.WriteHeader(403) },
			func(a Answer, err error) bool { return err != nil && !errors.As(err, new(*RefusedError)) }},
		{"elsewhere", func(w http.ResponseWriter) { w.Header().Set("Location", "/other"); w.WriteHeader(307) },
			func(a Answer, err error) bool { return err != nil && !errors.As(err, new(*RefusedError)) }},
		{"garbled", func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, "{")
		},
			func(a Answer, err error) bool { return err != nil && !errors.As(err, new(*RefusedError)) }},
		{"too large", func(w http.ResponseWriter) { w.Write(bytes.Repeat([]byte("x"), maxAnswerBytes+10)) },
			func(a Answer, err error) bool { return err != nil }},
		{"hung up", func(w http.ResponseWriter) { panic(http.ErrAbortHandler) }, func(a Answer, err error) bool { return err != nil }},
	} {
		calls := 0
		w := serve(t, NewSecret(), func(w http.ResponseWriter, r *http.Request) { calls++; c.answer(w) })
		a, err := w.Deliver(t.Context(), &Event{ID: "1"})
		if !c.ok(a, err) || calls == 0 {
			t.Errorf("%s: %+v, %v after %d calls", c.name, a, err, calls)
		}
	}
}

func TestWebhookAddresses(t *testing.T) {
	for address, want := range map[string]bool{
		"https://office.example/x": true, "http://127.0.0.1:9/x": true, "http://[::1]:9": true, "http://localhost:9": true,
		"http://office.example/x": false, "ftp://office.example": false, "office.example": false, "": false,
	} {
		if _, err := NewWebhook(address, NewSecret(), nil); (err == nil) != want {
			t.Errorf("%q: %v", address, err)
		}
	}
	// A server that the system does not trust gets nothing.
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("sent to a stranger") }))
	defer s.Close()
	s.Config.ErrorLog = nil
	w, err := NewWebhook(s.URL, NewSecret(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Deliver(t.Context(), &Event{ID: "1"}); err == nil {
		t.Error("delivered")
	}
}

// TestSignature holds the signature against the example of the specification.
func TestSignature(t *testing.T) {
	s, err := ParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{}
	now := time.Unix(1614265330, 0)
	body := []byte(`{"test": 2432232314}`)
	s.Sign(h, "msg_p5jXN8AQM9LWM0D4loKWxJek", now, body)
	if got, want := h.Get(headerSignature), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("signature %s, want %s", got, want)
	}
	if err := s.Verify(h, now.Add(time.Minute), body); err != nil {
		t.Error(err)
	}
	if err := s.Verify(h, now.Add(time.Hour), body); !errors.Is(err, ErrSignature) {
		t.Errorf("an hour later: %v", err)
	}
	if err := s.Verify(h, now, append(body, ' ')); !errors.Is(err, ErrSignature) {
		t.Errorf("other body: %v", err)
	}
	if err := NewSecret().Verify(h, now, body); !errors.Is(err, ErrSignature) {
		t.Errorf("other secret: %v", err)
	}
	h.Set(headerSignature, "v1,AAAA "+h.Get(headerSignature)) // while a secret is being changed
	if err := s.Verify(h, now, body); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "whsec_", "whsec_AAAA", strings.TrimPrefix(s.Text(), "whsec_")} {
		if _, err := ParseSecret(bad); err == nil {
			t.Errorf("%q taken for a secret", bad)
		}
	}
}

func TestReceiver(t *testing.T) {
	r := newRig(t)
	ids := r.applications(1)
	secret := NewSecret()
	v := &Receiver{Store: r.store, Secret: secret, Source: "office", Log: r.log, Now: time.Now}
	post := func(body []byte, sign func(http.Header, []byte)) int {
		t.Helper()
		req := httptest.NewRequest(http.MethodPost, "/backoffice/v1/results", bytes.NewReader(body))
		sign(req.Header, body)
		w := httptest.NewRecorder()
		v.ServeHTTP(w, req)
		return w.Code
	}
	good := func(h http.Header, body []byte) { secret.Sign(h, "m1", time.Now(), body) }
	late := func(h http.Header, body []byte) { secret.Sign(h, "m1", time.Now().Add(-time.Hour), body) }
	done := mustJSON(t, Answer{Results: []Result{{Application: ids[0], State: protocol.ResultDone, At: time.Now()}}})
	for _, c := range []struct {
		name string
		body []byte
		sign func(http.Header, []byte)
		want int
	}{
		{"unsigned", done, func(http.Header, []byte) {}, 401},
		{"old", done, late, 401},
		{"garbled", []byte(`{"results": [{"state": 7}]}`), good, 400},
		{"too large", bytes.Repeat([]byte(" "), maxAnswerBytes+1), good, 413},
		{"unknown application", mustJSON(t, Answer{Results: []Result{{Application: "nobody", State: protocol.ResultDone, At: time.Now()}}}), good, 404},
		{"right", done, good, 204},
		{"twice", done, good, 204},
	} {
		if got := post(c.body, c.sign); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	if res, err := r.store.Application(t.Context(), ids[0]); err != nil || res.Result != protocol.ResultDone {
		t.Errorf("result %+v, %v", res, err)
	}
}
