package console

import (
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"yeban/hub/store"
	"yeban/sync/protocol"
)

func TestBothLanguagesSayTheSame(t *testing.T) {
	m, err := loadMessages()
	must(t, err)
	verbs := regexp.MustCompile(`%[sd]`)
	for key, zh := range m[Chinese] {
		en, ok := m[English][key]
		if !ok {
			t.Errorf("%s has no English", key)
		}
		if fmt.Sprint(verbs.FindAllString(zh, -1)) != fmt.Sprint(verbs.FindAllString(en, -1)) {
			t.Errorf("%s takes other values in English", key)
		}
	}
	for key := range m[English] {
		if !m.has(key) {
			t.Errorf("%s has no Chinese", key)
		}
		if code, ok := strings.CutPrefix(key, "reason."); ok && !m.has("remedy."+code) {
			t.Errorf("%s has no remedy", key)
		}
	}
	// Every sentence that a template names is there.
	used := regexp.MustCompile(`\.T "([^"]+)"`)
	names, err := fs.Glob(files, "templates/*.html")
	must(t, err)
	for _, name := range names {
		text, err := files.ReadFile(name)
		must(t, err)
		for _, match := range used.FindAllStringSubmatch(string(text), -1) {
			if !m.has(match[1]) {
				t.Errorf("%s names %s, which is in no catalogue", name, match[1])
			}
		}
		if han := regexp.MustCompile(`\p{Han}`).Find(text); han != nil {
			t.Errorf("%s has Chinese of its own", name)
		}
	}
}

func TestUnknownIsNeitherHealthyNorBroken(t *testing.T) {
	m, err := loadMessages()
	must(t, err)
	now := time.Now()
	v := &view{console: &Console{Config: Config{Fresh: 90 * time.Second}, messages: m}, lang: English, now: now}
	status := []byte(`{"devices":[{"name":"printer","state":"online","paper":"full"}]}`)
	for name, c := range map[string]struct {
		kiosk store.Kiosk
		link  Tone
		state Tone
		needs bool
	}{
		"online":            {store.Kiosk{Link: store.LinkUp, Seen: now, Status: status, StatusAt: now}, Good, Good, false},
		"online, old word":  {store.Kiosk{Link: store.LinkUp, Seen: now, Status: status, StatusAt: now.Add(-time.Hour)}, Good, Unclear, false},
		"not heard of":      {store.Kiosk{Link: store.LinkUp, Seen: now.Add(-time.Hour), Status: status, StatusAt: now}, Unclear, Unclear, false},
		"offline":           {store.Kiosk{Link: store.LinkDown, Seen: now, Status: status, StatusAt: now}, Bad, Unclear, true},
		"never":             {store.Kiosk{Link: store.LinkNever}, Unclear, "", false},
		"a newer terminal":  {store.Kiosk{Link: store.LinkUp, Seen: now, StatusAt: now, Status: []byte(`{"devices":[{"name":"hologram","state":"glowing"}]}`)}, Good, Unclear, false},
		"a garbled status":  {store.Kiosk{Link: store.LinkUp, Seen: now, StatusAt: now, Status: []byte(`{"devices":`)}, Good, "", false},
		"paper has run out": {store.Kiosk{Link: store.LinkUp, Seen: now, StatusAt: now, Status: []byte(`{"devices":[{"name":"printer","state":"online","paper":"out"}]}`)}, Good, Good, true},
	} {
		got := v.look(c.kiosk)
		if got.Link.Tone != c.link || got.Needs != c.needs {
			t.Errorf("%s: link %s, needs %v", name, got.Link.Tone, got.Needs)
		}
		if c.state != "" && got.Devices[0].State.Tone != c.state {
			t.Errorf("%s: device is %s", name, got.Devices[0].State.Tone)
		}
	}
}

// visitor is a browser without a screen.
type visitor struct {
	h *hall
	http.Client
}

func (h *hall) visitor() *visitor {
	jar, err := cookiejar.New(nil)
	must(h.t, err)
	return &visitor{h, http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

func (v *visitor) do(method, path string, form url.Values, header ...string) (status int, body string, head http.Header) {
	v.h.t.Helper()
	r, err := http.NewRequestWithContext(v.h.t.Context(), method, v.h.url("%s", path), strings.NewReader(form.Encode()))
	must(v.h.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := v.Do(r)
	must(v.h.t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	must(v.h.t, err)
	return res.StatusCode, string(text), res.Header
}

func (v *visitor) login() http.Header {
	v.h.t.Helper()
	status, _, head := v.do("POST", "/login", url.Values{"name": {testUser}, "password": {testPassword}})
	if status != http.StatusSeeOther {
		v.h.t.Fatalf("log-in: %d", status)
	}
	return head
}

func TestOnlyPeopleWhoLoggedInSeePages(t *testing.T) {
	h := openHall(t)
	v := h.visitor()
	for _, path := range []string{"/", "/terminals/hall-south-1", "/terminals/hall-south-1/restart", "/applications", "/applications/" + h.first, "/attention", "/nowhere"} {
		if status, body, head := v.do("GET", path, nil); status != http.StatusSeeOther || head.Get("Location") != "/login" || strings.Contains(body, "hall-south") {
			t.Errorf("%s: %d", path, status)
		}
	}
	for _, path := range []string{"/applications/" + h.first + "/reveal", "/logout", "/alarms/x/clear", "/terminals/hall-south-1/commands", "/commands/x/withdraw"} {
		if status, _, _ := v.do("POST", path, nil); status != http.StatusUnauthorized {
			t.Errorf("%s: %d", path, status)
		}
	}
	head := v.login()
	cookie := head.Get("Set-Cookie")
	for _, want := range []string{"HttpOnly", "SameSite=Strict", "Path=/"} {
		if !strings.Contains(cookie, want) {
			t.Errorf("cookie lacks %s: %s", want, cookie)
		}
	}
	status, body, head := v.do("GET", "/", nil)
	if status != http.StatusOK || !strings.Contains(body, "政务大厅南门一号") {
		t.Fatalf("terminals: %d", status)
	}
	if csp := head.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("policy %s", csp)
	}
	if head.Get("Cache-Control") != "no-store" {
		t.Error("a page may be kept by the browser")
	}
	for path, want := range map[string]int{"/nowhere": 404, "/applications/01X": 404, "/terminals/x": 404, "/applications?before=nonsense&rating=x&terminal=%27%3B--": 200} {
		if status, _, _ := v.do("GET", path, nil); status != want {
			t.Errorf("%s: %d", path, status)
		}
	}
	csrf := regexp.MustCompile(`name="csrf" value="([^"]+)"`).FindStringSubmatch(body)[1]
	reveal := "/applications/" + h.first + "/reveal"
	if status, body, _ := v.do("POST", reveal, url.Values{"csrf": {"guess"}}); status != http.StatusForbidden || strings.Contains(body, testName) {
		t.Errorf("with a guessed token: %d", status)
	}
	if status, body, _ := v.do("POST", reveal, url.Values{"csrf": {csrf}}, "Sec-Fetch-Site", "cross-site"); status != http.StatusForbidden || strings.Contains(body, testName) {
		t.Errorf("from another site: %d", status)
	}
	if rows, _ := h.store.Audits(t.Context(), h.first, 5); len(rows) != 0 {
		t.Errorf("refused looks were written as looks: %+v", rows)
	}
	if status, body, _ := v.do("POST", reveal, url.Values{"csrf": {csrf}}); status != http.StatusOK || !strings.Contains(body, testName) {
		t.Errorf("with the token: %d", status)
	}
	if status, _, _ := v.do("POST", "/logout", url.Values{"csrf": {csrf}}); status != http.StatusSeeOther {
		t.Errorf("log-out: %d", status)
	}
	if status, _, _ := v.do("GET", "/", nil, "Cookie", strings.SplitN(cookie, ";", 2)[0]); status != http.StatusSeeOther {
		t.Errorf("the old cookie after the log-out: %d", status)
	}
}

func TestGuessingPasswordsIsSlow(t *testing.T) {
	var a attempts
	now := time.Now()
	for range attemptsAllowed {
		if !a.allow(now, "from x", "for li") {
			t.Fatal("refused too early")
		}
	}
	if a.allow(now, "from x", "for wang") {
		t.Error("an address may try for ever")
	}
	if a.allow(now, "from y", "for li") {
		t.Error("a name may be tried for ever")
	}
	if !a.allow(now, "from y", "for wang") {
		t.Error("an address that is out of bounds has locked another's name")
	}
	if !a.allow(now.Add(attemptsWindow), "from x", "for li") {
		t.Error("refused for ever")
	}
}

func TestTooManyAttemptsAreTold(t *testing.T) {
	h := openHall(t)
	h.console.attempts.count = map[string]*attempt{"from 127.0.0.1": {since: time.Now(), n: attemptsAllowed}}
	status, body, _ := h.visitor().do("POST", "/login", url.Values{"name": {testUser}, "password": {testPassword}})
	if status != http.StatusTooManyRequests || !strings.Contains(body, "尝试次数过多") {
		t.Errorf("got %d", status)
	}
}

func TestLanguageSwitchStaysOnOurSite(t *testing.T) {
	h := openHall(t)
	for referer, want := range map[string]string{
		"": "/", "https://elsewhere.example/x": "/", h.http.URL + "/applications?rating=bad": "/applications?rating=bad", h.http.URL + "//elsewhere.example": "/",
	} {
		_, _, head := h.visitor().do("GET", "/language?to=en", nil, "Referer", referer)
		if got := head.Get("Location"); got != want {
			t.Errorf("from %s back to %s", referer, got)
		}
	}
}

func TestHostileTextStaysText(t *testing.T) {
	h := openHall(t)
	const evil = `<script>alert(1)</script>`
	h.say("hall-south-1", time.Now(), protocol.Status{Visit: evil, CatalogVersion: evil, Unavailable: []string{evil}, Troubles: []protocol.Trouble{evil},
		Devices: []protocol.DeviceStatus{{Name: evil, State: evil, Paper: evil, Reason: evil}}})
	v := h.visitor()
	v.login()
	for _, path := range []string{"/", "/terminals/hall-south-1", "/terminals/hall-south-1/restart", "/attention", "/applications?receipt=" + url.QueryEscape(`"><script>alert(1)</script>`)} {
		if status, body, _ := v.do("GET", path, nil); status != http.StatusOK || strings.Contains(body, "<script>alert") {
			t.Errorf("%s: %d", path, status)
		}
	}
}
