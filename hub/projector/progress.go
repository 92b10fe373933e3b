package projector

import (
	"context"
	"fmt"

	"yeban/hub/store"
	"yeban/sync/protocol"
	"yeban/sync/record"
)

// Desk answers people at a terminal who ask what became of their applications.
type Desk struct {
	Store interface {
		ApplicationsByApplicant(ctx context.Context, tag string, limit int) ([]store.Application, error)
	}
	Key    *record.PrivateKey
	Tagger *Tagger
}

// Progress gives the newest applications of the person whose sealed number is in the
// question. The error wraps record.ErrSealed when it does not open.
func (d *Desk) Progress(ctx context.Context, q *protocol.Progress) (protocol.ProgressList, error) {
	number, err := record.Unseal(d.Key, q.Key, q.Sealed, []byte(protocol.ProgressSeal))
	if err != nil {
		return protocol.ProgressList{}, fmt.Errorf("open a question for progress: %w", err)
	}
	defer clear(number)
	all, err := d.Store.ApplicationsByApplicant(ctx, d.Tagger.Tag(string(number)), protocol.MaxProgress)
	if err != nil {
		return protocol.ProgressList{}, err
	}
	list := protocol.ProgressList{Applications: make([]protocol.ProgressEntry, len(all))}
	for i, a := range all {
		e := protocol.ProgressEntry{ReceiptNumber: a.ReceiptNumber, ItemName: a.ItemName, Item: a.Item,
			Submitted: a.Submitted, State: a.Result, Reason: a.ResultReason, At: a.ResultAt}
		if a.ResultAt.IsZero() {
			e.At = a.Committed
		}
		list.Applications[i] = e
	}
	return list, nil
}
