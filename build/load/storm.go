package main

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

type stormCmd struct {
	Kiosks  int  `help:"Kiosks that come back." default:"18000"`
	Records int  `help:"Records that each has in its queue." default:"10"`
	Bytes   int  `help:"Size of one." default:"512"`
	TLS     bool `help:"Over TLS."`
}

// Run begins when the network is back: every kiosk dials in the first second, is refused
// as the hub sees fit, and comes back by the link's own rules.
func (c *stormCmd) Run(r *rig) error {
	h, err := r.startHub("storm", "", c.Kiosks, c.TLS)
	if err != nil {
		return err
	}
	kiosks, err := fleet(h, c.Kiosks, c.Records, c.Bytes, 128<<10)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var each []time.Duration
	tries := 0
	begun := time.Now()
	group, ctx := errgroup.WithContext(r.ctx)
	for _, k := range kiosks {
		group.Go(func() error {
			sleep(ctx, rand.N(time.Second))
			for {
				err := k.connect(ctx)
				if err == nil {
					defer k.ws.Close() // stays connected until all are done
					sleep(ctx, time.Duration(k.welcome.SettleMs)*time.Millisecond)
					err = k.deliver()
				}
				if err == nil {
					break
				}
				if ctx.Err() != nil {
					return ctx.Err()
				}
				sleep(ctx, k.backOff())
			}
			mu.Lock()
			defer mu.Unlock()
			each = append(each, time.Since(begun))
			tries += k.tries
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	took := time.Since(begun)
	if err := h.exactlyOnce(context.WithoutCancel(r.ctx), c.Kiosks, c.Records); err != nil {
		return err
	}
	records := c.Kiosks * c.Records
	say("storm: %d kiosks × %d records of %d bytes: none lost, none twice; acknowledged p50 %.1f s, p99 %.1f s, all after %.1f s (%.0f records/s); %.2f dials a kiosk",
		c.Kiosks, c.Records, c.Bytes, percentile(each, 50).Seconds(), percentile(each, 99).Seconds(),
		took.Seconds(), float64(records)/took.Seconds(), float64(tries)/float64(c.Kiosks))
	return nil
}

// backOff is the link's: full jitter, from the fourth step on because a hub that is busy
// or does not answer is not helped by haste.
func (k *kiosk) backOff() time.Duration {
	return rand.N(min(time.Minute, time.Second<<min(max(k.tries, 3), 6)))
}
