// Package console is the web pages of hall staff: which terminals work, what was handed
// in, what waits for a person. Pages are rendered on the server and work without
// scripts; a small script refreshes them when a hint says that something has changed.
//
// Personal data is shown masked. The whole of it is opened from the sealed record only
// when somebody asks for it, and that is written to the audit log first.
package console

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"time"

	"yeban/catalog"
	"yeban/hub/store"
	"yeban/sync/record"
)

//go:embed templates/*.html static/*
var files embed.FS

// Store is what the pages need of the hub's store.
type Store interface {
	Kiosks(ctx context.Context) ([]store.Kiosk, error)
	Kiosk(ctx context.Context, id string) (store.Kiosk, error)
	Logs(ctx context.Context, kiosk string) ([]store.Log, error)
	Commands(ctx context.Context, kiosk string, limit int) ([]store.Command, error)
	GiveCommand(ctx context.Context, c store.Command, remote string) (id string, err error)
	WithdrawCommand(ctx context.Context, id, user, remote string) error
	DeviceEvents(ctx context.Context, kiosk string, limit int) ([]store.DeviceEvent, error)
	AttachedBlobs(ctx context.Context, kiosk, record string) ([]store.AttachedBlob, error)
	Applications(ctx context.Context, f store.Filter) ([]store.Application, error)
	Application(ctx context.Context, id string) (store.Application, error)
	TraceSteps(ctx context.Context, application string) ([]record.Step, error)
	ItemNames(ctx context.Context) ([]store.ItemName, error)
	At(ctx context.Context, pos int64) (store.Committed, error)
	OpenAlarms(ctx context.Context, limit int) ([]store.Alarm, error)
	ClearAlarm(ctx context.Context, id, user, remote string) error
	ParkedRecords(ctx context.Context, limit int) ([]store.Parked, error)
	Conflicts(ctx context.Context, limit int) ([]store.Conflict, error)
	CountAttention(ctx context.Context) (store.Attention, error)
	PasswordHash(ctx context.Context, name string) (string, error)
	AddSession(ctx context.Context, token string, one store.Session) error
	SessionByToken(ctx context.Context, token string) (store.Session, error)
	EndSession(ctx context.Context, token string) error
	AddAudit(ctx context.Context, a store.Audit) error
	Audits(ctx context.Context, subject string, limit int) ([]store.Audit, error)
}

// Bus is where the console hears that pages are out of date, and tells of orders.
type Bus interface {
	Hint(subject string)
	Watch(subject string) (hints <-chan string, stop func(), err error)
}

// Catalogs gives a published version of the catalogue.
type Catalogs interface {
	Version(version string) (*catalog.Catalog, bool)
}

// Config is what the pages are made from.
type Config struct {
	Store    Store
	Bus      Bus
	Key      *record.PrivateKey
	Catalogs Catalogs // may be nil: answers are then shown under their ids
	Log      *slog.Logger
	Now      func() time.Time // nil means time.Now
	// Fresh is how old a terminal's last word may be for it to count as online.
	Fresh time.Duration // 0 means 90 s
	// Grace is how long a terminal may be gone before it is called offline.
	Grace time.Duration // 0 means 20 s
	// Started is when the hub started. For the time Fresh after it no terminal is called
	// offline: those that are not back yet were sent away by the hub itself.
	Started time.Time // zero means when New is called
	// Session is how long a log-in lasts.
	Session time.Duration // 0 means 12 h
}

// Console is an http.Handler for all pages.
type Console struct {
	Config
	messages messages
	pages    map[string]*template.Template
	attempts attempts
	dummy    []byte // hash to compare with when there is no such user
	handler  http.Handler
	ctx      context.Context // ends the streams of open pages
	cancel   context.CancelFunc
}

// New reads the templates and messages.
func New(cfg Config) (*Console, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Fresh == 0 {
		cfg.Fresh = 90 * time.Second
	}
	if cfg.Grace == 0 {
		cfg.Grace = 20 * time.Second
	}
	if cfg.Started.IsZero() {
		cfg.Started = cfg.Now()
	}
	if cfg.Session == 0 {
		cfg.Session = 12 * time.Hour
	}
	m, err := loadMessages()
	if err != nil {
		return nil, err
	}
	c := &Console{Config: cfg, messages: m}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	if c.pages, err = parsePages(); err != nil {
		return nil, err
	}
	if c.dummy, err = hashPassword("nobody"); err != nil {
		return nil, err
	}
	static, err := fs.Sub(files, "static")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /static/", http.StripPrefix("/static/", cached(http.FileServerFS(static))))
	mux.HandleFunc("GET /login", c.showLogin)
	mux.HandleFunc("POST /login", c.login)
	mux.HandleFunc("GET /language", c.language)
	mux.HandleFunc("POST /logout", c.page(c.logout))
	mux.HandleFunc("GET /events", c.page(c.events))
	mux.HandleFunc("GET /{$}", c.page(c.terminals))
	mux.HandleFunc("GET /terminals/{id}", c.page(c.terminal))
	mux.HandleFunc("GET /terminals/{id}/restart", c.page(c.confirmRestart))
	mux.HandleFunc("POST /terminals/{id}/commands", c.page(c.giveCommand))
	mux.HandleFunc("POST /commands/{id}/withdraw", c.page(c.withdrawCommand))
	mux.HandleFunc("GET /applications", c.page(c.applications))
	mux.HandleFunc("GET /applications/{id}", c.page(c.application))
	mux.HandleFunc("POST /applications/{id}/reveal", c.page(c.reveal))
	mux.HandleFunc("GET /attention", c.page(c.attention))
	mux.HandleFunc("POST /alarms/{id}/clear", c.page(c.clearAlarm))
	mux.HandleFunc("/", c.page(func(*view) error { return store.ErrNotFound }))
	c.handler = secured(http.NewCrossOriginProtection().Handler(mux))
	return c, nil
}

// Close ends the streams of open pages, which would keep a server from stopping.
func (c *Console) Close() { c.cancel() }

func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.handler.ServeHTTP(w, r) }

// view is one request of somebody who is logged in.
type view struct {
	w       http.ResponseWriter
	r       *http.Request
	console *Console
	lang    Language
	session store.Session
	token   string // of the session
	now     time.Time
}

// page lets only people in who are logged in, and turns an error into a page. A POST
// must bring the session's token along.
func (c *Console) page(f func(*view) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v := &view{w: w, r: r, console: c, lang: languageOf(r), now: c.Now()}
		cookie, err := r.Cookie(sessionCookie)
		if err == nil {
			v.token = cookie.Value
			v.session, err = c.Store.SessionByToken(r.Context(), v.token)
		}
		if errors.Is(err, http.ErrNoCookie) || errors.Is(err, store.ErrNotFound) {
			if r.Method == http.MethodGet && r.URL.Path != "/events" {
				http.Redirect(w, r, "/login", http.StatusSeeOther)
			} else {
				http.Error(w, c.messages.text(v.lang, "login.expired"), http.StatusUnauthorized)
			}
			return
		}
		if err == nil && r.Method == http.MethodPost {
			r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
			if !same(r.PostFormValue("csrf"), v.session.CSRF) {
				err = errRefused
			}
		}
		if err == nil {
			err = f(v)
		}
		if err != nil {
			v.fail(err)
		}
	}
}

var errRefused = errors.New("form does not belong to this session")

func (v *view) fail(err error) {
	status, key := http.StatusInternalServerError, "error.failed"
	switch {
	case errors.Is(err, store.ErrNotFound):
		status, key = http.StatusNotFound, "error.notfound"
	case errors.Is(err, errRefused):
		status, key = http.StatusForbidden, "error.refused"
	default:
		v.console.Log.Error("console page", "path", v.r.URL.Path, "err", err)
	}
	if err := v.render(status, "error", "error.title", key); err != nil {
		v.console.Log.Error("console error page", "err", err)
		http.Error(v.w, http.StatusText(status), status)
	}
}

// t gives a sentence in the language of the page.
func (v *view) t(key string, values ...any) string {
	return v.console.messages.text(v.lang, key, values...)
}

// frame is what every template gets.
type frame struct {
	*view
	Title     string
	Nav       string // which entry of the navigation is the present one
	Attention store.Attention
	Data      any
}

func (v *view) render(status int, page, title string, data any) error {
	f := frame{view: v, Title: v.t(title), Nav: page, Data: data}
	if v.session.User != "" && page != "error" {
		var err error
		if f.Attention, err = v.console.Store.CountAttention(v.r.Context()); err != nil {
			return err
		}
	}
	return v.console.execute(v.w, status, page, f)
}

func (c *Console) execute(w http.ResponseWriter, status int, page string, f frame) error {
	var out bytes.Buffer
	if err := c.pages[page].ExecuteTemplate(&out, "layout", f); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = out.WriteTo(w) // the browser has gone; nobody is left to tell
	return nil
}
