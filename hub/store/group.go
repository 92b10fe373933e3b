package store

import (
	"context"
	"errors"
	"sync"
	"time"
)

// errClosed means that the store was closed while somebody still asked.
var errClosed = errors.New("store is closed")

const (
	groupMost = 512              // callers in one transaction
	groupTime = 10 * time.Second // for it, and for doing it again one by one
)

// group lets callers that come at the same time share a transaction: whoever comes while
// one is under way takes part in the next. Nobody waits for others to come.
type group[In, Out any] struct {
	do      func(context.Context, []In) ([]Out, error) // in one transaction
	asks    chan ask[In, Out]
	ctx     context.Context // ends with the store
	running sync.WaitGroup
}

type ask[In, Out any] struct {
	in     In
	answer chan<- answer[Out] // has room for it
}

type answer[Out any] struct {
	out Out
	err error
}

func startGroup[In, Out any](ctx context.Context, do func(context.Context, []In) ([]Out, error)) *group[In, Out] {
	g := &group[In, Out]{do: do, asks: make(chan ask[In, Out]), ctx: ctx}
	g.running.Go(g.run)
	return g
}

// ask waits its turn, which ctx may end, and then for what becomes of it.
func (g *group[In, Out]) ask(ctx context.Context, in In) (out Out, err error) {
	got := make(chan answer[Out], 1)
	select {
	case g.asks <- ask[In, Out]{in, got}:
		a := <-got
		return a.out, a.err
	case <-ctx.Done():
		return out, ctx.Err()
	case <-g.ctx.Done():
		return out, errClosed
	}
}

func (g *group[In, Out]) run() {
	for {
		select {
		case first := <-g.asks:
			g.serve(g.gather(first))
		case <-g.ctx.Done():
			return
		}
	}
}

// gather takes who is waiting.
func (g *group[In, Out]) gather(first ask[In, Out]) []ask[In, Out] {
	all := []ask[In, Out]{first}
	for len(all) < groupMost {
		select {
		case a := <-g.asks:
			all = append(all, a)
		default:
			return all
		}
	}
	return all
}

func (g *group[In, Out]) serve(all []ask[In, Out]) {
	in := make([]In, len(all))
	for i := range all {
		in[i] = all[i].in
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(g.ctx), groupTime)
	defer cancel()
	out, errs := apart(ctx, in, g.do)
	for i := range all {
		all[i].answer <- answer[Out]{out[i], errs[i]}
	}
}

// apart does all in one transaction, and where that does not succeed each alone, so that
// nobody fails for what another brought.
func apart[In, Out any](ctx context.Context, all []In, do func(context.Context, []In) ([]Out, error)) ([]Out, []error) {
	errs := make([]error, len(all))
	out, err := do(ctx, all)
	switch {
	case err == nil:
		return out, errs
	case len(all) == 1:
		return make([]Out, 1), []error{err}
	}
	out = make([]Out, len(all))
	for i := range all {
		var one []Out
		if one, errs[i] = do(ctx, all[i:i+1]); errs[i] == nil {
			out[i] = one[0]
		}
	}
	return out, errs
}
