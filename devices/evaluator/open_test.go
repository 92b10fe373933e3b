package evaluator

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"
)

// numb is a line that takes a command and says that it did not.
type numb struct {
	fails   []byte
	written [][]byte
}

var errNumb = errors.New("write cut short")

func (n *numb) Write(_ context.Context, p []byte) (int, error) {
	n.written = append(n.written, bytes.Clone(p))
	if bytes.Equal(p, n.fails) {
		return 0, errNumb
	}
	return len(p), nil
}

func (n *numb) Read(ctx context.Context, _ []byte) (int, error) {
	<-ctx.Done()
	return 0, ctx.Err()
}

func (n *numb) Reset(context.Context) error { return nil }
func (n *numb) Close() error                { return nil }

// TestQuestionThatDidNotOpenIsClosed: the device may be asking all the same, and a citizen
// must not find the question of the one before.
func TestQuestionThatDidNotOpenIsClosed(t *testing.T) {
	jt := &jt905{vendor: DefaultJT905()}
	for name, c := range map[string]struct {
		dialect dialect
		ask     []byte
	}{
		"PJ06":     {&pj06{pause: time.Millisecond}, pj06Frame(pj06Ask, 0)},
		"JT/T 905": {jt, jt.frame(jt.vendor.Ask, 1)},
	} {
		line := &numb{fails: c.ask}
		e := newPlain(line, Options{Grace: time.Hour}.withDefaults(), c.dialect)
		if _, err := e.Ask(t.Context(), Ask{Timeout: time.Second}); !errors.Is(err, errNumb) {
			t.Errorf("%s: %v", name, err)
		}
		if last := line.written[len(line.written)-1]; !bytes.Equal(last, c.dialect.idle()) {
			t.Errorf("%s: the last command is % X", name, last)
		}
		if time.Until(e.shut) <= 0 {
			t.Errorf("%s: a late key would rate the next citizen", name)
		}
	}
}
