package outbox

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"yeban/sync/record"
)

// Export gives everything that the file holds, for auditors: the ended logs by when they
// ended, then the present one, each proved as it goes. A break is a *ChainError, met
// after the entries before it were given.
func (r *Reader) Export(ctx context.Context, line func(record.ExportLine) error) error {
	err := inspect(r.path, time.Second, func(tx *bolt.Tx) error {
		if err := checkIdentity(tx, r.path); err != nil || tx.Bucket(bucketMeta) == nil {
			return err
		}
		logs, err := endedLogs(tx.Bucket(bucketOld))
		if err != nil {
			return err
		}
		for _, l := range append(logs, heldLog{meta: tx.Bucket(bucketMeta), log: tx.Bucket(bucketLog)}) {
			if err := l.export(ctx, line); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("export outbox: %w", err)
	}
	return nil
}

// heldLog is a log of the file with what is known of its end.
type heldLog struct {
	meta, log *bolt.Bucket
	endedMs   uint64 // 0 for the present one
}

func endedLogs(old *bolt.Bucket) ([]heldLog, error) {
	var logs []heldLog
	err := old.ForEachBucket(func(name []byte) error {
		l := heldLog{meta: old.Bucket(name).Bucket(bucketMeta), log: old.Bucket(name).Bucket(bucketLog)}
		if l.meta == nil || l.log == nil {
			return corrupt("ended log %x is not whole", name)
		}
		var ok bool
		if l.endedMs, ok = readNumber(l.meta.Get(keyRetired)); !ok {
			return corrupt("ended log %x does not say when", name)
		}
		logs = append(logs, l)
		return nil
	})
	slices.SortStableFunc(logs, func(a, b heldLog) int { return int(int64(a.endedMs) - int64(b.endedMs)) })
	return logs, err
}

func (l heldLog) export(ctx context.Context, line func(record.ExportLine) error) error {
	s, err := readMeta(l.meta)
	if err != nil {
		return err
	}
	head := record.ExportedLog{
		Epoch: s.epoch, After: s.base.seq, AfterHash: s.base.hash, Last: s.tail.seq, LastHash: s.tail.hash,
		Reason: string(l.meta.Get(keyReason)),
	}
	if l.endedMs != 0 {
		head.Ended = time.UnixMilli(int64(l.endedMs)).UTC()
	}
	if err := line(record.ExportLine{Log: &head}); err != nil {
		return err
	}
	err = s.walk(l.log, func(e *record.Entry) error {
		refs, err := e.Blobs()
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		return line(record.ExportLine{Entry: e, Blobs: refs})
	})
	if err != nil {
		return fmt.Errorf("log %s: %w", s.epoch, err)
	}
	return nil
}
