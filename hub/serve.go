package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"yeban/catalog"
	"yeban/hub/bus"
	"yeban/hub/console"
	"yeban/hub/feed"
	"yeban/hub/intake"
	"yeban/hub/projector"
	"yeban/hub/store"
	"yeban/sync/protocol"
	"yeban/sync/record"
)

const (
	drainFor = 2 * time.Second // terminals are given so long to go
	closeFor = time.Second     // and open pages so long
)

// Main is a whole hub. Run starts it, Close ends it; neither may be called twice.
type Main struct {
	Config Config
	Log    *slog.Logger

	store     *store.Store
	bus       *bus.Bus
	intake    *intake.Server
	console   *console.Console
	listener  net.Listener
	server    *http.Server
	cancel    context.CancelFunc
	following sync.WaitGroup
	failed    chan error
}

// Run returns when the hub listens. On an error everything is closed again.
func (m *Main) Run(ctx context.Context) (err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, m.Close())
		}
	}()
	key, err := readKey(m.Config.PlatformKey)
	if err != nil {
		return err
	}
	catalogs, err := loadCatalogs(m.Config.Catalog)
	if err != nil {
		return err
	}
	secure, err := m.Config.TLS.load(m.Log)
	if err != nil {
		return err
	}
	if m.store, err = store.Open(ctx, m.Config.Store, nil); err != nil {
		return fmt.Errorf("open %s: %w", store.RedactDSN(m.Config.Store), err)
	}
	if m.bus, err = bus.Open(m.Config.Bus, m.Log); err != nil {
		return err
	}
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.registerMetrics(reg)
	tagger, err := projector.NewTagger(key)
	if err != nil {
		return err
	}
	in := m.Config.intake()
	connections, openFiles := m.affordable(in.MaxConnections)
	in.MaxConnections = connections
	in.Progress = &projector.Desk{Store: m.store, Key: key, Tagger: tagger}
	if m.intake, err = intake.New(in, m.store, m.bus, m.Log, reg, nil); err != nil {
		return err
	}
	if m.console, err = console.New(console.Config{
		Store: m.store, Bus: m.bus, Key: key, Catalogs: catalogs, Log: m.Log,
		Fresh: m.Config.Limits.Dead, Session: m.Config.Limits.Session,
	}); err != nil {
		return err
	}
	if m.listener, err = net.Listen("tcp", m.Config.Listen); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	p := &projector.Projector{Store: m.store, Bus: m.bus, Key: key, Tagger: tagger, Catalogs: catalogs, Log: m.Log, Busy: m.intake.Busy}
	p.RegisterMetrics(reg)
	m.failed = make(chan error, 2)
	var own context.Context
	own, m.cancel = context.WithCancel(context.Background())
	m.following.Go(func() {
		if err := p.Run(own); err != nil {
			m.failed <- fmt.Errorf("projector: %w", err)
		}
	})
	routes, err := m.routes(reg, key)
	if err != nil {
		return err
	}
	m.serve(routes, secure)
	m.Log.Info("console "+m.URL(), "store", store.RedactDSN(m.Config.Store), "platform_key", key.Public().Fingerprint(), "catalog", catalogs.version(),
		"connections", connections, "open_files", openFiles)
	return nil
}

// serve answers whoever connects to the listener, until Close.
func (m *Main) serve(routes http.Handler, secure *tls.Config) {
	m.server = &http.Server{
		Handler:           routes,
		TLSConfig:         secure,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(m.Log.Handler(), slog.LevelDebug),
	}
	m.following.Go(func() {
		serve := m.server.Serve
		if secure != nil {
			serve = func(l net.Listener) error { return m.server.ServeTLS(l, "", "") }
		}
		if err := serve(m.listener); !errors.Is(err, http.ErrServerClosed) {
			m.failed <- fmt.Errorf("serve: %w", err)
		}
	})
}

// URL is where the console is.
func (m *Main) URL() string {
	addr := m.listener.Addr().(*net.TCPAddr)
	host := addr.IP.String()
	if addr.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	scheme := "http://"
	if m.Config.TLS.Cert != "" {
		scheme = "https://"
	}
	return scheme + net.JoinHostPort(host, fmt.Sprint(addr.Port))
}

// Failed gives the error of a part that has stopped by itself.
func (m *Main) Failed() <-chan error { return m.failed }

// Close asks terminals to go, commits what has come, and ends everything within a few
// seconds.
func (m *Main) Close() (err error) {
	if m.intake != nil {
		ctx, cancel := context.WithTimeout(context.Background(), drainFor)
		if m.intake.Drain(ctx) != nil {
			m.Log.Info("some terminals did not go in time; closing on them")
		}
		cancel()
		err = errors.Join(err, m.intake.Close())
	}
	if m.console != nil {
		m.console.Close()
	}
	if m.server != nil {
		ctx, cancel := context.WithTimeout(context.Background(), closeFor)
		if e := m.server.Shutdown(ctx); e != nil {
			err = errors.Join(err, m.server.Close())
		}
		cancel()
	} else if m.listener != nil {
		err = errors.Join(err, m.listener.Close())
	}
	if m.cancel != nil {
		m.cancel()
	}
	m.following.Wait()
	if m.bus != nil {
		m.bus.Close()
	}
	if m.store != nil {
		err = errors.Join(err, m.store.Close())
	}
	return err
}

func (m *Main) routes(reg *prometheus.Registry, key *record.PrivateKey) (http.Handler, error) {
	mux := http.NewServeMux()
	mux.Handle(protocol.Path, m.intake)
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{Registry: reg}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		if err := m.store.Ping(r.Context()); err != nil {
			m.Log.Error("health", "err", err)
			http.Error(w, "store is away", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.Handle("/", m.console)
	return mux, m.backOffice(mux, key)
}

// backOffice opens what hub feed's other end may ask of this hub, where there is a secret
// to know it by.
func (m *Main) backOffice(mux *http.ServeMux, key *record.PrivateKey) error {
	if _, err := os.Stat(m.Config.FeedSecret); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	secret, err := readSecret(m.Config.FeedSecret)
	if err != nil {
		return err
	}
	mux.Handle(feed.ResultsPath, &feed.Receiver{Store: m.store, Bus: m.bus, Secret: secret, Source: "backoffice", Log: m.Log, Now: time.Now})
	mux.Handle(feed.AttachmentPath, &feed.Attachments{Store: m.store, Key: key, Secret: secret, Log: m.Log})
	return nil
}

func readKey(path string) (*record.PrivateKey, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, &configError{Msg: fmt.Sprintf("no platform key at %s: run hub init first", path)}
	} else if err != nil {
		return nil, &configError{Msg: "read platform key: " + err.Error()}
	}
	key, err := record.ParsePrivateKey(text)
	if err != nil {
		return nil, &configError{File: path, Msg: err.Error()}
	}
	return key, nil
}

// catalogs are the versions of the catalogue that this hub has: one, or none.
type catalogs struct{ one *catalog.Catalog }

func loadCatalogs(path string) (catalogs, error) {
	if path == "" {
		return catalogs{}, nil
	}
	c, err := catalog.Load(path)
	if err != nil {
		return catalogs{}, &configError{Msg: "catalogue: " + err.Error()}
	}
	return catalogs{c}, nil
}

// Version gives a version of the catalogue.
func (c catalogs) Version(version string) (*catalog.Catalog, bool) {
	if c.one == nil || c.one.Version != version {
		return nil, false
	}
	return c.one, true
}

func (c catalogs) version() string {
	if c.one == nil {
		return "none"
	}
	return c.one.Version
}
