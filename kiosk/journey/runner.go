package journey

import (
	"context"
	"errors"
	"log/slog"
	"reflect"
	"slices"
	"sync"
	"time"

	"yeban/sync/record"
)

// Runner carries a machine: it serialises events, executes effects and draws.
type Runner struct {
	machine   *Machine
	reader    Reader
	printer   Printer
	evaluator Evaluator // nil where the terminal has none
	inquiry   Inquiry   // nil where there is no hub
	log       Log
	draw      func(View)
	wiped     func()
	now       func() time.Time
	logger    *slog.Logger

	events chan Event
	work   sync.WaitGroup

	stopVisit  context.CancelFunc // cancels what runs for the present visit
	visitCtx   context.Context
	stopCard   context.CancelFunc
	stopRating context.CancelFunc

	attachedFor uint64 // visit whose attachments are written
	attached    []record.BlobRef
}

// Parts is what a runner is wired from.
type Parts struct {
	Reader    Reader
	Printer   Printer
	Evaluator Evaluator // may be nil
	Inquiry   Inquiry   // may be nil
	Log       Log
	Draw      func(View) // called on the runner's goroutine after every change
	Wiped     func()     // called after a visit's data was dropped and home drawn; may be nil
	Now       func() time.Time
	Logger    *slog.Logger
}

// NewRunner wires a machine to its terminal.
func NewRunner(m *Machine, p Parts) *Runner {
	return &Runner{
		machine: m, reader: p.Reader, printer: p.Printer, evaluator: p.Evaluator, inquiry: p.Inquiry, log: p.Log,
		draw: p.Draw, wiped: p.Wiped, now: p.Now, logger: p.Logger, events: make(chan Event, 64),
	}
}

// Send hands over an event. It never blocks for long: the runner does nothing slow. It
// may be called from any goroutine until Run has returned, and drops events after ctx.
func (r *Runner) Send(ctx context.Context, e Event) {
	select {
	case r.events <- e:
	case <-ctx.Done():
	}
}

// Run handles events until the context ends, and returns when everything that it
// started has stopped.
func (r *Runner) Run(ctx context.Context) error {
	defer r.work.Wait()
	r.newVisit(ctx)
	defer func() { r.stopVisit() }()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	drawn := r.machine.View()
	r.draw(drawn)
	for {
		timer.Stop()
		if d := r.machine.Deadline(); !d.IsZero() {
			timer.Reset(max(0, d.Sub(r.now())))
		}
		var e Event
		select {
		case <-ctx.Done():
			return nil
		case e = <-r.events:
		case <-timer.C:
			e = Tick{}
		}
		before, wiped := r.machine.state, false
		for _, effect := range r.machine.Handle(r.now(), e) {
			r.do(ctx, effect)
			_, forget := effect.(Forget)
			wiped = wiped || forget
		}
		if after := r.machine.state; after != before {
			r.logger.Info("visit", "state", after.String(), "visit", r.machine.visit)
		}
		if _, news := e.(Conditions); news {
			// Most of the time a terminal can do what it could do before; a page that is
			// built anew under a finger would lose the tap.
			if v := r.machine.View(); reflect.DeepEqual(v, drawn) {
				continue
			}
		}
		e = nil // it may have held a card
		drawn = r.machine.View()
		r.draw(drawn)
		if wiped && r.wiped != nil {
			r.wiped()
		}
	}
}

func (r *Runner) newVisit(ctx context.Context) {
	r.visitCtx, r.stopVisit = context.WithCancel(ctx)
	r.stopCard, r.stopRating = func() {}, func() {}
}

// do starts an effect. Appending and printing outlive their visit: what was promised is
// carried through even if the citizen has gone.
func (r *Runner) do(ctx context.Context, effect Effect) {
	switch f := effect.(type) {
	case ReadCard:
		r.stopCard()
		var c context.Context
		c, r.stopCard = context.WithCancel(r.visitCtx)
		r.work.Go(func() { r.readCard(ctx, c, f) })
	case StopReading:
		r.stopCard()
	case Append:
		r.append(ctx, f)
	case Print:
		r.work.Go(func() { r.print(ctx, f) })
	case AskRating:
		if r.evaluator == nil {
			return
		}
		r.stopRating()
		var c context.Context
		c, r.stopRating = context.WithCancel(r.visitCtx)
		r.work.Go(func() { r.askRating(ctx, c, f) })
	case StopRating:
		r.stopRating()
	case AskProgress:
		visit := r.visitCtx
		r.work.Go(func() { r.askProgress(ctx, visit, f) })
	case Forget:
		r.stopVisit()
		r.newVisit(ctx)
	}
}

func (r *Runner) readCard(ctx, visit context.Context, f ReadCard) {
	reading, err := r.reader.ReadCard(visit, func() { r.Send(ctx, CardFound(f)) })
	switch cardErr := (*CardError)(nil); {
	case visit.Err() != nil:
		return
	case err == nil:
		r.Send(ctx, CardRead{Visit: f.Visit, Reading: reading})
	case errors.As(err, &cardErr):
		r.logger.Warn("card not read", "trouble", cardErr.Trouble, "error", cardErr.Err)
		r.Send(ctx, CardUnread{Visit: f.Visit, Trouble: cardErr.Trouble})
	default:
		r.logger.Warn("card not read", "error", err)
		r.Send(ctx, CardUnread{Visit: f.Visit, Trouble: ReaderFailed})
	}
}

// append keeps the order in which the machine asked, so it runs one after another; the
// screen's answer to a tap has been drawn before, and a flush takes milliseconds.
func (r *Runner) append(ctx context.Context, f Append) {
	r.draw(r.machine.View())
	id := f.Record.Key()
	err := r.write(context.WithoutCancel(ctx), f)
	var answer Event = Appended{Visit: f.Visit, ID: id}
	if err != nil {
		r.logger.Error("record not appended", "record", id, "kind", f.Record.Kind(), "error", err)
		trouble := TroubleFailed
		switch {
		case errors.Is(err, ErrNoRoom):
			trouble = TroubleFull
		case errors.Is(err, ErrNumberTaken):
			trouble = TroubleNumber
		case errors.Is(err, ErrUnsure):
			trouble = TroubleUnsure
		}
		answer = NotAppended{Visit: f.Visit, ID: id, Trouble: trouble}
	}
	for _, effect := range r.machine.Handle(r.now(), answer) {
		r.do(ctx, effect)
	}
}

// write makes what goes along durable, and then the record that names it. An attachment
// is written once a visit, however often the citizen hands in.
func (r *Runner) write(ctx context.Context, f Append) error {
	a, ok := f.Record.(record.Application)
	if !ok || len(f.Attachments) == 0 {
		return r.log.Append(ctx, f.Record)
	}
	if r.attachedFor != f.Visit {
		r.attachedFor, r.attached = f.Visit, nil
	}
	for _, one := range f.Attachments[len(r.attached):] {
		ref, err := r.log.Attach(ctx, one)
		if err != nil {
			return err
		}
		r.attached = append(r.attached, ref)
	}
	a.Blobs = slices.Clone(r.attached)
	return r.log.Append(ctx, a)
}

func (r *Runner) print(ctx context.Context, f Print) {
	phase := Printed
	if err := r.printer.PrintReceipt(ctx, f.Receipt); err != nil {
		r.logger.Warn("receipt not proven", "application", f.Receipt.Application, "error", err)
		phase = PrintFailed
		if errors.Is(err, ErrPrintUnproven) {
			phase = PrintUnproven
		}
	}
	r.Send(ctx, PrintEnded{Visit: f.Visit, Phase: phase})
}

func (r *Runner) askRating(ctx, visit context.Context, f AskRating) {
	level, err := r.evaluator.AskRating(visit, f.Timeout)
	if err != nil {
		if visit.Err() == nil {
			r.logger.Info("no rating from the evaluator", "error", err)
		}
		return
	}
	r.Send(ctx, EvaluatorRated{Visit: f.Visit, Level: level})
}

// askPatience bounds how long a citizen looks at "asking".
const askPatience = 15 * time.Second

func (r *Runner) askProgress(ctx, visit context.Context, f AskProgress) {
	if r.inquiry == nil {
		r.Send(ctx, NotTold{f.Visit})
		return
	}
	bounded, cancel := context.WithTimeout(visit, askPatience)
	defer cancel()
	all, err := r.inquiry.Progress(bounded, f.Number)
	switch {
	case visit.Err() != nil:
	case err != nil:
		r.logger.Warn("progress not told", "error", err)
		r.Send(ctx, NotTold{f.Visit})
	default:
		r.Send(ctx, Told{f.Visit, all})
	}
}
