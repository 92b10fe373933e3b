package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"yeban/sync/record"
)

type idleCmd struct {
	Kiosks int           `help:"Kiosks connected at once." default:"18000"`
	TLS    bool          `help:"Over TLS."`
	Window time.Duration `help:"How long the processor's share is measured." default:"60s"`
}

func (c *idleCmd) Run(r *rig) error {
	h, err := r.startHub("idle", "", c.Kiosks, c.TLS)
	if err != nil {
		return err
	}
	before, err := h.memory(r.ctx)
	if err != nil {
		return err
	}
	kiosks := make([]*kiosk, c.Kiosks)
	for n := range kiosks {
		epoch, err := record.NewEpoch(nil)
		if err != nil {
			return err
		}
		kiosks[n] = &kiosk{n: n + 1, url: h.socket(), epoch: epoch}
	}
	begun := time.Now()
	if err := connectAll(r, kiosks); err != nil {
		return err
	}
	took := time.Since(begun)
	group, ctx := errgroup.WithContext(r.ctx)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, k := range kiosks {
		group.Go(func() error { return wrap(k.keepAlive(ctx), k.n) })
	}
	// One round of conditions first, so that what a connection needs in use is there.
	settle := time.Duration(kiosks[0].welcome.StatusSeconds+5) * time.Second
	if !sleep(ctx, settle) {
		return group.Wait()
	}
	from, err := h.usage()
	if err != nil {
		return err
	}
	if !sleep(ctx, c.Window) {
		return group.Wait()
	}
	to, err := h.usage()
	if err != nil {
		return err
	}
	after, err := h.memory(ctx)
	if err != nil {
		return err
	}
	connected, err := h.metric(ctx, "yeban_intake_connections")
	cancel()
	if err := group.Wait(); err != nil {
		return err
	}
	if err != nil {
		return err
	}
	if int(connected) != c.Kiosks {
		return fmt.Errorf("only %.0f of %d kiosks stayed connected", connected, c.Kiosks)
	}
	kind := "plain"
	if c.TLS {
		kind = "TLS"
	}
	each := func(after, before float64) float64 { return (after - before) / float64(c.Kiosks) / 1024 }
	say("idle %s: %d kiosks: %.1f KiB of resident memory each (heap in use %.1f, stacks %.1f, garbage included); %.1f %% of one core for pings and conditions; connected in %.1f s (%.0f/s)",
		kind, c.Kiosks, each(after.resident, before.resident), each(after.heap, before.heap), each(after.stacks, before.stacks),
		100*(to.cpu-from.cpu).Seconds()/to.at.Sub(from.at).Seconds(), took.Seconds(), float64(c.Kiosks)/took.Seconds())
	return nil
}

// memory is what the hub's process holds, in bytes.
type memory struct{ resident, heap, stacks float64 }

func (h *hub) memory(ctx context.Context) (m memory, err error) {
	for name, to := range map[string]*float64{
		"process_resident_memory_bytes": &m.resident,
		"go_memstats_heap_inuse_bytes":  &m.heap,
		"go_memstats_stack_inuse_bytes": &m.stacks,
	} {
		if *to, err = h.metric(ctx, name); err != nil {
			return m, err
		}
	}
	return m, nil
}

// sleep is false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
