package intake

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"yeban/hub/bus"
	"yeban/hub/store"
)

// job is one batch on its way to the store.
type job struct {
	bytes int64
	batch store.Batch
	// done is called once by the writer: after the commit, or with the error that kept
	// the whole group from being committed. It must not wait.
	done func(store.Outcome, error)
}

// writer commits the batches of all terminals, as many in one transaction as have come
// while the one before was being flushed.
type writer struct {
	store   Store
	bus     Bus
	metrics *metrics
	log     *slog.Logger
	group   int
	limit   int64
	room    *semaphore.Weighted // bytes
	jobs    chan job
	crowded atomic.Int64 // Unix ms of the end of the last large group
	running sync.WaitGroup
}

func startWriter(cfg Config, st Store, b Bus, m *metrics, log *slog.Logger) *writer {
	w := &writer{
		store: st, bus: b, metrics: m, log: log, group: cfg.GroupRecords,
		limit: cfg.QueueBytes, room: semaphore.NewWeighted(cfg.QueueBytes), jobs: make(chan job, 1024),
	}
	w.running.Go(w.run)
	return w
}

// A group of so many new records is a crowd, and remains one for crowdLasts: one visit
// brings three.
const (
	crowd      = 100
	crowdLasts = 100 * time.Millisecond
)

// busy says whether terminals have just been sending much.
func (w *writer) busy() bool {
	return time.Since(time.UnixMilli(w.crowded.Load())) < crowdLasts
}

// submit waits while too much is queued: that is how a slow disk slows terminals down.
// An error means that done will not be called.
func (w *writer) submit(ctx context.Context, j job) error {
	j.bytes = min(j.bytes, w.limit)
	if err := w.room.Acquire(ctx, j.bytes); err != nil {
		return err
	}
	select {
	case w.jobs <- j:
		return nil
	case <-ctx.Done():
		w.room.Release(j.bytes)
		return ctx.Err()
	}
}

// close commits what was submitted. Nobody may submit any more.
func (w *writer) close() {
	close(w.jobs)
	w.running.Wait()
}

func (w *writer) run() {
	for first := range w.jobs {
		w.commit(w.gather(first))
	}
}

// gather takes what is waiting, and waits for nothing.
func (w *writer) gather(first job) []job {
	group, records := []job{first}, len(first.batch.Entries)
	for records < w.group {
		select {
		case j, ok := <-w.jobs:
			if !ok {
				return group
			}
			group = append(group, j)
			records += len(j.batch.Entries)
		default:
			return group
		}
	}
	return group
}

// commitTime is for a group, and for doing it again one by one.
const commitTime = 30 * time.Second

// commit writes a group in one transaction, and where that does not succeed each batch in
// its own, so that no terminal fails for what another brought.
func (w *writer) commit(group []job) {
	ctx, cancel := context.WithTimeout(context.Background(), commitTime)
	defer cancel()
	err := w.together(ctx, group)
	if err == nil {
		return
	}
	w.metrics.commitErrors.Inc()
	w.log.Error("commit", "batches", len(group), "err", err)
	if len(group) == 1 {
		w.answer(group[0], store.Outcome{}, err)
		return
	}
	for i := range group {
		if err := w.together(ctx, group[i:i+1]); err != nil {
			w.answer(group[i], store.Outcome{}, err)
		}
	}
}

// together answers all of a group when it is committed, and none when it is not.
func (w *writer) together(ctx context.Context, group []job) error {
	batches := make([]store.Batch, len(group))
	for i := range group {
		batches[i] = group[i].batch
	}
	begun := time.Now()
	outcomes, err := w.store.Commit(ctx, batches)
	w.metrics.commitSeconds.Observe(time.Since(begun).Seconds())
	if err != nil {
		return err
	}
	added := 0
	for i, j := range group {
		w.answer(j, outcomes[i], nil)
		added += outcomes[i].Added
	}
	if added >= crowd {
		w.crowded.Store(time.Now().UnixMilli())
	}
	w.metrics.records.Add(float64(added))
	w.metrics.groupSize.Observe(float64(len(group)))
	if added > 0 {
		w.bus.Hint(bus.Committed)
	}
	return nil
}

func (w *writer) answer(j job, o store.Outcome, err error) {
	w.room.Release(j.bytes)
	j.done(o, err)
}
