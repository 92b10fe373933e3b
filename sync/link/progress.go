package link

import (
	"context"
	"fmt"

	"yeban/sync/protocol"
	"yeban/sync/record"
)

// Progress asks the hub what became of the applications of the citizen whose identity
// document has a number. The number leaves sealed to the platform. It waits no longer than
// ctx, nor than Config.CallTimeout. Errors: ErrNotConnected, ErrUnsupported, ErrTimeout, a
// *protocol.Fault, the context's.
func (l *Link) Progress(ctx context.Context, number string) ([]protocol.ProgressEntry, error) {
	entries, err := l.progress(ctx, number)
	if err != nil {
		return nil, fmt.Errorf("ask for progress: %w", err)
	}
	return entries, nil
}

func (l *Link) progress(ctx context.Context, number string) ([]protocol.ProgressEntry, error) {
	s := l.talking.Load()
	if s == nil {
		return nil, ErrNotConnected
	}
	key, sealed, err := record.Seal(nil, l.cfg.Platform, []byte(number), []byte(protocol.ProgressSeal))
	if err != nil {
		return nil, err
	}
	question := protocol.Progress{Key: key, Sealed: sealed}
	if err := question.Validate(); err != nil {
		return nil, err
	}
	f, err := s.ask(ctx, protocol.MethodProgress, &question, l.cfg.CallTimeout)
	if err != nil {
		return nil, err
	}
	var list protocol.ProgressList
	if err := f.Decode(&list); err != nil {
		return nil, err
	}
	return list.Applications, nil
}
