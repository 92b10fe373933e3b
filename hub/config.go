package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"go.yaml.in/yaml/v3"

	"yeban/hub/intake"
	"yeban/hub/store"
)

// Config is hub.yaml. The table in hub --help is made from the tags here.
type Config struct {
	Listen      string     `yaml:"listen" help:"Address of console and intake."`
	Data        string     `yaml:"data" help:"Folder of the hub's own files."`
	Store       string     `yaml:"store" help:"Database: sqlite:PATH, or postgres://USER:PASSWORD@HOST[,HOST]/DATABASE. Empty: hub.db in the data folder."`
	Bus         string     `yaml:"bus" help:"NATS server or cluster, comma-separated URLs. Empty: one inside this process, without a port."`
	PlatformKey string     `yaml:"platform_key" help:"The platform's private SM2 key (PEM). Empty: platform.key in the data folder."`
	Catalog     string     `yaml:"catalog" help:"Catalogue file or folder by which answers are judged. Empty: they are not judged."`
	LogLevel    slog.Level `yaml:"log_level" help:"DEBUG, INFO, WARN or ERROR."`
	Limits      Limits     `yaml:"limits"`
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
	Settle        time.Duration `yaml:"settle" help:"A fresh connection waits so long before it sends records."`
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
			Ping: in.Ping, Dead: in.Dead, Settle: in.Settle, StatusEvery: in.StatusEvery,
			Session: 12 * time.Hour,
		},
	}
}

// configError is something wrong in the configuration, and where.
type configError struct {
	File string
	Line int // 0 where it is about no line
	Msg  string
}

func (e *configError) Error() string {
	switch {
	case e.File == "":
		return e.Msg
	case e.Line == 0:
		return e.File + ": " + e.Msg
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Msg)
}

// loadConfig reads a file ("" means ./hub.yaml if it is there), lets data override the
// data folder, and fills in what follows from it. Errors are *configError.
func loadConfig(file, data string) (Config, error) {
	cfg := defaultConfig()
	name := cmp.Or(file, "hub.yaml")
	raw, err := os.ReadFile(name)
	switch {
	case errors.Is(err, os.ErrNotExist) && file == "":
	case err != nil:
		return cfg, &configError{Msg: "read configuration: " + err.Error()}
	default:
		if err := parseConfig(name, raw, &cfg); err != nil {
			return cfg, err
		}
	}
	cfg.Data = cmp.Or(data, cfg.Data)
	cfg.Store = cmp.Or(cfg.Store, "sqlite:"+filepath.Join(cfg.Data, "hub.db"))
	cfg.PlatformKey = cmp.Or(cfg.PlatformKey, filepath.Join(cfg.Data, "platform.key"))
	if err := cfg.validate(); err != nil {
		return cfg, &configError{File: name, Msg: err.Error()}
	}
	return cfg, nil
}

var (
	yamlLine    = regexp.MustCompile(`^(?:yaml: )?line (\d+): (.*)$`)
	yamlUnknown = regexp.MustCompile(`^field (\S+) not found in type .*$`)
)

func parseConfig(name string, raw []byte, cfg *Config) error {
	d := yaml.NewDecoder(bytes.NewReader(raw))
	d.KnownFields(true)
	err := d.Decode(cfg)
	if err == nil || errors.Is(err, io.EOF) {
		return nil
	}
	text := err.Error()
	var misfit *yaml.TypeError
	if errors.As(err, &misfit) && len(misfit.Errors) > 0 {
		text = misfit.Errors[0]
	}
	bad := &configError{File: name, Msg: text}
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		_, _ = fmt.Sscan(m[1], &bad.Line)
		bad.Msg = m[2]
	}
	if m := yamlUnknown.FindStringSubmatch(bad.Msg); m != nil {
		bad.Msg = "unknown key " + m[1] + "; see hub --help for the settings"
	}
	return bad
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
	case l.Connections < 1, l.Hellos < 1, l.WindowRecords < 1, l.WindowBytes < 1, l.QueueBytes < 1:
		return errors.New("limits: numbers must be 1 or more")
	case l.Ping < time.Second, l.Dead <= l.Ping, l.StatusEvery < time.Second, l.Settle < 0, l.Session < time.Minute:
		return errors.New("limits: want ping ≥ 1s, dead > ping, status_every ≥ 1s, settle ≥ 0s, session ≥ 1m")
	}
	return nil
}

func (c *Config) intake() intake.Config {
	return intake.Config{
		MaxConnections: c.Limits.Connections, MaxHellos: c.Limits.Hellos,
		WindowRecords: c.Limits.WindowRecords, WindowBytes: c.Limits.WindowBytes, QueueBytes: c.Limits.QueueBytes,
		Ping: c.Limits.Ping, Dead: c.Limits.Dead, Settle: c.Limits.Settle, StatusEvery: c.Limits.StatusEvery,
	}
}
