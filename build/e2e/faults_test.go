package e2e

import (
	"testing"

	"yeban/build/stage"
	"yeban/devices/simulator"
)

// TestHubDownVisitIsTheSame serves a citizen with no hub at all; the record arrives once
// when there is one.
func TestHubDownVisitIsTheSame(t *testing.T) {
	h := newHall(t, nil)
	h.start(h.StartHub) // takes a port and is gone again
	h.must(h.Hub.Stop())
	h.start(h.StartBench, h.StartKiosk)
	h.must(h.citizen.Submit(h.ctx, h.Control, visit))
	h.must(h.Printed(h.ctx, 1))
	if paper := text(h.receipts()); !contains(paper, "联网后自动提交") {
		t.Errorf("the paper does not say that the record is queued:\n%s", paper)
	}
	h.must(h.citizen.Finish(h.ctx, h.Control, visit))
	if s := h.outbox(); s.Queued == 0 || s.Counts["application"] != 1 {
		t.Errorf("outbox %+v", s)
	}
	h.start(h.StartHub)
	if got := h.arrive(1); len(got) != 1 {
		t.Errorf("the province has %d applications", len(got))
	}
}

// TestKillBetweenSubmitAndAcknowledge cuts the kiosk down with its record unsent; after
// the restart it arrives once.
func TestKillBetweenSubmitAndAcknowledge(t *testing.T) {
	h := newHall(t, nil)
	h.start(h.StartHub)
	h.must(h.Hub.Stop()) // nobody acknowledges
	h.start(h.StartBench, h.StartKiosk)
	h.must(h.citizen.Submit(h.ctx, h.Control, visit))
	h.Kiosk.Kill()
	if s := h.outbox(); s.Counts["application"] != 1 {
		t.Fatalf("after the kill the outbox has %v", s.Counts)
	}
	h.start(h.StartHub, h.StartKiosk)
	if got := h.arrive(1); len(got) != 1 {
		t.Errorf("the province has %d applications", len(got))
	}
	h.must(stage.Work(h.ctx, h.Control, simulator.Request{Do: "lift"}))
	// A second visit after the crash is a second record, not a third.
	h.must(h.citizen.Submit(h.ctx, h.Control, visit))
	if got := h.arrive(2); len(got) != 2 || got[0].number == got[1].number {
		t.Errorf("after a second visit the province has %v", got)
	}
}

// TestKillAsTheRecordIsOnItsWay kills the kiosk at the moment that the receipt is shown,
// with the hub listening: whether the acknowledgement was out or not, it arrives once.
func TestKillAsTheRecordIsOnItsWay(t *testing.T) {
	h := newHall(t, nil)
	h.start(h.StartHub, h.StartBench, h.StartKiosk)
	h.must(h.citizen.Submit(h.ctx, h.Control, visit))
	h.Kiosk.Kill()
	h.start(h.StartKiosk)
	if got := h.arrive(1); len(got) != 1 {
		t.Errorf("the province has %d applications", len(got))
	}
	before := h.entries()
	h.must(h.Kiosk.Stop())
	h.start(h.StartKiosk)
	h.must(h.citizen.AwaitState(h.ctx, "home"))
	if after := h.entries(); after != before {
		t.Errorf("a restart sent %d entries again", after-before)
	}
}
