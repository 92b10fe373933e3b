package soak_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"yeban/devices"
	"yeban/devices/evaluator"
	"yeban/devices/idcard"
	"yeban/devices/printer"
	"yeban/devices/serialport"
	"yeban/devices/simulator"
)

// visit is one citizen from card to rating.
func (h *hall) visit(n int) {
	h.layCard()
	h.takeReceipt(n)
	h.rate(n)
}

// pause is how long nobody comes: mostly some seconds of device time, now and then
// minutes in which devices are only polled.
func (h *hall) pause() time.Duration {
	quiet := time.Duration(h.random.IntN(10)) * time.Second
	if h.random.IntN(20) == 0 {
		quiet = time.Duration(h.random.IntN(180)) * time.Second
	}
	return quiet / speed
}

const millisecond = simulator.Duration(time.Millisecond)

// layCard reads a card of the tray. What a citizen can mend they try to, a few times.
func (h *hall) layCard() {
	cards := simulator.Cards()
	card := cards[h.random.IntN(len(cards))]
	fault := []simulator.ReaderFaults{
		{}, {}, {},
		{Chunk: 1 + h.random.IntN(62), PhotoGap: simulator.Duration(h.random.IntN(900)) * millisecond},
		{Noise: 1 + h.random.IntN(40), HugeLength: h.random.IntN(2) == 0},
		{FrameInPhoto: true}, {LateReply: true}, {LiftOnRead: true}, {BadChecksum: true},
		{UnplugAfter: 1 + h.random.IntN(1300)},
	}[h.random.IntN(10)]
	cable := fault.UnplugAfter > 0
	if !cable { // the cable is pulled when the card was found: a poll must not be hit
		h.sim.Reader.SetFaults(fault)
	}
	h.sim.Reader.Lay(card)
	defer h.sim.Reader.Lift()
	for range 4 {
		var got idcard.Record
		err := lend(h, h.reader, func(ctx context.Context, r *idcard.Reader) error {
			var err error
			got, err = r.WaitCard(ctx, 20*time.Millisecond, func() {
				if cable {
					cable = false
					h.sim.Reader.SetFaults(fault)
				}
			})
			return err
		})
		if err == nil {
			if got.Name != card.Name || got.IDNumber != card.IDNumber || got.NewAddress != card.NewAddress {
				h.t.Errorf("card %s was read wrong", card.Key)
			}
			h.read++
			h.sim.Reader.SetFaults(simulator.ReaderFaults{})
			return
		}
		var field *idcard.FieldError
		switch {
		case errors.Is(err, idcard.ErrLiftAndLayAgain), errors.Is(err, idcard.ErrSilent), errors.Is(err, idcard.ErrGarbled),
			errors.Is(err, serialport.ErrGone), errors.Is(err, devices.ErrNotReady):
		case errors.As(err, &field), errors.Is(err, idcard.ErrWrongCard):
			h.t.Errorf("card %s is good, refused for %v", card.Key, err)
		default:
			h.t.Errorf("card %s: %v", card.Key, err)
		}
		h.sim.Reader.SetFaults(simulator.ReaderFaults{})
		h.plug("idcard")
		h.sim.Reader.Lay(card)
	}
	h.refused++
}

const void = "VOID"

// takeReceipt prints one. Where the printer could not prove it and no whole one hangs
// there, the citizen asks for it again.
func (h *hall) takeReceipt(n int) {
	code := fmt.Sprintf("YB%08d", n)
	doc := printer.Document{VoidText: void}
	lines := 2 + h.random.IntN(30)
	for i := range lines {
		doc.Lines = append(doc.Lines, printer.Line{Text: fmt.Sprintf("第 %d 行 0123456789", i)})
	}
	doc.Lines = append(doc.Lines, printer.Line{QR: code, Align: printer.Center})
	after := 1 + h.random.IntN(lines+2)
	h.sim.Printer.SetFaults([]simulator.PrinterFaults{
		{}, {}, {}, {ChattyASB: true}, {ChattyASB: true, DoubledReplies: true}, {StopsWhenFull: true},
		{PaperOutAfter: after}, {CoverAfter: after}, {PowerOffAfter: after}, {UnplugAfter: after},
	}[h.random.IntN(10)])
	defer h.sim.Printer.TearOff()
	for try := range 5 {
		err := lend(h, h.printer, func(ctx context.Context, p *printer.Printer) error { return p.Print(ctx, doc) })
		whole := h.whole(code)
		if err == nil && whole != 1 {
			h.t.Errorf("receipt %d proven, %d came out", n, whole)
		}
		if whole > 1 {
			h.t.Errorf("receipt %d came out %d times", n, whole)
		}
		h.mendPrinter()
		if whole = h.whole(code); whole > 0 { // the buffer may not give a second one after the mending
			if whole > 1 {
				h.t.Errorf("receipt %d came out %d times after mending", n, whole)
			}
			h.receipts++
			return
		}
		if try == 0 {
			h.again++
		}
	}
	h.t.Errorf("receipt %d never came out", n)
}

func (h *hall) mendPrinter() {
	h.sim.Printer.SetFaults(simulator.PrinterFaults{})
	h.plug("printer")
	h.sim.Printer.SetPower(true)
	h.sim.Printer.SetCover(false)
	h.sim.Printer.LoadPaper()
	works(h, h.printer)
}

// whole counts the receipts with this code that were cut off and are not void.
func (h *hall) whole(code string) (n int) {
	for _, r := range h.sim.Printer.Receipts() {
		good := false
		for _, l := range r.Lines {
			if l.Text == void {
				good = false
				break
			}
			good = good || l.QR == code
		}
		if good {
			n++
		}
	}
	return n
}

// rate asks for a rating. A key of before or after is nobody's.
func (h *hall) rate(n int) {
	fault := h.random.IntN(7)
	level := 1 + h.random.IntN(5)
	other := 1 + level%5
	press := func(l int) {
		if err := h.sim.Evaluator.Press(l); err != nil {
			h.t.Error(err)
		}
	}
	wait := patience
	during := func() { press(level) }
	switch fault {
	case 1:
		h.sim.Evaluator.SetFaults(simulator.EvaluatorFaults{Twice: true})
	case 2:
		h.sim.Evaluator.SetFaults(simulator.EvaluatorFaults{Unasked: true})
		press(other)
	case 3:
		during = func() { h.sim.Evaluator.SayRaw(0x55, 0xAA, 0xFF, 0x00, byte(other)); press(level) }
	case 4:
		during = func() {
			if err := h.sim.Unplug("evaluator"); err != nil {
				h.t.Error(err)
			}
		}
	case 5: // the key comes when the question is over
		h.sim.Evaluator.SetFaults(simulator.EvaluatorFaults{LateBy: 20 * 1000 * millisecond})
		wait = 300 * time.Millisecond
		during = func() { press(other) }
	case 6:
		h.sim.Evaluator.Restart()
	}
	for len(h.asked) > 0 {
		<-h.asked
	}
	question := evaluator.Ask{Timeout: wait}
	binary.BigEndian.PutUint64(question.Session[:], uint64(n)+1)
	done := make(chan struct{})
	ctx, cancel := context.WithCancel(h.ctx)
	go func() {
		defer close(done)
		select {
		case <-h.asked:
			during()
		case <-ctx.Done():
		}
	}()
	var answer evaluator.Answer
	err := lend(h, h.evaluator, func(ctx context.Context, e evaluator.Evaluator) error {
		var err error
		answer, err = e.Ask(ctx, question)
		return err
	})
	cancel()
	<-done
	if err == nil {
		h.rated++
		if int(answer.Level) != level || fault == 5 {
			h.t.Errorf("visit %d was rated %d, the key was %d", n, answer.Level, level)
		}
	} else {
		h.unrated++
	}
	h.sim.Evaluator.SetFaults(simulator.EvaluatorFaults{})
	h.plug("evaluator")
}
