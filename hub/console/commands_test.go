package console

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"yeban/hub/bus"
	"yeban/hub/store"
	"yeban/sync/protocol"
	"yeban/sync/record"
)

func TestOrdersAreGivenByPeopleAndOnce(t *testing.T) {
	h := openHall(t)
	hints := make(chan string, 16)
	stop, err := h.bus.Listen(bus.AnyCommand, func(s string) { hints <- s })
	must(t, err)
	defer stop()
	v := h.visitor()
	const path = "/terminals/street-3/commands"
	if status, _, _ := v.do("POST", path, url.Values{"name": {"program.restart"}}); status != http.StatusUnauthorized {
		t.Errorf("without a log-in: %d", status)
	}
	v.login()
	_, body, _ := v.do("GET", "/terminals/street-3", nil)
	csrf := regexp.MustCompile(`name="csrf" value="([^"]+)"`).FindStringSubmatch(body)[1]
	form := func(pairs ...string) url.Values {
		f := url.Values{"csrf": {csrf}}
		for i := 0; i < len(pairs); i += 2 {
			f.Set(pairs[i], pairs[i+1])
		}
		return f
	}
	for name, c := range map[string]struct {
		path string
		form url.Values
		want int
	}{
		"with a guessed token":    {path, url.Values{"csrf": {"guess"}, "name": {"program.restart"}}, http.StatusForbidden},
		"what is not an order":    {path, form("name", "disk.format"), http.StatusNotFound},
		"to no terminal":          {"/terminals/nowhere/commands", form("name", "program.restart"), http.StatusNotFound},
		"for a device it has not": {path, form("name", "device.reopen", "device", "hologram"), http.StatusNotFound},
		"for no device":           {path, form("name", "device.reopen"), http.StatusNotFound},
	} {
		if status, _, _ := v.do("POST", c.path, c.form); status != c.want {
			t.Errorf("%s: %d, want %d", name, status, c.want)
		}
	}
	if all := must2(h.store.Commands(t.Context(), "street-3", 10))(t); len(all) != 0 {
		t.Fatalf("refused orders stand in the store: %+v", all)
	}
	for range 2 { // pressed twice
		status, _, head := v.do("POST", path, form("name", "program.restart"))
		if status != http.StatusSeeOther || head.Get("Location") != "/terminals/street-3#commands" {
			t.Errorf("%d to %s", status, head.Get("Location"))
		}
	}
	all := must2(h.store.Commands(t.Context(), "street-3", 10))(t)
	if len(all) != 1 || all[0].Name != protocol.CommandRestart || all[0].GivenBy != testUser || !all[0].Expires.After(time.Now()) {
		t.Fatalf("orders %+v", all)
	}
	select {
	case s := <-hints:
		if s != bus.Command("street-3") {
			t.Errorf("hint %s", s)
		}
	case <-time.After(30 * time.Second):
		t.Error("nobody was told")
	}
	// Begun meanwhile: nothing to take back, and the page says how it is.
	_, err = h.store.ReportCommand(t.Context(), "street-3", protocol.Report{Command: all[0].ID, State: protocol.CommandBegun})
	must(t, err)
	if status, _, _ := v.do("POST", "/commands/"+all[0].ID+"/withdraw", form("terminal", "street-3")); status != http.StatusSeeOther {
		t.Errorf("withdraw: %d", status)
	}
	if all := must2(h.store.Commands(t.Context(), "street-3", 1))(t); all[0].State != protocol.CommandBegun {
		t.Errorf("it is %s", all[0].State)
	}
	if _, _, head := v.do("POST", "/commands/x/withdraw", form("terminal", "//elsewhere.example/")); head.Get("Location") != "/terminals/%2F%2Felsewhere.example%2F#commands" {
		t.Errorf("led to %s", head.Get("Location"))
	}
}

func TestARestartedHubCallsNobodyOffline(t *testing.T) {
	m, err := loadMessages()
	must(t, err)
	start := time.Now()
	c := &Console{Config: Config{Fresh: 90 * time.Second, Grace: 20 * time.Second, Started: start}, messages: m}
	gone := store.Kiosk{Link: store.LinkDown, LinkSince: start.Add(-time.Hour)}
	for name, tc := range map[string]struct {
		after time.Duration
		since time.Duration // when it went, after the start
		want  Tone
		needs bool
	}{
		"just started":           {10 * time.Second, -time.Hour, Unclear, false},
		"long enough":            {91 * time.Second, -time.Hour, Bad, true},
		"gone for a moment":      {10 * time.Minute, 10*time.Minute - 5*time.Second, Unclear, false},
		"gone for a while":       {10 * time.Minute, 9 * time.Minute, Bad, true},
		"gone during the grace":  {95 * time.Second, 89 * time.Second, Unclear, false},
		"gone and the grace out": {2 * time.Minute, 89 * time.Second, Bad, true},
	} {
		gone.LinkSince = start.Add(tc.since)
		v := &view{console: c, lang: English, now: start.Add(tc.after)}
		if got := v.look(gone); got.Link.Tone != tc.want || got.Needs != tc.needs {
			t.Errorf("%s: %s, needs %v", name, got.Link.Tone, got.Needs)
		}
	}
}

func TestEveryCodeHasItsWords(t *testing.T) {
	m, err := loadMessages()
	must(t, err)
	var keys []string
	for _, x := range []protocol.Trouble{protocol.TroubleSetAside, protocol.TroubleConflict, protocol.TroubleBackup, protocol.TroubleWrite, protocol.TroubleClock,
		protocol.TroubleBlob, protocol.TroubleDeviceDied} {
		keys = append(keys, "trouble."+string(x), "remedy.trouble."+string(x))
	}
	for _, x := range []protocol.CommandState{protocol.CommandWaiting, protocol.CommandBegun, protocol.CommandDone, protocol.CommandFailed,
		protocol.CommandRefused, protocol.CommandExpired, protocol.CommandInterrupted, protocol.CommandWithdrawn} {
		keys = append(keys, "command.state."+string(x))
	}
	for _, x := range []protocol.CommandName{protocol.CommandReopen, protocol.CommandRestart, protocol.CommandStatus} {
		keys = append(keys, "command."+string(x))
	}
	for _, x := range []protocol.ResultState{protocol.ResultReceived, protocol.ResultAccepted, protocol.ResultNeedsMore, protocol.ResultDone, protocol.ResultRejected} {
		keys = append(keys, "result."+string(x))
	}
	for _, x := range []record.BlobRole{record.BlobCardPhoto, record.BlobSignature, record.BlobDocument} {
		keys = append(keys, "blob."+string(x))
	}
	for _, key := range append(keys, "kind.device") {
		if !m.has(key) {
			t.Errorf("%s has no words", key)
		}
	}
	v := &view{console: &Console{messages: m}, lang: English}
	if got := v.command(store.Command{State: protocol.CommandInterrupted, Detail: store.Unreported}); !strings.Contains(got.Detail, "has not said how it ended") || got.How.Tone != Warn {
		t.Errorf("an order that nobody reported on: %+v", got)
	}
	if got := v.trouble("disk.singing"); got.What == "" || got.Remedy == "" {
		t.Errorf("a newer terminal's trouble: %+v", got)
	}
}
