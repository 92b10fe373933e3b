package journey

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"yeban/sync/record"
)

// hall is the world around a runner, each part as a test wants it.
type hall struct {
	read   func(ctx context.Context, found func()) (record.Person, error)
	print  func(ctx context.Context) error
	rate   func(ctx context.Context) (record.Level, error)
	append func(record.Record) error
	photo  []byte

	progress func(ctx context.Context, number string) ([]Standing, error)
	attached []string

	printed atomic.Int32
	mu      sync.Mutex
	records []record.Record
	view    View
}

func (h *hall) ReadCard(ctx context.Context, found func()) (Reading, error) {
	p, err := h.read(ctx, found)
	return Reading{Person: p, Photo: h.photo}, err
}

func (h *hall) Attach(_ context.Context, a Attachment) (record.BlobRef, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.attached = append(h.attached, string(a.Content))
	return record.BlobRef{Hash: record.Hash{byte(len(h.attached))}, Bytes: int64(len(a.Content)), Role: a.Role, Media: a.Media}, nil
}

func (h *hall) Progress(ctx context.Context, number string) ([]Standing, error) {
	return h.progress(ctx, number)
}

func (h *hall) PrintReceipt(ctx context.Context, _ PrintedReceipt) error {
	err := h.print(ctx)
	if err == nil {
		h.printed.Add(1)
	}
	return err
}

func (h *hall) AskRating(ctx context.Context, _ time.Duration) (record.Level, error) {
	return h.rate(ctx)
}

func (h *hall) Append(_ context.Context, r record.Record) error {
	if h.append != nil {
		if err := h.append(r); err != nil {
			return err
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.records = append(h.records, r)
	return nil
}

func (h *hall) draw(v View) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.view = v
}

func (h *hall) now() View {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.view
}

// play runs a runner in a bubble of its own time and gives the test a way to send.
func play(t *testing.T, h *hall, script func(send func(...Event), m *Machine)) {
	c := sample(t)
	synctest.Test(t, func(t *testing.T) {
		if h.read == nil {
			h.read = func(_ context.Context, found func()) (record.Person, error) { found(); return citizen, nil }
		}
		if h.print == nil {
			h.print = func(context.Context) error { return nil }
		}
		if h.rate == nil {
			h.rate = func(ctx context.Context) (record.Level, error) { <-ctx.Done(); return 0, ctx.Err() }
		}
		time.Sleep(time.Until(night)) // bubbles begin in 2000
		rig := newRig(t, c)
		rig.m.now = time.Now()
		r := NewRunner(rig.m, Parts{Reader: h, Printer: h, Evaluator: h, Inquiry: h, Log: h, Draw: h.draw, Now: time.Now,
			Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- r.Run(ctx) }()
		script(func(events ...Event) {
			for _, e := range events {
				r.Send(ctx, e)
				synctest.Wait()
			}
		}, rig.m)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// fill answers the form up to Review.
func fill(send func(...Event), h *hall) {
	for range 8 {
		if h.now().State != Form {
			return
		}
		for _, q := range h.now().Page.Questions {
			send(Answered{q.ID, goodAnswer(q)})
		}
		send(NextTapped{})
	}
}

func TestRunnerCarriesAVisitThrough(t *testing.T) {
	h := &hall{rate: func(context.Context) (record.Level, error) { return record.VerySatisfied, nil }}
	play(t, h, func(send func(...Event), _ *Machine) {
		send(ItemTapped{firstItem}, AgreeTapped{})
		fill(send, h)
		send(SubmitTapped{})
		if v := h.now(); v.State != Receipt || v.Number == "" || v.PrintPhase != Printed {
			t.Fatalf("after submit: %v %q %v", v.State, v.Number, v.PrintPhase)
		}
		send(NextTapped{})
		if v := h.now(); v.State != Farewell || v.Rated != record.VerySatisfied {
			t.Fatalf("after the key: %v, rated %v", v.State, v.Rated)
		}
		time.Sleep(7 * time.Second)
		synctest.Wait()
		if h.now().State != Home {
			t.Errorf("farewell did not end: %v", h.now().State)
		}
	})
	var kinds []record.Kind
	for _, r := range h.records {
		kinds = append(kinds, r.Kind())
	}
	if len(kinds) != 3 || kinds[0] != record.KindApplication || kinds[1] != record.KindRating || kinds[2] != record.KindTrace {
		t.Errorf("log holds %v", kinds)
	}
}

func TestRunnerCancelsTheReaderWhenTheCitizenLeaves(t *testing.T) {
	ended := make(chan struct{})
	h := &hall{read: func(ctx context.Context, _ func()) (record.Person, error) {
		<-ctx.Done()
		close(ended)
		return record.Person{}, ctx.Err()
	}}
	play(t, h, func(send func(...Event), _ *Machine) {
		send(ItemTapped{firstItem}, AgreeTapped{}, QuitTapped{})
		select {
		case <-ended:
		default:
			t.Error("the reader still waits for a citizen who has gone")
		}
		if h.now().State != Home {
			t.Errorf("state %v", h.now().State)
		}
	})
}

func TestRunnerTellsDiskTroubles(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want Trouble
	}{{ErrNoRoom, TroubleFull}, {ErrUnsure, TroubleUnsure}, {errors.New("input/output error"), TroubleFailed}} {
		h := &hall{append: func(record.Record) error { return tc.err }}
		play(t, h, func(send func(...Event), _ *Machine) {
			send(ItemTapped{firstItem}, AgreeTapped{})
			fill(send, h)
			send(SubmitTapped{})
			if v := h.now(); v.State != Review || v.Trouble != tc.want || v.Number != "" {
				t.Errorf("%v: %v, trouble %q, number %q", tc.err, v.State, v.Trouble, v.Number)
			}
		})
	}
}

func TestRunnerPrintsOnForACitizenWhoHasLeft(t *testing.T) {
	h := &hall{}
	var proceed chan struct{}
	h.print = func(ctx context.Context) error {
		select {
		case <-proceed:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	play(t, h, func(send func(...Event), _ *Machine) {
		proceed = make(chan struct{}) // of the bubble, so that waiting for it counts as idle
		send(ItemTapped{firstItem}, AgreeTapped{})
		fill(send, h)
		send(SubmitTapped{}, QuitTapped{})
		if h.now().State != Home {
			t.Fatalf("state %v", h.now().State)
		}
		printed := h.printed.Load()
		close(proceed)
		synctest.Wait()
		if h.printed.Load() != printed+1 {
			t.Error("the receipt was given up with the visit")
		}
	})
}

func TestRunnerCountsDownByItself(t *testing.T) {
	h := &hall{}
	play(t, h, func(send func(...Event), _ *Machine) {
		send(ItemTapped{firstItem})
		time.Sleep(63 * time.Second)
		synctest.Wait()
		if got := h.now().SecondsLeft; got != 17 {
			t.Errorf("%d seconds left after 63 s", got)
		}
		time.Sleep(17 * time.Second)
		synctest.Wait()
		if h.now().State != Home {
			t.Errorf("state %v after 80 s", h.now().State)
		}
	})
}

func TestRunnerMapsReaderErrors(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want CardTrouble
	}{
		{&CardError{Trouble: CardMoved, Err: errors.New("41")}, CardMoved},
		{errors.New("port gone"), ReaderFailed},
	} {
		h := &hall{read: func(context.Context, func()) (record.Person, error) { return record.Person{}, tc.err }}
		play(t, h, func(send func(...Event), _ *Machine) {
			send(ItemTapped{firstItem}, AgreeTapped{})
			if v := h.now(); v.CardTrouble != tc.want {
				t.Errorf("%v: trouble %q", tc.err, v.CardTrouble)
			}
		})
	}
}

func TestRunnerWritesThePhotoOnceBeforeTheRecord(t *testing.T) {
	fails := 2
	h := &hall{photo: []byte("WL picture")}
	h.append = func(r record.Record) error {
		if _, ok := r.(record.Application); ok && fails > 0 {
			fails--
			return errors.New("input/output error")
		}
		return nil
	}
	play(t, h, func(send func(...Event), _ *Machine) {
		send(ItemTapped{firstItem}, AgreeTapped{})
		fill(send, h)
		send(SubmitTapped{}, SubmitTapped{}, SubmitTapped{})
		if h.now().State != Receipt {
			t.Fatalf("state %v", h.now().State)
		}
	})
	if len(h.attached) != 1 || h.attached[0] != "WL picture" {
		t.Errorf("attachments %q", h.attached)
	}
	a, ok := h.records[0].(record.Application)
	if !ok || len(a.Blobs) != 1 || a.Blobs[0].Role != record.BlobCardPhoto || a.Header().Blobs[0].Hash != a.Blobs[0].Hash {
		t.Errorf("the record does not name its photo: %+v", a.Blobs)
	}
}

func TestRunnerAsksHowApplicationsStand(t *testing.T) {
	answered := []Standing{{Number: "1", Stage: StageDone}}
	asked := 0
	h := &hall{progress: func(ctx context.Context, number string) ([]Standing, error) {
		asked++
		if number != citizen.IDNumber {
			t.Errorf("asked for %q", number)
		}
		if asked == 1 {
			<-ctx.Done() // nobody answers
			return nil, ctx.Err()
		}
		return answered, nil
	}}
	play(t, h, func(send func(...Event), m *Machine) {
		send(InquiryTapped{})
		if v := h.now(); v.State != Asking {
			t.Fatalf("state %v", v.State)
		}
		time.Sleep(askPatience)
		synctest.Wait()
		if v := h.now(); v.State != Progress || !v.Untold {
			t.Fatalf("after %s: %v, untold %t", askPatience, v.State, v.Untold)
		}
		send(RetryTapped{})
		if v := h.now(); v.State != Progress || v.Untold || len(v.Standings) != 1 {
			t.Fatalf("after trying again: %v, %+v", v.State, v.Standings)
		}
		if m.person != (record.Person{}) {
			t.Error("the number is still known while the list is read")
		}
		send(QuitTapped{})
	})
	if len(h.records) != 0 {
		t.Errorf("an inquiry handed in %v", h.records)
	}
}

// TestRunnerNeverMixesTwoCards: a submission fails, somebody else lays a card in the same
// visit: neither photo, number nor id of the first may be in the second's record.
func TestRunnerNeverMixesTwoCards(t *testing.T) {
	fails := 1
	var tried []record.Application
	h := &hall{photo: []byte("photo of the first")}
	h.append = func(r record.Record) error {
		if a, ok := r.(record.Application); ok {
			tried = append(tried, a)
			if fails > 0 {
				fails--
				return errors.New("input/output error")
			}
		}
		return nil
	}
	play(t, h, func(send func(...Event), m *Machine) {
		send(ItemTapped{firstItem}, AgreeTapped{})
		fill(send, h)
		send(SubmitTapped{})
		for range 12 {
			if h.now().State == Consent {
				break
			}
			send(BackTapped{})
		}
		h.photo = []byte("photo of the second")
		send(AgreeTapped{})
		fill(send, h)
		send(SubmitTapped{})
		if h.now().State != Receipt {
			t.Fatalf("state %v", h.now().State)
		}
	})
	if len(tried) != 2 || tried[0].ID == tried[1].ID || tried[0].ReceiptNumber == tried[1].ReceiptNumber {
		t.Fatalf("%d applications under one name", len(tried))
	}
	if len(h.attached) != 2 || h.attached[1] != "photo of the second" || tried[0].Blobs[0].Hash == tried[1].Blobs[0].Hash {
		t.Errorf("attachments %q", h.attached)
	}
}
