package devices

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"yeban/devices/serialport"
)

// chatty is a device that answered nobody a few times before each poll.
type chatty struct {
	*script
	dropped uint64
}

func (c *chatty) Dropped() uint64 { return c.dropped }

func TestDroppedAnswersAreCountedOverAllSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWorker(Config{Name: "evaluator"}, func(context.Context) (*chatty, error) {
			c, polls := &chatty{}, 0
			c.script = newScript(func(context.Context) (Status, error) {
				c.dropped += 2
				if polls++; polls == 2 {
					return Status{}, serialport.ErrGone
				}
				return Status{State: Online}, nil
			})
			return c, nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- w.Run(ctx) }()
		for w.Stats().Opens < 3 {
			time.Sleep(10 * time.Millisecond)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if s := w.Stats(); s.Dropped != 2*uint64(s.Polls) || s.Opens < 3 {
			t.Errorf("%+v", s)
		}
	})
}
