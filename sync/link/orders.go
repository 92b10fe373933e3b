package link

import (
	"context"
	"errors"
	"time"

	"yeban/sync/protocol"
)

// command hands an order on. One that cannot be read is passed over: it would come again
// with every conversation, and must not end them all.
func (s *session) command(f *protocol.Frame) {
	var c protocol.Command
	err := f.Decode(&c)
	switch {
	case s.cfg.Commands == nil:
		s.cfg.Logger.Info("command passed over: this terminal takes none")
		return
	case err == nil:
		err = s.cfg.Commands.Take(c)
	}
	if err != nil {
		s.cfg.Logger.Error("command passed over", "error", err)
	}
}

// report tells the hub how far commands are, one report after another. One that gets no
// answer is told again, ever more slowly.
func (s *session) report(ctx context.Context) error {
	for unanswered := 0; ctx.Err() == nil; {
		r, ok := s.cfg.Commands.Next()
		if !ok {
			select {
			case <-ctx.Done():
			case <-s.cfg.Commands.Notify():
			}
			continue
		}
		_, err := s.ask(ctx, protocol.MethodReport, &r, s.cfg.CallTimeout)
		if refusedForGood(err) {
			s.cfg.Logger.Error("hub does not take a report", "command", r.Command, "state", string(r.State), "error", err)
			err = nil
		}
		switch {
		case err == nil:
			unanswered = 0
			if err := s.cfg.Commands.Answered(r); err != nil {
				s.cfg.Logger.Warn("report may be told twice", "error", err)
			}
		case errors.Is(err, ErrUnsupported):
			s.cfg.Logger.Info("hub takes no reports")
			<-ctx.Done()
		case over(err):
			<-ctx.Done()
		case ctx.Err() == nil:
			s.cfg.Logger.Warn("report not answered", "error", err)
			pause(ctx, s.again(unanswered))
			unanswered++
		}
	}
	return ctx.Err()
}

// refusedForGood tells an answer that will be the same the next time.
func refusedForGood(err error) bool {
	var fault *protocol.Fault
	return errors.As(err, &fault) && fault.Code == protocol.FaultBadFrame
}

// again is when to ask a hub once more that was busy or silent for the nth time in a row,
// counted from 0.
func (s *session) again(nth int) time.Duration {
	least := min(s.cfg.MaxBackoff, s.cfg.MinBackoff<<min(nth, 20))
	return least + s.jitter(least)
}
