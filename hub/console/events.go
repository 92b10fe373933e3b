package console

import (
	"fmt"
	"net/http"
	"time"

	"yeban/hub/bus"
)

const (
	eventsPause = time.Second      // between two hints to one page
	eventsBeat  = 20 * time.Second // proves that the stream lives
)

// events is a stream of hints that something has changed; what, the page asks for.
func (c *Console) events(v *view) error {
	hints, stop, err := c.Bus.Watch(bus.Anything)
	if err != nil {
		return err
	}
	defer stop()
	control := http.NewResponseController(v.w)
	v.w.Header().Set("Content-Type", "text/event-stream")
	v.w.Header().Set("Cache-Control", "no-store")
	beat := time.NewTicker(eventsBeat)
	defer beat.Stop()
	say := func(text string) bool {
		if control.SetWriteDeadline(time.Now().Add(eventsBeat)) != nil {
			return false
		}
		if _, err := fmt.Fprint(v.w, text); err != nil {
			return false
		}
		return control.Flush() == nil
	}
	if !say(": here\n\n") {
		return nil
	}
	for {
		select {
		case <-v.r.Context().Done():
			return nil
		case <-c.ctx.Done():
			return nil
		case <-beat.C:
			// A session that was ended elsewhere gets no more hints.
			if _, err := c.Store.SessionByToken(v.r.Context(), v.token); err != nil {
				return nil
			}
			if !say(": beat\n\n") {
				return nil
			}
		case <-hints:
			if !say("data: changed\n\n") {
				return nil
			}
			select {
			case <-v.r.Context().Done():
				return nil
			case <-c.ctx.Done():
				return nil
			case <-time.After(eventsPause):
			}
		}
	}
}
