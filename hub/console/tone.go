package console

import (
	"encoding/json"
	"time"

	"yeban/hub/store"
	"yeban/sync/protocol"
)

// Tone is how something is drawn: each has its own shape beside its colour and word.
type Tone string

const (
	Good    Tone = "good"
	Warn    Tone = "warn" // works, somebody should look
	Bad     Tone = "bad"
	Unclear Tone = "unclear" // nobody knows: drawn neither as good nor as bad
)

// words is something with a tone.
type words struct {
	Tone Tone
	Text string
}

// terminalView is a terminal as a page shows it.
type terminalView struct {
	store.Kiosk
	Link      words
	Since     time.Time // of the link; zero when it says nothing
	Fresh     bool      // Status speaks of now
	Status    protocol.Status
	HasStatus bool
	Devices   []deviceView
	Troubles  []troubleView // of the terminal itself
	Needs     bool          // a person
}

// deviceView is one device of a terminal.
type deviceView struct {
	ID     string // configured name
	Name   string
	State  words
	Paper  words // Text empty: the device has no paper
	Reason string
	Remedy string
	At     time.Time
	Try    bool // it may help to open it anew
}

// look works out how a terminal stands now.
func (v *view) look(k store.Kiosk) terminalView {
	t := terminalView{Kiosk: k}
	heard := v.now.Sub(k.Seen) <= v.console.Fresh
	switch {
	case k.Link == store.LinkNever:
		t.Link = words{Unclear, v.t("link.never")}
	case k.Link == store.LinkDown && v.mayComeBack(k):
		t.Link, t.Since = words{Unclear, v.t("link.unclear")}, k.LinkSince
	case k.Link == store.LinkDown:
		t.Link, t.Since, t.Needs = words{Bad, v.t("link.offline")}, k.LinkSince, true
	case heard:
		t.Link, t.Since = words{Good, v.t("link.online")}, k.LinkSince
	default:
		// Marked as connected, but no hub has said so lately.
		t.Link, t.Since = words{Unclear, v.t("link.unclear")}, k.Seen
	}
	if len(k.Status) > 0 && json.Unmarshal(k.Status, &t.Status) == nil {
		t.HasStatus = true
		t.Fresh = t.Link.Tone == Good && v.now.Sub(k.StatusAt) <= v.console.Fresh
	}
	for _, d := range t.Status.Devices {
		one := v.device(d, t.Fresh)
		t.Needs = t.Needs || one.State.Tone == Bad || one.State.Tone == Warn || one.Paper.Tone == Bad || one.Paper.Tone == Warn
		t.Devices = append(t.Devices, one)
	}
	for _, code := range t.Status.Troubles {
		t.Troubles = append(t.Troubles, v.trouble(string(code)))
		t.Needs = true
	}
	return t
}

// mayComeBack tells a terminal that has gone a moment ago, or that nobody can have heard
// of since the hub started. When a hub restarts, all are gone for a while: that is no
// news about any of them.
func (v *view) mayComeBack(k store.Kiosk) bool {
	return v.now.Sub(k.LinkSince) < v.console.Grace || v.now.Sub(v.console.Started) < v.console.Fresh
}

// device keeps the last known reason of a device whose state is out of date, and says
// that its state is unknown.
func (v *view) device(d protocol.DeviceStatus, fresh bool) deviceView {
	m, l := v.console.messages, v.lang
	one := deviceView{ID: d.Name, Name: m.textOr(l, "device.", d.Name, ""), At: d.At}
	state, paper := d.State, d.Paper
	if !fresh {
		state = "unknown"
		if paper != "" {
			paper = "unknown"
		}
	}
	one.State = words{deviceTone(state), m.textOr(l, "state.", state, "")}
	if paper != "" {
		one.Paper = words{paperTone(paper), m.textOr(l, "paper.", paper, "")}
	}
	if d.Reason != "" {
		one.Reason = m.textOr(l, "reason.", d.Reason, "reason.other")
		one.Remedy = m.textOr(l, "remedy.", d.Reason, "")
		if !m.has("remedy." + d.Reason) {
			one.Remedy = v.t("remedy.other")
		}
	}
	one.Try = fresh && one.State.Tone != Good && state != "starting"
	return one
}

// deviceTone judges the words of the terminals' device vocabulary. A word that this
// version does not know is unclear.
func deviceTone(state string) Tone {
	switch state {
	case "online", "deviceBusy":
		return Good
	case "userError":
		return Warn
	case "offline", "powerOff", "noDevice", "hardwareError":
		return Bad
	}
	return Unclear
}

func paperTone(paper string) Tone {
	switch paper {
	case "full":
		return Good
	case "low":
		return Warn
	case "out", "jammed":
		return Bad
	}
	return Unclear
}

func ratingTone(level int) Tone {
	switch {
	case level == 0:
		return Unclear
	case level <= 2:
		return Bad
	case level == 3:
		return Warn
	}
	return Good
}

func resultTone(r protocol.ResultState) Tone {
	switch r {
	case protocol.ResultAccepted, protocol.ResultDone:
		return Good
	case protocol.ResultNeedsMore:
		return Warn
	case protocol.ResultRejected:
		return Bad
	}
	return Unclear
}

func severityTone(s store.Severity) Tone {
	if s == store.Critical {
		return Bad
	}
	return Warn
}
