package main

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"yeban/hub/intake"
	"yeban/hub/store"
	"yeban/sync/settings"
)

// Config is hub.yaml. The table in hub --help is made from the tags here.
type Config struct {
	Listen      string     `yaml:"listen" help:"Address of console and intake."`
	Data        string     `yaml:"data" help:"Folder of the hub's own files."`
	Store       string     `yaml:"store" help:"Database: sqlite:PATH, or postgres://USER:PASSWORD@HOST[,HOST]/DATABASE. Empty: hub.db in the data folder."`
	Bus         string     `yaml:"bus" help:"NATS server or cluster, comma-separated URLs. Empty: one inside this process, without a port."`
	PlatformKey string     `yaml:"platform_key" help:"The platform's private SM2 key (PEM). Empty: platform.key in the data folder."`
	Catalog     string     `yaml:"catalog" help:"Catalogue file or folder by which answers are judged. Empty: they are not judged."`
	FeedSecret  string     `yaml:"feed_secret" help:"Secret shared with the back office, made by hub feed secret. Empty: feed.secret in the data folder. Without the file this hub serves the back office neither attachments nor a place for results."`
	LogLevel    slog.Level `yaml:"log_level" help:"DEBUG, INFO, WARN or ERROR."`
	TLS         TLS        `yaml:"tls"`
	Limits      Limits     `yaml:"limits"`
}

// TLS is how console and intake are reached over an open network. The files are read again
// within a minute when one has changed.
type TLS struct {
	Cert     string `yaml:"cert" help:"Certificate with its chain (PEM). Empty: plain HTTP, for one machine or behind a proxy."`
	Key      string `yaml:"key" help:"Its private key (PEM)."`
	ClientCA string `yaml:"client_ca" help:"Authority (PEM) of terminals' client certificates. When set, a terminal is admitted only with one that bears its id as common name, beside its token."`
}

// Limits bound what terminals may ask of the hub.
type Limits struct {
	Connections   int           `yaml:"connections" help:"Terminals connected at once."`
	Hellos        int           `yaml:"hellos" help:"Terminals being attached at once."`
	WindowRecords int           `yaml:"window_records" help:"Unacknowledged records of one terminal."`
	WindowBytes   int           `yaml:"window_bytes" help:"And their size in bytes."`
	QueueBytes    int64         `yaml:"queue_bytes" help:"Records of all terminals waiting to be committed, in bytes."`
	Ping          time.Duration `yaml:"ping" help:"Time between two pings."`
	Dead          time.Duration `yaml:"dead" help:"Silence after which a terminal is gone."`
	Settle        time.Duration `yaml:"settle" help:"A fresh connection waits up to so long before it sends records. 0s: never, nor settle_busy."`
	SettleBusy    time.Duration `yaml:"settle_busy" help:"And so long besides in the hub's first minute, or when many terminals arrive at once."`
	StatusEvery   time.Duration `yaml:"status_every" help:"Longest time between two status messages of a terminal."`
	Session       time.Duration `yaml:"session" help:"How long a log-in to the console lasts."`
}

// defaultConfig is what holds where the file says nothing.
func defaultConfig() Config {
	in := intake.Default()
	return Config{
		Listen: "127.0.0.1:8340",
		Data:   filepath.Join("var", "hub"),
		Limits: Limits{
			Connections: in.MaxConnections, Hellos: in.MaxHellos,
			WindowRecords: in.WindowRecords, WindowBytes: in.WindowBytes, QueueBytes: in.QueueBytes,
			Ping: in.Ping, Dead: in.Dead, Settle: in.Settle, SettleBusy: in.SettleBusy, StatusEvery: in.StatusEvery,
			Session: 12 * time.Hour,
		},
	}
}

// configError is something wrong in the configuration, and where.
type configError struct {
	File string // "" where Msg says it, or it is about no file
	Msg  string
}

func (e *configError) Error() string {
	if e.File == "" {
		return e.Msg
	}
	return e.File + ": " + e.Msg
}

// loadConfig reads a file ("" means ./hub.yaml if it is there), lets data override the
// data folder, and fills in what follows from it. Errors are *configError.
func loadConfig(file, data string) (Config, error) {
	cfg := defaultConfig()
	name := cmp.Or(file, "hub.yaml")
	err := settings.Read(name, &cfg)
	if err != nil && (file != "" || !errors.Is(err, os.ErrNotExist)) {
		return cfg, &configError{Msg: err.Error()}
	}
	cfg.Data = cmp.Or(data, cfg.Data)
	cfg.Store = cmp.Or(cfg.Store, "sqlite:"+filepath.Join(cfg.Data, "hub.db"))
	cfg.PlatformKey = cmp.Or(cfg.PlatformKey, filepath.Join(cfg.Data, "platform.key"))
	cfg.FeedSecret = cmp.Or(cfg.FeedSecret, filepath.Join(cfg.Data, "feed.secret"))
	if err := cfg.validate(); err != nil {
		return cfg, &configError{File: name, Msg: err.Error()}
	}
	return cfg, nil
}

func (c *Config) validate() error {
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	if err := store.CheckDSN(c.Store); err != nil {
		return err
	}
	l := c.Limits
	switch {
	case (c.TLS.Cert == "") != (c.TLS.Key == ""):
		return errors.New("tls: cert and key go together")
	case c.TLS.ClientCA != "" && c.TLS.Cert == "":
		return errors.New("tls: client_ca needs cert and key")
	case l.Settle+l.SettleBusy > time.Minute:
		return errors.New("limits: settle and settle_busy are at most 1m together")
	case l.Connections < 1, l.Hellos < 1, l.WindowRecords < 1, l.WindowBytes < 1, l.QueueBytes < 1:
		return errors.New("limits: numbers must be 1 or more")
	case l.Ping < time.Second, l.Dead <= l.Ping, l.StatusEvery < time.Second, l.Settle < 0, l.SettleBusy < 0, l.Session < time.Minute:
		return errors.New("limits: want ping ≥ 1s, dead > ping, status_every ≥ 1s, settle and settle_busy ≥ 0s, session ≥ 1m")
	}
	return nil
}

func (c *Config) intake() intake.Config {
	busy := c.Limits.SettleBusy
	if c.Limits.Settle == 0 {
		busy = 0
	}
	return intake.Config{
		MaxConnections: c.Limits.Connections, MaxHellos: c.Limits.Hellos,
		WindowRecords: c.Limits.WindowRecords, WindowBytes: c.Limits.WindowBytes, QueueBytes: c.Limits.QueueBytes,
		Ping: c.Limits.Ping, Dead: c.Limits.Dead, Settle: c.Limits.Settle, SettleBusy: busy,
		StatusEvery: c.Limits.StatusEvery, RequireCertificate: c.TLS.ClientCA != "",
	}
}
