package main

import (
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

type intakeCmd struct {
	Kiosks  int    `help:"Kiosks that send at once." default:"1000"`
	Records int    `help:"Records of each." default:"60"`
	Bytes   int    `help:"Size of one." default:"4096"`
	Batch   int    `help:"Bytes in one message; the link sends up to 128 KiB." default:"131072"`
	Store   string `help:"sqlite or postgres." enum:"sqlite,postgres" default:"sqlite"`
}

func (c *intakeCmd) Run(r *rig) error {
	dsn := ""
	if c.Store == "postgres" {
		var err error
		if dsn, err = r.startPostgres(); err != nil {
			return err
		}
	}
	h, err := r.startHub("intake", dsn, c.Kiosks, false)
	if err != nil {
		return err
	}
	kiosks, err := fleet(h, c.Kiosks, c.Records, c.Bytes, c.Batch)
	if err != nil {
		return err
	}
	if err := connectAll(r, kiosks); err != nil {
		return err
	}
	before, err := r.flushRate()
	if err != nil {
		return err
	}
	used, err := h.usage()
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "sending, hub is process", h.cmd.Process.Pid) // for a profiler
	var group errgroup.Group
	var mu sync.Mutex
	var each []time.Duration
	begun := time.Now()
	for _, k := range kiosks {
		group.Go(func() error {
			err := k.deliver()
			mu.Lock()
			defer mu.Unlock()
			each = append(each, time.Since(begun))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	took := time.Since(begun)
	now, err := h.usage()
	if err != nil {
		return err
	}
	after, err := r.flushRate()
	if err != nil {
		return err
	}
	for _, k := range kiosks {
		k.ws.Close()
	}
	if err := h.exactlyOnce(r.ctx, c.Kiosks, c.Records); err != nil {
		return err
	}
	records := c.Kiosks * c.Records
	rate, f := float64(records)/took.Seconds(), (before+after)/2
	say("intake %s: %d kiosks × %d records of %d bytes, %d KiB a message: %.0f durable records/s = %.2f F (F %.0f/s); p50 %.1f s, p99 %.1f s; hub %.0f µs of processor a record",
		c.Store, c.Kiosks, c.Records, c.Bytes, c.Batch>>10, rate, rate/f, f,
		percentile(each, 50).Seconds(), percentile(each, 99).Seconds(), (now.cpu-used.cpu).Seconds()*1e6/float64(records))
	return nil
}

// connectAll brings every kiosk to its WELCOME, a few at a time.
func connectAll(r *rig, kiosks []*kiosk) error {
	group, ctx := errgroup.WithContext(r.ctx)
	group.SetLimit(24)
	for _, k := range kiosks {
		group.Go(func() error {
			for {
				err := k.connect(ctx)
				if err == nil || err != errBusy {
					return wrap(err, k.n)
				}
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(50 * time.Millisecond):
				}
			}
		})
	}
	return group.Wait()
}

func wrap(err error, kiosk int) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("kiosk %d: %w", kiosk, err)
}
