package main

import (
	"fmt"
	"os"
	"path/filepath"
)

type serveCmd struct {
	Listen    string `help:"Address of console and intake; overrides the configuration." placeholder:"HOST:PORT"`
	ReadyFile string `help:"Written when the hub listens; holds the console's address." placeholder:"FILE"`
}

func (c *serveCmd) Run(p *program) error {
	cfg, err := p.config()
	if err != nil {
		return err
	}
	if c.Listen != "" {
		cfg.Listen = c.Listen
		if err := cfg.validate(); err != nil {
			return &configError{Msg: err.Error()}
		}
	}
	m := &Main{Config: cfg, Log: p.logger(cfg)}
	if err := m.Run(p.ctx); err != nil {
		return err
	}
	fmt.Fprintln(p.stdout, "console", m.URL())
	if c.ReadyFile != "" {
		if err := writeWhole(c.ReadyFile, []byte(m.URL()+"\n"), 0o644); err != nil {
			_ = m.Close()
			return fmt.Errorf("write ready file: %w", err)
		}
		defer os.Remove(c.ReadyFile)
	}
	select {
	case <-p.ctx.Done():
		return m.Close()
	case err := <-m.Failed():
		_ = m.Close()
		return err
	}
}

// writeWhole puts a file in place at once: nobody sees a part of it. It makes the folder.
func writeWhole(path string, content []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".yeban-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // no more there when all went well
	if _, err = f.Write(content); err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
