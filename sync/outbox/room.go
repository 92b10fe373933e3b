package outbox

import (
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"
)

// visitBlobBytes is the part of visitBytes that is for the sealed attachments of a visit,
// all together: the card's picture is 2 KiB and a signature some tens, which leaves room for
// a scanned page or two. What is larger is taken while there is room for it.
const visitBlobBytes = 1 << 20

// Ready says whether one more visit can be promised a durable write, attachments of
// visitBlobBytes included, and is asked before a citizen begins: nil, ErrFull or ErrDisk.
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
		droppable := o.droppable(s, true)
		if droppable <= s.base.seq {
			return fmt.Errorf("%w: %d of %d bytes used", ErrFull, liveBytes(db, o.pageSize)+o.shelf.size(), o.cfg.MaxBytes)
		}
		upTo := s.base.seq + (droppable-s.base.seq+1)/2
		err := o.prune(upTo, func(*bolt.Tx) (uint64, error) { return upTo, nil })
		if err == nil {
			err = o.shelve(time.Time{})
		}
		if err != nil {
			return fmt.Errorf("make room: %w", err)
		}
		if _, s, err = o.snapshot(); err != nil {
			return err
		}
	}
	return nil
}

// droppable is the newest sequence that may be pruned: the hub has everything up to it,
// attachments included, and the newest entry stays. Attachments that the hub refuses may
// count as what it does not have.
func (o *Outbox) droppable(s state, refused bool) uint64 {
	if s.tail.seq == 0 {
		return 0
	}
	upTo := min(s.acked, s.tail.seq-1)
	if first, waits := o.shelf.waits(s.epoch, refused); waits {
		upTo = min(upTo, first-1)
	}
	return upTo
}
