package outbox

import (
	"context"
	"io"

	"yeban/sync/record"
)

// keysAhead is how many keys wait: those of two visits. They are made anew when half are
// gone, so that the second core is not woken at every record.
const keysAhead = 8

// keyMaker has keys wrapped before a citizen waits for them.
type keyMaker struct {
	random   io.Reader
	platform record.PublicKey
	ready    chan *record.BodyKey
	low      chan struct{} // half of the keys or more are gone
}

func newKeyMaker(random io.Reader, platform record.PublicKey) *keyMaker {
	return &keyMaker{
		random: random, platform: platform,
		ready: make(chan *record.BodyKey, keysAhead), low: make(chan struct{}, 1),
	}
}

// run makes keys until ctx ends or randomness fails, and forgets those that nobody took.
func (m *keyMaker) run(ctx context.Context) {
	defer m.forget()
	for {
		for len(m.ready) < cap(m.ready) && ctx.Err() == nil {
			key, err := record.NewBodyKey(m.random, m.platform)
			if err != nil {
				return // take meets the error itself
			}
			m.ready <- key // nobody else sends
		}
		select {
		case <-m.low:
		case <-ctx.Done():
			return
		}
	}
}

func (m *keyMaker) forget() {
	for {
		select {
		case key := <-m.ready:
			key.Forget()
		default:
			return
		}
	}
}

// take gives a key that nobody else gets: one made ahead, or one made now.
func (m *keyMaker) take() (*record.BodyKey, error) {
	var key *record.BodyKey
	select {
	case key = <-m.ready:
	default:
	}
	if len(m.ready) <= keysAhead/2 {
		select {
		case m.low <- struct{}{}:
		default:
		}
	}
	if key == nil {
		return record.NewBodyKey(m.random, m.platform)
	}
	return key, nil
}
