// Package link is the kiosk's side of the socket: it keeps one conversation with the
// hub going, sends what the outbox holds and tells the outbox what arrived. Beside that
// it takes commands and tells how far they are, sends attachments, and asks for a citizen
// how their applications stand. A hub that does not know one of these is asked no more
// until the next conversation.
//
// Nothing in here is needed for a citizen to be served, and nothing in here can lose a
// record: the outbox alone remembers, the hub alone says how far it has committed, and
// every conversation begins with that.
package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/url"
	"sync/atomic"
	"time"

	"yeban/sync/protocol"
	"yeban/sync/record"
)

// Outbox is what the link needs of package outbox.
type Outbox interface {
	Position() (epoch record.Epoch, first, last uint64)
	Read(after uint64, maxRecords, maxBytes int) ([]record.Entry, error)
	// Hash is an error when the entry is no longer held.
	Hash(seq uint64) (record.Hash, error)
	// Acked takes a number lower than before as a rewind.
	Acked(epoch record.Epoch, have uint64) error
	NewEpoch(reason string, after uint64) error
	Notify() <-chan struct{}
}

// Blobs is what the link needs of package outbox to send attachments.
type Blobs interface {
	// NextBlob is the oldest attachment that is not at the hub, but for those to skip.
	NextBlob(skip func(record.Hash) bool) (ref record.BlobRef, ok bool)
	// OpenBlob gives the sealed bytes, their hash found right.
	OpenBlob(record.Hash) (io.ReadSeekCloser, error)
	BlobDelivered(record.Hash) error
	BlobRefused(record.Hash)
	// DeliveredBlobs names up to n that are at the hub, in turn from call to call.
	DeliveredBlobs(n int) []record.BlobRef
	// DoubtBlobs has every one that was delivered be NextBlob again.
	DoubtBlobs() error
}

// Commands is what the link needs of package command.
type Commands interface {
	Take(protocol.Command) error
	// Next is the oldest report that was not Answered.
	Next() (r protocol.Report, ok bool)
	Answered(protocol.Report) error
	Notify() <-chan struct{}
}

// Config says whom to talk to and how patiently. The first block has no defaults.
type Config struct {
	URL            string // wss://host[:port]; protocol.Path is added where no path is given
	Token          string // sent as Authorization: Bearer
	Kiosk          string
	Software       string
	CatalogVersion func() string
	Outbox         Outbox
	Status         func() protocol.Status

	Blobs    Blobs            // no attachments are sent
	Commands Commands         // commands are passed over
	Platform record.PublicKey // without it there is no Progress

	Clock       func() record.Clock // wall time alone
	TLS         *tls.Config         // the system's roots
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
	Rand        func() float64 // in [0,1), for jitter; math/rand
	Logger      *slog.Logger   // discards

	MinBackoff   time.Duration // 1 s
	MaxBackoff   time.Duration // 60 s
	StableAfter  time.Duration // a conversation this long makes back-off start over; 30 s
	HelloTimeout time.Duration // for dialling, and again for the Welcome; 20 s
	AckTimeout   time.Duration // for any progress while records are under way; 5 min
	CallTimeout  time.Duration // for the answer to a question or a report; 20 s
	Debounce     time.Duration // between a change and its STATUS; 250 ms
}

func (c Config) withDefaults() Config {
	if c.Clock == nil {
		c.Clock = func() record.Clock { return record.Clock{Wall: time.Now()} }
	}
	if c.Rand == nil {
		c.Rand = rand.Float64
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&c.MinBackoff, time.Second},
		{&c.MaxBackoff, time.Minute},
		{&c.StableAfter, 30 * time.Second},
		{&c.HelloTimeout, 20 * time.Second},
		{&c.AckTimeout, 5 * time.Minute},
		{&c.CallTimeout, 20 * time.Second},
		{&c.Debounce, 250 * time.Millisecond},
	} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	return c
}

// Link holds at most one conversation at a time.
type Link struct {
	cfg     Config
	url     string
	changed chan struct{}
	watch   watch
	talking atomic.Pointer[session] // nil between conversations

	// begun is the epoch that this link itself began after a conflict and that the hub
	// has not taken anything of yet. Only Run uses it.
	begun record.Epoch
}

// New checks the configuration; Run does the rest.
func New(cfg Config) (*Link, error) {
	cfg = cfg.withDefaults()
	switch {
	case cfg.Kiosk == "":
		return nil, errors.New("link: no kiosk name")
	case cfg.Token == "":
		return nil, errors.New("link: no token")
	case cfg.Outbox == nil || cfg.Status == nil || cfg.CatalogVersion == nil:
		return nil, errors.New("link: outbox, status or catalogue version is missing")
	}
	u, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, errors.New("link: hub address is not a URL")
	}
	if (u.Scheme != "ws" && u.Scheme != "wss") || u.Host == "" {
		return nil, fmt.Errorf("link: hub address %s: want ws://… or wss://…", u.Redacted())
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = protocol.Path
	}
	return &Link{cfg: cfg, url: u.String(), changed: make(chan struct{}, 1)}, nil
}

// StatusChanged has a fresh STATUS sent soon. It never waits; several calls in a row
// are one STATUS.
func (l *Link) StatusChanged() {
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

// Run talks to the hub until ctx ends, and returns then. Every trouble with the hub
// ends in another try; see State for what it was.
func (l *Link) Run(ctx context.Context) error {
	attempt := 0
	for {
		started := time.Now()
		s, err := l.converse(ctx)
		if ctx.Err() != nil {
			l.watch.set(func(st *State) { st.Connected = false })
			return nil
		}
		if s.proven || (s.welcomed && time.Since(started) >= l.cfg.StableAfter) {
			attempt = 0
		}
		err = l.settleConflict(err)
		delay := l.delay(err, attempt)
		attempt++
		l.cfg.Logger.Warn("link ended", "error", err, "next_try_in", delay.Round(time.Millisecond), "attempt", attempt)
		l.watch.set(func(st *State) {
			if st.Connected {
				st.Connected, st.Since = false, l.cfg.Clock().Wall
			}
			st.Err, st.NextTry = err, l.cfg.Clock().Wall.Add(delay)
		})
		if !pause(ctx, delay) {
			return nil
		}
	}
}

// settleConflict begins a new epoch when the hub and this log contradict each other.
// A hub that contradicts a log of which it has nothing is mistaken itself; beginning
// one epoch after another would not help it.
func (l *Link) settleConflict(err error) error {
	var conflict *ConflictError
	if !errors.As(err, &conflict) {
		return err
	}
	epoch, _, _ := l.cfg.Outbox.Position()
	if epoch == l.begun {
		l.cfg.Logger.Error("hub contradicts a log it has nothing of", "epoch", epoch, "reason", conflict.Reason)
		return fmt.Errorf("again, right after a new epoch: %w", err)
	}
	if failed := l.cfg.Outbox.NewEpoch(conflict.Reason, conflict.After); failed != nil {
		return errors.Join(err, failed)
	}
	l.begun, _, _ = l.cfg.Outbox.Position()
	l.cfg.Logger.Error("log ended, new epoch begun", "alarm", "outbox.conflict",
		"old_epoch", epoch, "epoch", l.begun, "reason", conflict.Reason)
	l.watch.set(func(st *State) { st.Conflicts++; st.LastConflict = conflict })
	return &settledError{conflict}
}

// settledError is a conflict after which the next try has every chance.
type settledError struct{ *ConflictError }

func (e *settledError) Unwrap() error { return e.ConflictError }

func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
