package console

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/bcrypt"

	"yeban/hub/store"
)

const (
	sessionCookie  = "yeban_session"
	languageCookie = "yeban_language"
)

// HashPassword is what the store keeps of a password.
func HashPassword(password string) (string, error) {
	hash, err := hashPassword(password)
	return string(hash), err
}

func hashPassword(password string) ([]byte, error) {
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.DefaultCost)
	if err != nil {
		return nil, fmt.Errorf("hash password: %w", err)
	}
	return hash, nil
}

type loginForm struct {
	Name, Trouble string
}

func (c *Console) showLogin(w http.ResponseWriter, r *http.Request) {
	c.loginPage(w, r, http.StatusOK, loginForm{})
}

func (c *Console) loginPage(w http.ResponseWriter, r *http.Request, status int, form loginForm) {
	v := &view{w: w, r: r, console: c, lang: languageOf(r), now: c.Now()}
	if err := v.render(status, "login", "login.title", form); err != nil {
		v.fail(err)
	}
}

func (c *Console) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
	name, password := strings.TrimSpace(r.PostFormValue("name")), r.PostFormValue("password")
	remote := remoteHost(r)
	now := c.Now()
	if !c.attempts.allow(now, "from "+remote, "for "+name) {
		c.loginPage(w, r, http.StatusTooManyRequests, loginForm{name, "login.many"})
		return
	}
	hash, err := c.Store.PasswordHash(r.Context(), name)
	known := err == nil
	if !known && !errors.Is(err, store.ErrNotFound) {
		c.Log.Error("look up user", "err", err)
		c.loginPage(w, r, http.StatusInternalServerError, loginForm{name, "error.failed"})
		return
	}
	check := []byte(hash)
	if !known {
		check = c.dummy // takes as long as a real one
	}
	wrong := bcrypt.CompareHashAndPassword(check, []byte(password)) != nil
	if wrong || !known {
		// What was typed is not written down: it may be a password in the wrong field.
		who := ""
		if known {
			who = name
		}
		if err := c.Store.AddAudit(r.Context(), store.Audit{User: who, Action: store.ActionLoginRefused, Remote: remote}); err != nil {
			c.Log.Error("write audit", "err", err)
		}
		c.loginPage(w, r, http.StatusUnauthorized, loginForm{name, "login.wrong"})
		return
	}
	c.attempts.forget("from "+remote, "for "+name)
	token := secret()
	err = errors.Join(
		c.Store.AddSession(r.Context(), token, store.Session{User: name, CSRF: secret(), Expires: now.Add(c.Session)}),
		c.Store.AddAudit(r.Context(), store.Audit{User: name, Action: store.ActionLogin, Remote: remote}))
	if err != nil {
		c.Log.Error("log in", "err", err)
		c.loginPage(w, r, http.StatusInternalServerError, loginForm{name, "error.failed"})
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: sessionCookie, Value: token, Path: "/", MaxAge: int(c.Session.Seconds()),
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil,
	})
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (c *Console) logout(v *view) error {
	if err := c.Store.EndSession(v.r.Context(), v.token); err != nil {
		return err
	}
	if err := c.Store.AddAudit(v.r.Context(), store.Audit{User: v.session.User, Action: store.ActionLogout, Remote: remoteHost(v.r)}); err != nil {
		return err
	}
	http.SetCookie(v.w, &http.Cookie{Name: sessionCookie, Path: "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteStrictMode})
	http.Redirect(v.w, v.r, "/login", http.StatusSeeOther)
	return nil
}

// language sets the language and goes back to where the switch was.
func (c *Console) language(w http.ResponseWriter, r *http.Request) {
	l := Chinese
	if r.FormValue("to") == string(English) {
		l = English
	}
	http.SetCookie(w, &http.Cookie{
		Name: languageCookie, Value: string(l), Path: "/", MaxAge: 365 * 24 * 3600, SameSite: http.SameSiteLaxMode, HttpOnly: true,
	})
	back := "/"
	if u, err := url.Parse(r.Referer()); err == nil && u.Host == r.Host && strings.HasPrefix(u.Path, "/") && !strings.HasPrefix(u.Path, "//") {
		back = u.RequestURI()
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
}

func languageOf(r *http.Request) Language {
	if cookie, err := r.Cookie(languageCookie); err == nil && cookie.Value == string(English) {
		return English
	}
	return Chinese
}

func remoteHost(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

const (
	attemptsAllowed = 8
	attemptsWindow  = 5 * time.Minute
	attemptsKept    = 10000 // keys; beyond, the oldest window is forgotten early
)

// attempts counts log-ins a key (an address, a name) in a window of time.
type attempts struct {
	mu    sync.Mutex
	count map[string]*attempt
}

type attempt struct {
	since time.Time
	n     int
}

// allow counts one attempt under each key until one is out of bounds, and says whether
// none is: an address that is out of bounds cannot lock other people's names.
func (a *attempts) allow(now time.Time, keys ...string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.count == nil || len(a.count) > attemptsKept {
		a.count = make(map[string]*attempt)
	}
	for _, key := range keys {
		one := a.count[key]
		if one == nil || now.Sub(one.since) >= attemptsWindow {
			one = &attempt{since: now}
			a.count[key] = one
		}
		one.n++
		if one.n > attemptsAllowed {
			return false
		}
	}
	return true
}

func (a *attempts) forget(keys ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, key := range keys {
		delete(a.count, key)
	}
}
