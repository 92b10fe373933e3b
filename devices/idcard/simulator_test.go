package idcard_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"yeban/devices/idcard"
	"yeban/devices/serialport"
	"yeban/devices/simulator"
)

// The simulator was written from the same facts by another hand, with its own frames
// and records: what both agree on was read right twice.

func bench(t *testing.T, driver serialport.Driver) (*simulator.Bench, *idcard.Reader) {
	t.Helper()
	dir := t.TempDir()
	b, err := simulator.New(simulator.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	r, _, err := idcard.Dial(ctx, serialport.Config{Path: filepath.Join(dir, "idcard"), Driver: driver},
		idcard.WithFingerprint(), idcard.WithAddress())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return b, r
}

func check(t *testing.T, c simulator.Card, got idcard.Record) {
	t.Helper()
	to := string(got.To)
	if got.LongTerm {
		to = "长期"
	}
	for field, pair := range map[string][2]string{
		"name": {c.Name, got.Name}, "english": {c.EnglishName, got.EnglishName}, "sex": {c.Sex, string(rune(got.Sex))},
		"ethnic": {c.Ethnic, string(got.Ethnic)}, "nation": {c.Nation, got.Nation}, "birth": {c.Birth, string(got.Birth)},
		"address": {c.Address, got.Address}, "number": {c.IDNumber, got.IDNumber}, "issuer": {c.Issuer, strings.TrimPrefix(got.Issuer, "1500")},
		"from": {c.From, string(got.From)}, "to": {c.To, to}, "pass": {c.Pass, got.PassNumber}, "count": {c.Issues, got.Count},
		"old id": {c.OldID, got.OldID}, "new address": {c.NewAddress, got.NewAddress},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %s differs", c.Key, field)
		}
	}
	if len(got.Fingerprint) != c.Fingerprint || len(got.Photo) != 1024 {
		t.Errorf("%s: photo %d, fingerprint %d bytes", c.Key, len(got.Photo), len(got.Fingerprint))
	}
	for _, d := range got.Doubts {
		if d.Problem != idcard.ProblemRare {
			t.Errorf("%s: %v", c.Key, d.Error())
		}
	}
}

func TestSimulatedCardsWithEveryFaultThatMustNotMatter(t *testing.T) {
	faults := map[string]simulator.ReaderFaults{
		"none":         {},
		"crumbs":       {Chunk: 17, PhotoGap: simulator.Duration(900 * time.Millisecond)},
		"noise":        {Noise: 20, HugeLength: true},
		"frameInPhoto": {FrameInPhoto: true},
	}
	for _, driver := range []serialport.Driver{serialport.Bugst, serialport.Tarm} {
		for name, f := range faults {
			t.Run(string(driver)+"/"+name, func(t *testing.T) {
				t.Parallel()
				b, r := bench(t, driver)
				b.Reader.SetFaults(f)
				cards := simulator.Cards()
				if name == "crumbs" {
					cards = cards[:2] // nearly a second each
				}
				for _, c := range cards {
					b.Reader.Lay(c)
					ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
					got, err := r.WaitCard(ctx, 50*time.Millisecond, nil)
					cancel()
					if err != nil {
						t.Fatalf("%s: %v", c.Key, err)
					}
					check(t, c, got)
					b.Reader.Lift()
				}
			})
		}
	}
}

func TestSimulatedFaultsThatTheCitizenMustActOn(t *testing.T) {
	for _, driver := range []serialport.Driver{serialport.Bugst, serialport.Tarm} {
		t.Run(string(driver), func(t *testing.T) {
			t.Parallel()
			b, r := bench(t, driver)
			card := simulator.Cards()[0]
			ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
			defer cancel()
			b.Reader.SetFaults(simulator.ReaderFaults{LiftOnRead: true})
			b.Reader.Lay(card)
			if _, err := r.WaitCard(ctx, 50*time.Millisecond, nil); !errors.Is(err, idcard.ErrLiftAndLayAgain) {
				t.Fatal(err)
			}
			b.Reader.SetFaults(simulator.ReaderFaults{})
			b.Reader.Lay(card)
			got, err := r.WaitCard(ctx, 50*time.Millisecond, nil)
			if err != nil {
				t.Fatal(err)
			}
			check(t, card, got)
			b.Reader.SetFaults(simulator.ReaderFaults{UnplugAfter: 600})
			b.Reader.Lift()
			b.Reader.Lay(card)
			if _, err := r.WaitCard(ctx, 50*time.Millisecond, nil); !errors.Is(err, serialport.ErrGone) {
				t.Fatal(err)
			}
		})
	}
}

func TestCallerLearnsOfACardBeforeItIsRead(t *testing.T) {
	t.Parallel()
	b, r := bench(t, serialport.Bugst)
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	var readsWhenFound []int
	found := func() { readsWhenFound = append(readsWhenFound, b.Reader.Reads()) }
	b.Reader.SetFaults(simulator.ReaderFaults{LiftOnRead: true})
	b.Reader.Lay(simulator.Cards()[0])
	if _, err := r.WaitCard(ctx, 50*time.Millisecond, found); !errors.Is(err, idcard.ErrLiftAndLayAgain) {
		t.Fatal(err)
	}
	b.Reader.SetFaults(simulator.ReaderFaults{})
	b.Reader.Lay(simulator.Cards()[0])
	if _, err := r.WaitCard(ctx, 50*time.Millisecond, found); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(readsWhenFound, []int{0, 0}) {
		t.Errorf("cards read when found was called: %v, want [0 0]", readsWhenFound)
	}
	within, stop := context.WithTimeout(ctx, 300*time.Millisecond)
	defer stop()
	if _, err := r.WaitCard(within, 50*time.Millisecond, found); !errors.Is(err, idcard.ErrNoCard) || len(readsWhenFound) != 2 {
		t.Errorf("with no new card: %v, found %d times", err, len(readsWhenFound))
	}
}
