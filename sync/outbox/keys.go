package outbox

import (
	"context"
	"io"

	"yeban/sync/record"
)

// keysAhead is how many keys wait: those of a visit, which are used within seconds of
// each other.
const keysAhead = 4

// keyMaker has keys wrapped before a citizen waits for them.
type keyMaker struct {
	random   io.Reader
	platform record.PublicKey
	ready    chan *record.BodyKey
}

func newKeyMaker(random io.Reader, platform record.PublicKey) *keyMaker {
	return &keyMaker{random: random, platform: platform, ready: make(chan *record.BodyKey, keysAhead)}
}

// run makes keys until ctx ends or randomness fails, and forgets those that nobody took.
func (m *keyMaker) run(ctx context.Context) {
	defer m.forget()
	for {
		key, err := record.NewBodyKey(m.random, m.platform)
		if err != nil {
			return // take meets the error itself
		}
		select {
		case m.ready <- key:
		case <-ctx.Done():
			key.Forget()
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
	select {
	case key := <-m.ready:
		return key, nil
	default:
		return record.NewBodyKey(m.random, m.platform)
	}
}
