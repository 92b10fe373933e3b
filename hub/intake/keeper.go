package intake

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"yeban/hub/bus"
	"yeban/hub/store"
)

const (
	keeperQueue = 16 << 20 // bytes of pieces that wait
	keeperGroup = 2 << 20  // in one transaction: records never wait for more
	pieceWeight = 4 << 10  // of a piece beside its data

	straysLook = time.Hour
	straysKept = 8 * 24 * time.Hour // longer than a terminal keeps what was delivered
)

// piece is a part of an attachment on its way to the store.
type piece struct {
	chunk store.Chunk
	done  func(store.Stored) // called once by the keeper; it must not wait
}

func (p *piece) weight() int64 { return int64(len(p.chunk.Data)) + pieceWeight }

// keeper stores pieces of attachments of all terminals, beside the writer of records and
// in small transactions, so that the two take turns at a database with one writer.
type keeper struct {
	store   Store
	bus     Bus
	metrics *metrics
	log     *slog.Logger
	now     func() time.Time
	room    *semaphore.Weighted // bytes
	pieces  chan piece
	running sync.WaitGroup
}

func startKeeper(s *Server) *keeper {
	k := &keeper{
		store: s.store, bus: s.bus, metrics: s.metrics, log: s.log, now: s.now,
		room: semaphore.NewWeighted(keeperQueue), pieces: make(chan piece, keeperQueue/pieceWeight),
	}
	k.running.Go(k.run)
	return k
}

// submit waits for room. An error means that done will not be called.
func (k *keeper) submit(ctx context.Context, p piece) error {
	if err := k.room.Acquire(ctx, p.weight()); err != nil {
		return err
	}
	k.pieces <- p // there is a place for every piece that there is room for
	return nil
}

// close stores what was submitted. Nobody may submit any more.
func (k *keeper) close() {
	close(k.pieces)
	k.running.Wait()
}

func (k *keeper) run() {
	tidy := time.NewTicker(straysLook)
	defer tidy.Stop()
	for {
		select {
		case first, ok := <-k.pieces:
			if !ok {
				return
			}
			k.keep(k.gather(first))
		case <-tidy.C:
			k.tidy()
		}
	}
}

// gather takes what is waiting, and waits for nothing.
func (k *keeper) gather(first piece) []piece {
	group, size := []piece{first}, first.weight()
	for size < keeperGroup {
		select {
		case p, ok := <-k.pieces:
			if !ok {
				return group
			}
			group = append(group, p)
			size += p.weight()
		default:
			return group
		}
	}
	return group
}

func (k *keeper) keep(group []piece) {
	chunks := make([]store.Chunk, len(group))
	for i := range group {
		chunks[i] = group[i].chunk
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	all := k.store.PutChunks(ctx, chunks)
	cancel()
	whole := false
	for i, p := range group {
		whole = k.count(&p.chunk, all[i]) || whole
		k.room.Release(p.weight())
		p.done(all[i])
	}
	if whole {
		k.bus.Hint(bus.Projected) // pages about applications have changed
	}
}

func (k *keeper) count(c *store.Chunk, got store.Stored) (whole bool) {
	switch {
	case errors.Is(got.Err, store.ErrWrongHash):
		k.metrics.blobs.WithLabelValues("wrong").Inc()
	case errors.Is(got.Err, store.ErrMisfit), errors.Is(got.Err, store.ErrStray):
		k.metrics.blobs.WithLabelValues("refused").Inc()
	case got.Err != nil:
		k.log.Error("keep an attachment", "kiosk", c.Kiosk, "hash", c.Hash, "at", c.Offset, "err", got.Err)
	case len(c.Data) == 0 || got.Have != c.Offset+int64(len(c.Data)): // a question, or a piece out of turn
	default:
		k.metrics.blobBytes.Add(float64(len(c.Data)))
		if whole = got.Have == c.Bytes; whole {
			k.metrics.blobs.WithLabelValues("complete").Inc()
		}
	}
	return whole
}

func (k *keeper) tidy() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	n, err := k.store.ForgetStrays(ctx, k.now().Add(-straysKept))
	switch {
	case err != nil:
		k.log.Error("tidy attachments", "err", err)
	case n > 0:
		k.log.Warn("attachments that no record names were forgotten", "attachments", n)
	}
}
