package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

const roleKiosk = "kiosk"

// identity is a terminal as the hub knows it.
type identity struct {
	ID     string
	Number int
	Token  string
	Dir    string // of its outbox
}

// kioskOrder is what a child in the role of one or many terminals is told.
type kioskOrder struct {
	Kiosks     []identity
	URL        string
	Platform   string // PEM of the hub's public key
	Oracle     string // file
	Seed       uint64
	Life       int           // differs between runs of one terminal: receipt numbers stay apart
	Offline    bool          // never connect
	Pause      time.Duration // mean time between two records of a terminal
	Largest    int           // bytes of answers; now and then one comes near it
	MinFree    int64         // see outbox.Config
	Backup     time.Duration // see outbox.Config.BackupEvery
	StrangeKey bool          // seal to a key that the hub has not got
	Catalog    string        // version of the catalogue it claims
	Shift      time.Duration // of its wall clock
}

// kiosk is such a child.
//
// It says: ready; n COUNT (promises noted); up N, down N (conversations begun and ended);
// caught N (all that was promised when mark N was told is acknowledged); quiet, copied,
// shifted (it has done as it was told); refused, accepted (by outbox.Ready); late (refused
// after Ready); aside N (a file was set aside, N entries saved); rewound FROM TO (the hub
// took acknowledgements back); unable ERROR.
type kiosk struct {
	*process
	marks int
}

func startKiosk(dir string, order kioskOrder, prefix ...string) (*kiosk, error) {
	name := "kiosk"
	if len(order.Kiosks) == 1 {
		name = order.Kiosks[0].ID
	}
	p, err := startRole(name, filepath.Join(dir, name+".log"), roleKiosk, order, prefix...)
	if err != nil {
		return nil, err
	}
	return &kiosk{process: p}, nil
}

// promised waits until so many promises are noted in this life.
func (k *kiosk) promised(ctx context.Context, n int) error {
	_, err := k.await(ctx, "n", func(s said) bool { return number(s.rest) >= n })
	return err
}

// more waits for n further promises.
func (k *kiosk) more(ctx context.Context, n int) error {
	return k.promised(ctx, number(k.last("n").rest)+n)
}

// caught waits until all that is promised by now is acknowledged, and tells when it was.
func (k *kiosk) caught(ctx context.Context) (time.Time, error) {
	k.marks++
	n := strconv.Itoa(k.marks)
	k.tell("mark " + n)
	s, err := k.await(ctx, "caught", func(s said) bool { return s.rest == n })
	return s.at, err
}

// copied waits until the copy beside each log is up to date.
func (k *kiosk) copied(ctx context.Context) error {
	k.tell("copy")
	_, err := k.await(ctx, "copied", nil)
	return err
}

// finish has it append nothing more, waits until everything is delivered, and ends it.
func (k *kiosk) finish(ctx context.Context) error {
	k.tell("quiet")
	if _, err := k.await(ctx, "quiet", nil); err != nil {
		return err
	}
	if _, err := k.caught(ctx); err != nil {
		return err
	}
	k.stop(syscall.SIGTERM)
	if s := k.last("unable"); s.times > 0 {
		return fmt.Errorf("%s: %s", k.name, s.rest)
	}
	return nil
}

func number(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}
