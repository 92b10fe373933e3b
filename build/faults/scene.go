package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"yeban/hub/store"
	"yeban/sync/record"
)

// scene is one trial under way: hubs, terminals and the oracle, in a folder of its own.
type scene struct {
	rig     *rig
	dir     string
	row     *row
	random  *rand.Rand
	key     *record.PrivateKey
	public  string // PEM
	keyFile string
	kiosks  []identity
	oracles []string
	lives   int
	ends    []func()
}

func (s *scene) makeKey() (err error) {
	if s.key, err = record.GenerateKey(nil); err != nil {
		return err
	}
	private, err := s.key.MarshalPEM()
	if err != nil {
		return err
	}
	public, err := s.key.Public().MarshalPEM()
	if err != nil {
		return err
	}
	s.public = string(public)
	return os.WriteFile(s.keyFile, private, 0o600)
}

// defers has something ended with the scene, the last first.
func (s *scene) defers(end func()) { s.ends = append(s.ends, end) }

func (s *scene) close() {
	for len(s.ends) > 0 {
		last := s.ends[len(s.ends)-1]
		s.ends = s.ends[:len(s.ends)-1]
		last()
	}
}

// part is a scene within this one: other terminals and promises, the same row.
func (s *scene) part(name string) (*scene, error) {
	p := &scene{rig: s.rig, dir: filepath.Join(s.dir, name), row: s.row, random: s.random, key: s.key, public: s.public, keyFile: s.keyFile}
	return p, os.Mkdir(p.dir, 0o755)
}

// addKiosks invents n terminals with their folders under dir.
func (s *scene) addKiosks(n int, dir string) {
	for range n {
		number := len(s.kiosks) + 1
		id := fmt.Sprintf("k-%d", number)
		s.kiosks = append(s.kiosks, identity{ID: id, Number: number, Token: token(), Dir: filepath.Join(dir, id)})
	}
}

// startHub sets a hub up, starts it and ends it with the scene.
func (s *scene) startHub(ctx context.Context, name string, set hubSettings) (*hub, error) {
	h, err := s.newHub(ctx, name, set)
	if err != nil {
		return nil, err
	}
	s.defers(h.end)
	return h, h.run(ctx)
}

// order is what most trials tell terminals; oracle names the file of their promises.
func (s *scene) order(url, oracle string, kiosks ...identity) kioskOrder {
	s.lives++
	return kioskOrder{
		Kiosks: kiosks, URL: url, Platform: s.public, Oracle: s.oracle(oracle),
		Seed: s.rig.seed, Life: s.lives, Largest: 20_000, MinFree: 1 << 20, Backup: time.Hour, Catalog: "none",
	}
}

// oracle is a file of promises that the verdict will read.
func (s *scene) oracle(name string) string {
	path := filepath.Join(s.dir, name+".oracle")
	for _, known := range s.oracles {
		if known == path {
			return path
		}
	}
	s.oracles = append(s.oracles, path)
	return path
}

// startKiosk starts terminals, waits until they are ready and ends them with the scene.
func (s *scene) startKiosk(ctx context.Context, order kioskOrder, prefix ...string) (*kiosk, error) {
	k, err := startKiosk(s.dir, order, prefix...)
	if err != nil {
		return nil, err
	}
	s.defers(k.kill)
	_, err = k.await(ctx, "ready", nil)
	return k, err
}

// judge adds what the store holds to the row. The hub must be running.
func (s *scene) judge(ctx context.Context, dsn string) error {
	promises, err := readOracle(s.oracles...)
	if err != nil {
		return err
	}
	st, err := store.Open(ctx, dsn, nil)
	if err != nil {
		return err
	}
	defer st.Close()
	v, records, err := judge(ctx, st, s.key, promises)
	if err != nil {
		return err
	}
	if err := v.compareView(ctx, st, records); err != nil {
		return err
	}
	s.row.add(v)
	conflicts, err := st.Conflicts(ctx, 1000)
	s.row.conflicts += len(conflicts)
	return err
}

// recovered notes how long after the end of a fault everything was well again.
func (s *scene) recovered(since, at time.Time) { s.row.recover = append(s.row.recover, at.Sub(since)) }

// times is how often a thing is done in the short form, and in the long one.
func (s *scene) times(few, many int) int {
	switch s.rig.size {
	case small:
		return (few + 2) / 3
	case short:
		return few
	}
	return many
}

// between is a random time.
func (s *scene) between(least, most time.Duration) time.Duration {
	return least + time.Duration(s.random.Int64N(int64(most-least)+1))
}
