package outbox

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"

	"yeban/sync/record"
)

// Config says where an outbox lives and how far it may grow.
type Config struct {
	Dir          string                          // the terminal's data folder; must exist
	Platform     record.PublicKey                // to whom records are sealed
	Retention    time.Duration                   // how long an acknowledged entry is kept; 7 days
	MaxBytes     int64                           // of live data in the file; 1 GiB
	MinFreeBytes int64                           // that must stay free on the disk; 64 MiB
	LockTimeout  time.Duration                   // to wait for another program to let go; 2 s
	CheckFirst   int64                           // a file of up to so many bytes is read whole before service; 32 MiB
	BackupEvery  time.Duration                   // between looks whether the copy beside the file is up to date; 10 min. The first comes after a tenth of it
	Now          func() time.Time                // time.Now
	Rand         io.Reader                       // crypto/rand; used by several goroutines at once
	FreeBytes    func(dir string) (int64, error) // what an unprivileged writer may still use; statfs
}

func (c Config) withDefaults() Config {
	if c.Retention <= 0 {
		c.Retention = 7 * 24 * time.Hour
	}
	if c.MaxBytes <= 0 {
		c.MaxBytes = 1 << 30
	}
	if c.MinFreeBytes <= 0 {
		c.MinFreeBytes = 64 << 20
	}
	if c.LockTimeout <= 0 {
		c.LockTimeout = 2 * time.Second
	}
	if c.CheckFirst <= 0 {
		c.CheckFirst = 32 << 20
	}
	if c.BackupEvery <= 0 {
		c.BackupEvery = 10 * time.Minute
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.FreeBytes == nil {
		c.FreeBytes = freeBytes
	}
	return c
}

// Outbox is one open log. Its methods may be called from any goroutine.
type Outbox struct {
	cfg      Config
	path     string
	notify   chan struct{}
	pageSize int64 // of the file
	stop     context.CancelFunc
	keys     *keyMaker
	shelf    shelf          // the attachments
	shelved  *SetAsideError // the last damaged log whose attachments were put aside; under write
	keeper   sync.WaitGroup // of the backup and the keys
	unproven atomic.Bool    // the log was looked over only; see prove

	// write is held by whoever changes the log, over the whole change; mu only while
	// the fields below are read or replaced. Readers thus never wait for the disk.
	write  sync.Mutex
	spare  int64  // bytes that the file is sure to have beyond its end; under write
	recent recent // what the file's index does not have yet; under write

	mu        sync.Mutex
	db        *bolt.DB // nil once closed, or while broken
	closed    bool
	state     state
	ackStored uint64    // acked as the file has it
	ackedAt   time.Time // when that was written
	broken    error     // a write whose outcome is unknown: nothing is promised until healed
	unsure    string    // the record of that write
	healTried time.Time
	backup    Backup
	setAside  *SetAsideError
}

// Open opens the log in cfg.Dir, or begins one. A damaged or foreign file is set
// aside (see SetAside); a file of newer software is a *VersionError, a file in use
// ErrLocked. Close must be called.
func Open(cfg Config) (*Outbox, error) {
	cfg = cfg.withDefaults()
	if cfg.Platform.IsZero() {
		return nil, errors.New("open outbox: no platform key to seal to")
	}
	o := &Outbox{
		cfg:    cfg,
		path:   filepath.Join(cfg.Dir, fileName),
		notify: make(chan struct{}, 1),
		keys:   newKeyMaker(cfg.Rand, cfg.Platform),
	}
	if err := o.open(); err != nil {
		return nil, fmt.Errorf("open outbox: %w", err)
	}
	o.shelf.dir = filepath.Join(cfg.Dir, shelfName)
	if err := o.openBlobs(); err != nil {
		return nil, fmt.Errorf("open outbox: attachments: %w", errors.Join(err, o.db.Close()))
	}
	ctx, stop := context.WithCancel(context.Background())
	o.stop = stop
	o.keeper.Go(func() {
		o.prove(ctx)
		o.keepBackup(ctx)
	})
	o.keeper.Go(func() { o.keys.run(ctx) })
	return o, nil
}

// SetAside is not nil when a file was found that could not be trusted: by Open, or of a
// large file within seconds after it.
func (o *Outbox) SetAside() *SetAsideError {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.setAside
}

// Notify receives after entries were added, or after the log was rewound or ended.
// Several such events may be told as one. There is one channel for all callers.
func (o *Outbox) Notify() <-chan struct{} { return o.notify }

func (o *Outbox) ring() {
	select {
	case o.notify <- struct{}{}:
	default:
	}
}

// Close waits for a running Append, breaks off a running backup and releases the file.
func (o *Outbox) Close() error {
	o.stop()
	o.keeper.Wait()
	o.write.Lock()
	defer o.write.Unlock()
	o.mu.Lock()
	db, s, stored := o.db, o.state, o.ackStored
	o.db, o.closed = nil, true
	o.mu.Unlock()
	if db == nil {
		return nil
	}
	var err error
	if s.acked != stored {
		// Only a hint for the next start, which learns the truth from the hub.
		err = db.Update(func(tx *bolt.Tx) error { return o.storeAck(tx, s.acked, stored) })
	}
	return errors.Join(err, db.Close())
}

// snapshot is the database and a copy of what is known of the log.
func (o *Outbox) snapshot() (*bolt.DB, state, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.db == nil && o.broken != nil && !o.closed:
		return nil, state{}, o.broken
	case o.db == nil:
		return nil, state{}, ErrClosed
	}
	return o.db, o.state, nil
}
