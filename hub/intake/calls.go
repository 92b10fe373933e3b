package intake

import (
	"context"
	"errors"
	"time"

	"yeban/hub/bus"
	"yeban/hub/store"
	"yeban/sync/protocol"
	"yeban/sync/record"
)

const (
	// callsUnderWay is how many calls of one terminal may wait for their answers.
	callsUnderWay = 4
	// storeTime is how long a call may wait for the store.
	storeTime = 10 * time.Second
	// roomTime is how long a piece of an attachment may wait for others. Then it gives
	// way to the records behind it.
	roomTime = 2 * time.Second
)

// Progress answers what became of a person's applications. Its error wraps
// record.ErrSealed when the question does not open.
type Progress interface {
	Progress(ctx context.Context, q *protocol.Progress) (protocol.ProgressList, error)
}

// parcel is a frame that waits for tell.
type parcel struct {
	frame  protocol.Frame
	answer bool // frees a call's place
}

func (s *session) post(p parcel) {
	s.mu.Lock()
	s.parcels = append(s.parcels, p)
	s.mu.Unlock()
	s.poke()
}

// call makes place for one more call, whose answer gives the place back.
func (s *session) call() error {
	select {
	case s.calls <- struct{}{}:
		return nil
	case <-s.conn.Done():
		return protocol.ErrClosed
	}
}

func (s *session) answer(f *protocol.Frame, body any) {
	out, err := protocol.NewFrame(protocol.Result, f.ID, f.Method, body)
	if err != nil {
		s.log.Error("answer", "method", f.Method, "err", err)
		s.decline(f, protocol.FaultBusy, "no answer can be given")
		return
	}
	s.post(parcel{out, true})
}

// decline answers one call with a fault; the conversation goes on.
func (s *session) decline(f *protocol.Frame, code protocol.FaultCode, message string) {
	s.server.metrics.faults.WithLabelValues(string(code)).Inc()
	out, err := protocol.NewFrame(protocol.Error, f.ID, f.Method, &protocol.Fault{Code: code, Message: message})
	if err != nil {
		panic(err) // two strings
	}
	s.post(parcel{out, true})
}

// desk admits a few calls at a time to the store, so that a fleet that asks all at once
// leaves room for records.
func (s *Server) desk(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	select {
	case s.desks <- struct{}{}:
		defer func() { <-s.desks }()
		return do(ctx)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *session) report(f *protocol.Frame) error {
	var r protocol.Report
	if err := f.Decode(&r); err != nil {
		return &protocol.Fault{Code: protocol.FaultBadFrame, Message: "REPORT does not fit"}
	}
	if err := s.call(); err != nil {
		return err
	}
	var changed bool
	err := s.server.desk(s.server.ctx, func(ctx context.Context) (err error) {
		changed, err = s.server.store.ReportCommand(ctx, s.kiosk, r)
		return err
	})
	switch {
	case errors.Is(err, store.ErrNotFound):
		s.log.Warn("report on a command that is not this terminal's", "command", r.Command, "state", r.State)
		s.decline(f, protocol.FaultBadFrame, "no such command of this terminal")
	case err != nil:
		s.log.Error("report on a command", "command", r.Command, "err", err)
		s.decline(f, protocol.FaultBusy, "store is away")
	default:
		s.answer(f, struct{}{})
	}
	if changed {
		s.server.metrics.reports.WithLabelValues(string(r.State)).Inc()
		s.log.Info("command reported", "command", r.Command, "state", r.State)
		s.server.bus.Hint(bus.Status(s.kiosk))
	}
	return nil
}

func (s *session) blob(f *protocol.Frame) error {
	var b protocol.Blob
	if err := f.Decode(&b); err != nil {
		return &protocol.Fault{Code: protocol.FaultBadFrame, Message: "BLOB does not fit"}
	}
	if err := s.call(); err != nil {
		return err
	}
	question := *f
	question.Body = nil // the piece is in b
	ctx, cancel := context.WithTimeout(s.server.ctx, roomTime)
	defer cancel()
	err := s.server.keeper.submit(ctx, piece{
		chunk: store.Chunk{Kiosk: s.kiosk, Hash: b.Hash, Bytes: b.Bytes, Offset: b.Offset, Data: b.Data},
		done:  func(got store.Stored) { s.stored(&question, b.Hash, got) },
	})
	if err != nil {
		s.decline(f, protocol.FaultBusy, "too many attachments are under way")
	}
	return nil
}

// stored is called by the keeper and must not wait.
func (s *session) stored(f *protocol.Frame, hash record.Hash, got store.Stored) {
	switch {
	case errors.Is(got.Err, store.ErrMisfit), errors.Is(got.Err, store.ErrStray):
		s.log.Warn("attachment refused", "hash", hash, "err", got.Err)
		s.decline(f, protocol.FaultBadFrame, got.Err.Error())
	case errors.Is(got.Err, store.ErrWrongHash):
		s.log.Warn("attachment forgotten", "hash", hash, "err", got.Err)
		s.answer(f, &protocol.BlobHave{Hash: hash, Have: got.Have})
	case got.Err != nil:
		s.decline(f, protocol.FaultBusy, "store is away")
	default:
		s.answer(f, &protocol.BlobHave{Hash: hash, Have: got.Have})
	}
}

func (s *session) progress(f *protocol.Frame) error {
	var q protocol.Progress
	if err := f.Decode(&q); err != nil {
		return &protocol.Fault{Code: protocol.FaultBadFrame, Message: "PROGRESS does not fit"}
	}
	if err := s.call(); err != nil {
		return err
	}
	outcome := "refused"
	defer func() { s.server.metrics.progress.WithLabelValues(outcome).Inc() }()
	switch {
	case s.server.cfg.Progress == nil:
		s.decline(f, protocol.FaultUnknown, "this hub does not tell progress")
		return nil
	case !s.server.asked.allow(s.kiosk, s.server.now()):
		s.decline(f, protocol.FaultBusy, "too many questions")
		return nil
	}
	var list protocol.ProgressList
	err := s.server.desk(s.server.ctx, func(ctx context.Context) (err error) {
		list, err = s.server.cfg.Progress.Progress(ctx, &q)
		return err
	})
	switch {
	case errors.Is(err, record.ErrSealed):
		s.log.Warn("a question for progress does not open")
		s.decline(f, protocol.FaultBadFrame, "does not open with this platform's key")
	case err != nil:
		outcome = "failed"
		s.log.Error("tell progress", "err", err)
		s.decline(f, protocol.FaultBusy, "store is away")
	default:
		outcome = "answered"
		s.answer(f, &list)
	}
	return nil
}
