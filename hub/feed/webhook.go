package feed

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Webhook posts each event to a URL, and waits 15 s for the answer (half of Config.Lease).
//
//	2xx, 409          the back office has it (409: it had it before)
//	400 410 413 422   it will never take it: a person must look
//	429 503           later, after Retry-After
//	anything else     tried again
//
// The body of a 2xx may be an Answer. Redirects are not followed: a signed citizen's
// record goes to the configured address and to no other.
type Webhook struct {
	url    string
	secret Secret
	client *http.Client
	now    func() time.Time
}

const maxAnswerBytes = 1 << 20

// NewWebhook checks the address: https, or http to this machine alone. tls may be nil
// for the system's roots.
func NewWebhook(address string, secret Secret, tls *tls.Config) (*Webhook, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return nil, errors.New("back office address is not a URL")
	}
	local := net.ParseIP(u.Hostname()).IsLoopback() || u.Hostname() == "localhost"
	if u.Scheme != "https" && (u.Scheme != "http" || !local) {
		return nil, fmt.Errorf("back office address %s: want https (http only to this machine)", u.Redacted())
	}
	if len(secret.key) == 0 {
		return nil, errors.New("a webhook needs a secret")
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = tls
	return &Webhook{url: u.String(), secret: secret, now: time.Now, client: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Deliver posts an event.
func (w *Webhook) Deliver(ctx context.Context, e *Event) (Answer, error) {
	body, err := json.Marshal(e)
	if err != nil {
		return Answer{}, &RefusedError{"event cannot be written as JSON"}
	}
	defer clear(body)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		return Answer{}, fmt.Errorf("post event: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", e.ID)
	r.Header.Set("User-Agent", "yeban-feed")
	w.secret.Sign(r.Header, e.ID, w.now(), body)
	answer, err := w.client.Do(r)
	if err != nil {
		return Answer{}, fmt.Errorf("post event: %w", err)
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswerBytes+1))
	if err != nil {
		return Answer{}, fmt.Errorf("read answer: %w", err)
	}
	return w.judge(answer, said)
}

func (w *Webhook) judge(answer *http.Response, said []byte) (Answer, error) {
	switch code := answer.StatusCode; {
	case code == http.StatusConflict:
		return Answer{}, nil
	case code >= 200 && code < 300:
		if len(said) > maxAnswerBytes {
			return Answer{}, errors.New("answer is larger than 1 MiB")
		}
		if !strings.HasPrefix(answer.Header.Get("Content-Type"), "application/json") {
			return Answer{}, nil // "OK" and the like
		}
		return parseAnswer(said)
	case code == http.StatusBadRequest, code == http.StatusGone, code == http.StatusRequestEntityTooLarge,
		code == http.StatusUnprocessableEntity:
		return Answer{}, &RefusedError{fmt.Sprintf("HTTP %d", code)} // its text may quote the citizen
	case code == http.StatusTooManyRequests, code == http.StatusServiceUnavailable:
		seconds, _ := strconv.Atoi(answer.Header.Get("Retry-After"))
		return Answer{}, &LaterError{After: time.Duration(max(0, seconds)) * time.Second, Err: fmt.Errorf("back office says HTTP %d", code)}
	default:
		return Answer{}, fmt.Errorf("back office says HTTP %d", code)
	}
}
