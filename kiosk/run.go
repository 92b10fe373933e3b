package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"
	"golang.org/x/sync/errgroup"

	"yeban/assets"
	"yeban/assets/messages"
	"yeban/catalog"
	"yeban/kiosk/journey"
	"yeban/kiosk/screen"
	"yeban/sync/command"
	"yeban/sync/link"
	"yeban/sync/outbox"
	"yeban/sync/record"
)

type runVerb struct {
	Config string `help:"Settings file; without it the defaults hold." placeholder:"FILE"`
}

// Run wires a terminal and serves until the window is closed or a signal comes.
func (v runVerb) Run(s *streams) error {
	cfg, err := loadConfig(v.Config)
	if err != nil {
		return err
	}
	if err := displayThere(); err != nil {
		return err
	}
	if err := overwriteFreed(); err != nil {
		return err
	}
	t, err := newTerminal(cfg, s)
	if err != nil {
		return err
	}
	return t.serve(s.ctx)
}

// terminal is one kiosk with everything that belongs to it.
type terminal struct {
	cfg     Config
	logger  *slog.Logger
	book    messages.Book
	catalog *catalog.Catalog
	zone    *time.Location
	clock   *bootClock
	box     *outbox.Outbox
	link    *link.Link        // nil where no hub is set
	orders  *command.Notebook // nil where none are taken
	devices *hardware
	window  *screen.Window
	machine *journey.Machine
	runner  *journey.Runner
	visit   visitState
	lookout lookout
	aside   untold
	wiper   *wiper

	receipts atomic.Int32 // that wait for the printer, or are being printed

	platform record.PublicKey
	restart  chan struct{} // staff want it started again
}

func newTerminal(cfg Config, s *streams) (*terminal, error) {
	t := &terminal{cfg: cfg, logger: newLogger(s.err, cfg.Log.Level), restart: make(chan struct{}, 1)}
	var err error
	if t.zone, err = time.LoadLocation(cfg.Zone); err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	if t.book, err = messages.Load(); err != nil {
		return nil, err
	}
	if t.catalog, err = catalog.Load(cfg.Catalog); err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	if t.clock, err = newBootClock(); err != nil {
		return nil, err
	}
	if err := t.openOutbox(); err != nil {
		return nil, err
	}
	t.devices = newHardware(cfg, t.logger)
	if cfg.Hub.URL != "" {
		if err := t.newLink(); err != nil {
			return nil, errors.Join(err, t.box.Close())
		}
	}
	return t, nil
}

func (t *terminal) openOutbox() error {
	raw, err := os.ReadFile(t.cfg.Hub.PlatformKey)
	if err != nil {
		return fmt.Errorf("platform key: %w (the hub makes it with: hub init)", err)
	}
	key, err := record.ParsePublicKey(raw)
	if err != nil {
		return fmt.Errorf("platform key %s: %w", t.cfg.Hub.PlatformKey, err)
	}
	if err := os.MkdirAll(t.cfg.Data, 0o700); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	t.platform = key
	t.box, err = outbox.Open(outbox.Config{Dir: t.cfg.Data, Platform: key, MinFreeBytes: t.cfg.MinFree << 20})
	if err != nil {
		return err
	}
	t.aside = untold(filepath.Join(t.cfg.Data, "set-aside-untold"))
	if aside := t.box.SetAside(); aside != nil {
		t.logger.Error("outbox was damaged and set aside; service goes on with a new one", "error", errors.Join(aside, t.aside.begin()))
	}
	return nil
}

func (t *terminal) newLink() error {
	token, err := os.ReadFile(t.cfg.Hub.TokenFile)
	if err != nil {
		return fmt.Errorf("token: %w (the hub gives one with: hub kiosk add)", err)
	}
	secure, err := t.cfg.Hub.tlsConfig()
	if err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	cfg := link.Config{
		URL: t.cfg.Hub.URL, Token: strings.TrimSpace(string(token)), Kiosk: t.cfg.Kiosk, Software: Version,
		CatalogVersion: func() string { return t.catalog.Version }, Outbox: t.box, Status: t.status,
		Blobs: t.box, Platform: t.platform, TLS: secure,
		Clock: t.clock.now, Logger: t.logger.With("part", "link"),
	}
	if t.openOrders(); t.orders != nil {
		cfg.Commands = t.orders
	}
	if t.link, err = link.New(cfg); err != nil {
		return errors.Join(err, t.closeOrders())
	}
	return nil
}

// serve runs every part; the window has the main goroutine.
func (t *terminal) serve(parent context.Context) error {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	send := func(e journey.Event) { t.runner.Send(ctx, e) }
	t.window = openKiosk(screen.Config{
		Station: screen.Station{Hall: t.cfg.Hall, Kiosk: t.cfg.Kiosk, Hotline: t.cfg.Hotline},
		Width:   t.cfg.Screen.Width, Height: t.cfg.Screen.Height, Book: t.book, Icon: assets.Icon, Send: send, Now: func() time.Time { return time.Now().In(t.zone) },
	}, screen.WindowConfig{Fullscreen: t.cfg.Screen.Fullscreen, Targets: t.cfg.Screen.Targets, Logger: t.logger})
	t.wiper = newWiper(t.window.Repaint)
	t.wireJourney()

	work, ctx := errgroup.WithContext(ctx)
	work.Go(func() error { return t.runner.Run(ctx) })
	work.Go(func() error { return t.wiper.run(ctx) })
	work.Go(func() error { return t.devices.run(ctx) })
	work.Go(func() error { return t.watchConditions(ctx) })
	work.Go(func() error { return t.recordDevices(ctx) })
	if t.link != nil {
		work.Go(func() error { return t.link.Run(ctx) })
	}
	if t.orders != nil {
		work.Go(func() error { return t.orders.Run(ctx) })
	}
	var restart bool
	work.Go(func() error {
		if restart = t.awaitRestart(ctx); restart {
			cancel()
		}
		return nil
	})
	work.Go(func() error { return t.prune(ctx) })
	t.logger.Info("serving", "kiosk", t.cfg.Kiosk, "catalog", t.catalog.Version, "items", len(t.catalog.Items))
	closed := make(chan error, 1)
	go func() {
		err := work.Wait()
		if errors.Is(err, context.Canceled) {
			err = nil
		}
		err = errors.Join(err, t.closeOrders(), t.box.Close())
		code := 0
		switch {
		case err != nil:
			code = 1
		case restart:
			code, err = int(exitRestart), exitRestart
		}
		closed <- err
		t.window.Close()
		// Everything that matters is on the disk and shut by now; a window system that
		// does not let go must not keep the program from being started again.
		time.Sleep(windowPatience)
		t.logger.Warn("the window did not close in time", "error", err)
		os.Exit(code)
	}()
	t.window.Run()
	cancel()
	return <-closed
}

// windowPatience is how long the window system may take to let go.
const windowPatience = 3 * time.Second

func (t *terminal) wireJourney() {
	timing := journey.DefaultTiming()
	timing.Idle, timing.Form, timing.Result, timing.Warning = t.cfg.Timing.Idle, t.cfg.Timing.Form, t.cfg.Timing.Result, t.cfg.Timing.Warning
	t.machine = journey.NewMachine(journey.Config{
		Kiosk: t.cfg.Kiosk, Number: t.cfg.Number, Hall: t.cfg.Hall, Hotline: t.cfg.Hotline, Lang: t.cfg.Language,
		Queued: t.book.Say("zh", "receipt.queued"), Catalog: t.catalog, Timing: timing,
		NewID: func() string { return ulid.Make().String() }, Clock: t.clock.now, Location: t.zone,
	}, time.Now())
	parts := journey.Parts{
		Reader:  cardReader{t.devices.reader},
		Printer: t.receiptPrinter(),
		Log:     durableLog{t.box}, Draw: t.draw, Wiped: t.wiper.wipe, Now: time.Now,
		Logger: t.logger.With("part", "journey"),
	}
	if t.devices.evaluator != nil {
		parts.Evaluator = ratingKeys{t.devices.evaluator}
	}
	if t.link != nil {
		parts.Inquiry = progressDesk{t.link}
	}
	t.runner = journey.NewRunner(t.machine, parts)
}

func (t *terminal) receiptPrinter() receiptPrinter {
	return receiptPrinter{
		worker: t.devices.printer, catalog: func() *catalog.Catalog { return t.catalog },
		void: t.book.Say("zh", "receipt.void"), logger: t.logger.With("part", "printer"), due: &t.receipts,
	}
}

// draw shows a moment and remembers its name for the hub.
func (t *terminal) draw(v journey.View) {
	t.visit.set(v)
	t.window.Draw(v)
}

// prune drops what has been acknowledged long enough ago, and looks at the backup.
func (t *terminal) prune(ctx context.Context) error {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		if err := t.box.Prune(time.Now()); err != nil {
			t.logger.Warn("outbox not pruned", "error", err)
		}
		if b := t.box.Backup(); b.Err != nil {
			t.logger.Warn("outbox not backed up", "error", b.Err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
