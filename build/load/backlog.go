package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"yeban/sync/link"
	"yeban/sync/outbox"
	"yeban/sync/protocol"
	"yeban/sync/record"
)

type backlogCmd struct {
	Records int `help:"Records in the queue." default:"100000"`
	Bytes   int `help:"Size of one." default:"4096"`
	Singly  int `help:"How many of them the peer that posts one at a time has; its rate does not change with the number." default:"10000"`
}

func (c *backlogCmd) Run(r *rig) error {
	h, err := r.startHub("backlog", "", 1, false)
	if err != nil {
		return err
	}
	dir, err := r.fill(h, c.Records, c.Bytes)
	if err != nil {
		return err
	}
	before, err := r.flushRate()
	if err != nil {
		return err
	}
	ours, err := r.drainLink(h, dir, c.Records)
	if err != nil {
		return fmt.Errorf("yeban: %w", err)
	}
	h.stop(syscall.SIGTERM)
	bodies, err := sealedBodies(h.platform, 1000, c.Bytes)
	if err != nil {
		return err
	}
	leaf, err := r.drainNATS(bodies, c.Records)
	if err != nil {
		return fmt.Errorf("nats: %w", err)
	}
	one, err := r.drainPost(bodies, c.Singly, 1)
	if err != nil {
		return fmt.Errorf("post: %w", err)
	}
	fifty, err := r.drainPost(bodies, c.Records, 50)
	if err != nil {
		return fmt.Errorf("post: %w", err)
	}
	after, err := r.flushRate()
	if err != nil {
		return err
	}
	f := (before + after) / 2
	say("backlog of one kiosk, records of %d bytes, F %.0f/s", c.Bytes, f)
	for _, d := range []struct {
		name string
		drained
	}{{"yeban, SQLite", ours}, {"NATS leaf, JetStream, sync always", leaf}, {"SQLite + POST, 1 a request", one}, {"SQLite + POST, 50 a request", fifty}} {
		say("backlog %-34s %6d records in %6.1f s: %6.0f/s = %.2f F; %5.0f bytes a record on the wire; Yeban is %.1f × as fast",
			d.name, d.records, d.took.Seconds(), d.rate(), d.rate()/f, float64(d.wire)/float64(d.records), ours.rate()/d.rate())
	}
	return nil
}

// drained is what one way of emptying a queue came to.
type drained struct {
	records int
	took    time.Duration
	wire    int64 // bytes both ways, headers of TCP and IP not counted
}

func (d drained) rate() float64 { return float64(d.records) / d.took.Seconds() }

// fill makes a kiosk's data folder with a queue, in a process that is killed as it stands.
func (r *rig) fill(h *hub, records, bytes int) (dir string, err error) {
	if dir, err = r.folder("kiosk"); err != nil {
		return "", err
	}
	pem, err := h.platform.MarshalPEM()
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "platform.pub"), pem, 0o600); err != nil {
		return "", err
	}
	filler, err := r.start(r.again("fill", "--data", dir, "--records", fmt.Sprint(records), "--bytes", fmt.Sprint(bytes)))
	if err != nil {
		return "", err
	}
	_, err = r.fileWithText(filepath.Join(dir, "filled"))
	filler.stop(syscall.SIGKILL)
	return dir, err
}

type fillCmd struct {
	Data    string
	Records int
	Bytes   int
}

// Run appends, says that it is done, and waits to be killed.
func (c *fillCmd) Run(r *rig) error {
	box, err := openBox(c.Data)
	if err != nil {
		return err
	}
	for n := range c.Records {
		a, err := application(1, n, c.Bytes)
		if err != nil {
			return err
		}
		if _, err := box.Append(r.ctx, a); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(c.Data, "filled"), []byte("yes"), 0o600); err != nil {
		return err
	}
	<-r.ctx.Done()
	return nil
}

func openBox(dir string) (*outbox.Outbox, error) {
	pem, err := os.ReadFile(filepath.Join(dir, "platform.pub"))
	if err != nil {
		return nil, err
	}
	key, err := record.ParsePublicKey(pem)
	if err != nil {
		return nil, err
	}
	return outbox.Open(outbox.Config{Dir: dir, Platform: key, MaxBytes: 4 << 30, BackupEvery: time.Hour})
}

// talk runs a real link between an outbox and a hub until done, and gives the line it
// talked over.
func (r *rig) talk(h *hub, box *outbox.Outbox, until func(*link.Link) error) (*wire, error) {
	w, err := r.startWire(h.url)
	if err != nil {
		return nil, err
	}
	l, err := link.New(link.Config{
		URL: "ws://" + w.address(), Token: token(kioskID(1)), Kiosk: kioskID(1), Software: "load",
		CatalogVersion: func() string { return "1" }, Outbox: box,
		Status: func() protocol.Status {
			return protocol.Status{At: time.Now(), Visit: "home", Devices: []protocol.DeviceStatus{}}
		},
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(r.ctx)
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	err = until(l)
	cancel()
	return w, errors.Join(err, <-ended)
}

// drainLink is timed from the start of the link, settling included, until the outbox knows
// that the hub has everything.
func (r *rig) drainLink(h *hub, dir string, records int) (drained, error) {
	box, err := openBox(dir)
	if err != nil {
		return drained{}, err
	}
	defer box.Close()
	begun := time.Now()
	w, err := r.talk(h, box, func(*link.Link) error {
		return r.until("the queue", func() (bool, error) { return box.Acknowledged() == uint64(records), nil })
	})
	if err != nil {
		return drained{}, err
	}
	took := time.Since(begun)
	return drained{records, took, w.carried()}, h.exactlyOnce(r.ctx, 1, records)
}

type restartCmd struct {
	Records int `help:"Records in the queue." default:"100000"`
	Bytes   int `help:"Size of one." default:"4096"`
}

func (c *restartCmd) Run(r *rig) error {
	h, err := r.startHub("restart", "", 1, false)
	if err != nil {
		return err
	}
	dir, err := r.fill(h, c.Records, c.Bytes)
	if err != nil {
		return err
	}
	begun := time.Now()
	box, err := openBox(dir)
	if err != nil {
		return err
	}
	defer box.Close()
	opened := time.Since(begun)
	var up, sent time.Time
	_, err = r.talk(h, box, func(l *link.Link) error {
		if err := r.until("the socket", func() (bool, error) { return l.State().Connected, nil }); err != nil {
			return err
		}
		up = time.Now()
		err := r.until("an acknowledgement", func() (bool, error) { return box.Acknowledged() > 0, nil })
		sent = time.Now()
		return err
	})
	if err != nil {
		return err
	}
	info, err := os.Stat(filepath.Join(dir, "outbox.db"))
	if err != nil {
		return err
	}
	say("restart after kill -9 with %d records of %d bytes queued (file of %d MiB): open %.0f ms; socket up to the first acknowledgement %.0f ms, settling included; start to the first acknowledgement %.0f ms",
		c.Records, c.Bytes, info.Size()>>20, ms(opened), ms(sent.Sub(up)), ms(sent.Sub(begun)))
	return nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
