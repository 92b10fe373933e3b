package outbox

import (
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// Ready says whether one more visit can be promised a durable write, and is asked
// before a citizen begins: nil, ErrFull or ErrDisk.
func (o *Outbox) Ready() error {
	o.write.Lock()
	defer o.write.Unlock()
	return o.room(visitBytes)
}

// Spare says whether there is room for something that can wait, beside the visit for which
// Ready answers.
func (o *Outbox) Spare() error {
	o.write.Lock()
	defer o.write.Unlock()
	return o.room(2 * visitBytes)
}

// room makes sure of n more bytes; the caller holds write. Where the cap is reached,
// entries that are acknowledged but still retained give way, oldest first: serving
// the next citizen comes before replaying to a hub that was restored.
func (o *Outbox) room(n int64) error {
	if err := o.usable(); err != nil {
		return err
	}
	db, s, err := o.snapshot()
	if err != nil {
		return err
	}
	free, err := o.cfg.FreeBytes(o.cfg.Dir)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDisk, err)
	}
	if free < o.cfg.MinFreeBytes+n {
		return fmt.Errorf("%w: %d bytes free, %d must stay free", ErrDisk, free, o.cfg.MinFreeBytes)
	}
	for liveBytes(db, o.pageSize)+o.shelf.size()+n > o.cfg.MaxBytes {
		droppable := o.droppable(s)
		if s.tail.seq == 0 || droppable <= s.base.seq {
			return fmt.Errorf("%w: %d of %d bytes used", ErrFull, liveBytes(db, o.pageSize)+o.shelf.size(), o.cfg.MaxBytes)
		}
		upTo := s.base.seq + (droppable-s.base.seq+1)/2
		if err := o.prune(func(*bolt.Tx) (uint64, error) { return upTo, nil }); err != nil {
			return err
		}
		if _, s, err = o.snapshot(); err != nil {
			return err
		}
	}
	return nil
}

// droppable is the newest sequence that may be pruned: the hub has everything up to it,
// attachments included, and the newest entry stays.
func (o *Outbox) droppable(s state) uint64 {
	upTo := min(s.acked, s.tail.seq-1)
	if first, waits := o.shelf.waits(s.epoch); waits {
		upTo = min(upTo, first-1)
	}
	return upTo
}
