package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"yeban/sync/record"
)

type initCmd struct{}

func (c *initCmd) Run(p *program) error {
	cfg, err := p.config()
	if err != nil {
		return err
	}
	public := strings.TrimSuffix(cfg.PlatformKey, ".key") + ".pub"
	for _, path := range []string{cfg.PlatformKey, public} {
		if _, err := os.Lstat(path); err == nil {
			return fmt.Errorf("%s exists already: a new key would make sealed records unreadable", path)
		} else if !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	for _, dir := range []string{cfg.Data, filepath.Dir(cfg.PlatformKey)} {
		if err := os.MkdirAll(dir, 0o750); err != nil {
			return fmt.Errorf("make data folder: %w", err)
		}
	}
	key, err := record.GenerateKey(nil)
	if err != nil {
		return err
	}
	private, err := key.MarshalPEM()
	if err != nil {
		return err
	}
	open, err := key.Public().MarshalPEM()
	if err != nil {
		return err
	}
	if err := writeNew(cfg.PlatformKey, private, 0o600); err != nil {
		return fmt.Errorf("write private key: %w", err)
	}
	if err := writeNew(public, open, 0o644); err != nil {
		return fmt.Errorf("write public key: %w", err)
	}
	fmt.Fprintf(p.stdout, "private key %s (keep a copy in a safe place)\npublic key  %s (for the terminals)\nfingerprint %s\n",
		cfg.PlatformKey, public, key.Public().Fingerprint())
	return nil
}

// writeNew writes a file that must not be there yet.
func writeNew(path string, content []byte, mode os.FileMode) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Sync(), f.Close())
}
