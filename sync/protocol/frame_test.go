package protocol_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"yeban/sync/protocol"
	"yeban/sync/record"
)

func TestFrameSurvivesTheWire(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := protocol.Frame{
			Type: protocol.FrameType(rapid.IntRange(2, 5).Draw(t, "type")),
			ID:   rapid.StringMatching(`[ -~]{1,64}`).Draw(t, "id"),
			Method: rapid.SampledFrom([]protocol.Method{protocol.MethodHello, protocol.MethodRecords, protocol.MethodAck, protocol.MethodStatus, protocol.MethodDrain,
				protocol.MethodCommand, protocol.MethodReport, protocol.MethodBlob, protocol.MethodProgress}).Draw(t, "method"),
			Body: json.RawMessage(`{"have":5}`),
		}
		text, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		back, err := protocol.Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if back.Type != f.Type || back.ID != f.ID || back.Method != f.Method || string(back.Body) != string(f.Body) {
			t.Fatalf("%+v became %+v", f, back)
		}
	})
}

func TestParseRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"empty":         ``,
		"no JSON":       `[2,"a"`,
		"object":        `{}`,
		"null":          `null`,
		"three":         `[2,"a","HELLO"]`,
		"five":          `[2,"a","HELLO",{},1]`,
		"type 0":        `[0,"a","HELLO",{}]`,
		"type 6":        `[6,"a","HELLO",{}]`,
		"type text":     `["2","a","HELLO",{}]`,
		"type fraction": `[2.5,"a","HELLO",{}]`,
		"id null":       `[2,null,"HELLO",{}]`,
		"id empty":      `[2,"","HELLO",{}]`,
		"id long":       `[2,"` + strings.Repeat("a", 65) + `","HELLO",{}]`,
		"method null":   `[2,"a",null,{}]`,
		"method empty":  `[2,"a","",{}]`,
		"body array":    `[2,"a","HELLO",[]]`,
		"body null":     `[2,"a","HELLO",null]`,
		"two values":    `[2,"a","HELLO",{}] []`,
		"too large":     `[2,"a","HELLO",{"x":"` + strings.Repeat("a", protocol.MaxFrameBytes) + `"}]`,
	} {
		if _, err := protocol.Parse([]byte(text)); !errors.Is(err, protocol.ErrFrame) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestUnknownMethodIsToldApart(t *testing.T) {
	f, err := protocol.Parse([]byte(` [2, "7", "TELEPORT", {"to":1}] `))
	var unknown *protocol.UnknownMethodError
	if !errors.As(err, &unknown) || unknown.ID != "7" || unknown.Type != protocol.Call || f.Method != "TELEPORT" {
		t.Errorf("%+v, %v", f, err)
	}
	for _, text := range []string{`[3,"7","TELEPORT",{}]`, `[4,"7","TELEPORT",{"code":"unknown"}]`} {
		if _, err := protocol.Parse([]byte(text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestMarshalRefusesWhatParseWould(t *testing.T) {
	for _, f := range []protocol.Frame{
		{},
		{Type: protocol.Call, Method: protocol.MethodHello},
		{Type: protocol.Event, Method: protocol.MethodAck, Body: json.RawMessage(`[]`)},
	} {
		if text, err := json.Marshal(f); err == nil {
			t.Errorf("%s", text)
		}
	}
}

func TestBodiesAreValidated(t *testing.T) {
	epoch := record.Epoch{1}
	welcome := protocol.Welcome{Epoch: epoch, WindowRecords: 1, WindowBytes: 1, PingSeconds: 30, DeadSeconds: 90, StatusSeconds: 60}
	entry := func(seq uint64) record.Entry { return record.Entry{Seq: seq, ID: "i", Kind: "k"} }
	with := func(change func(*protocol.Welcome)) *protocol.Welcome { w := welcome; change(&w); return &w }
	for name, c := range map[string]struct {
		body interface{ Validate() error }
		ok   bool
	}{
		"hello of an empty log":     {&protocol.Hello{Kiosk: "k", Epoch: epoch}, true},
		"hello of a log":            {&protocol.Hello{Kiosk: "k", Epoch: epoch, First: 3, Last: 3}, true},
		"hello without a name":      {&protocol.Hello{Epoch: epoch}, false},
		"hello without an epoch":    {&protocol.Hello{Kiosk: "k"}, false},
		"hello backwards":           {&protocol.Hello{Kiosk: "k", Epoch: epoch, First: 4, Last: 3}, false},
		"hello with a zero byte":    {&protocol.Hello{Kiosk: "k", Epoch: epoch, Software: "1\x00"}, false},
		"entry with a zero byte":    {&protocol.Records{Epoch: epoch, Entries: []record.Entry{{Seq: 1, ID: "a\x00", Kind: "k"}}}, false},
		"hello of a pruned log":     {&protocol.Hello{Kiosk: "k", Epoch: epoch, Last: 3}, true},
		"hello without a last":      {&protocol.Hello{Kiosk: "k", Epoch: epoch, First: 3}, false},
		"hello with a long name":    {&protocol.Hello{Kiosk: strings.Repeat("k", 200), Epoch: epoch}, false},
		"welcome":                   {&welcome, true},
		"welcome without a hash":    {with(func(w *protocol.Welcome) { w.Have = 1 }), false},
		"welcome without a window":  {with(func(w *protocol.Welcome) { w.WindowRecords = 0 }), false},
		"welcome dead before ping":  {with(func(w *protocol.Welcome) { w.DeadSeconds = 30 }), false},
		"welcome settling for ever": {with(func(w *protocol.Welcome) { w.SettleMs = 1 << 40 }), false},
		"records":                   {&protocol.Records{Epoch: epoch, Entries: []record.Entry{entry(1), entry(2)}}, true},
		"records with a gap":        {&protocol.Records{Epoch: epoch, Entries: []record.Entry{entry(1), entry(3)}}, false},
		"records from zero":         {&protocol.Records{Epoch: epoch, Entries: []record.Entry{entry(0)}}, false},
		"no records":                {&protocol.Records{Epoch: epoch}, false},
		"too many records":          {&protocol.Records{Epoch: epoch, Entries: make([]record.Entry, protocol.MaxEntries+1)}, false},
		"ack without an epoch":      {&protocol.Ack{}, false},
		"status":                    {&protocol.Status{Visit: "home"}, true},
		"status of many devices":    {&protocol.Status{Devices: make([]protocol.DeviceStatus, 100)}, false},
		"status with long words":    {&protocol.Status{Devices: []protocol.DeviceStatus{{State: strings.Repeat("x", 999)}}}, false},
		"drain":                     {&protocol.Drain{AfterMs: 5}, true},
		"drain into the past":       {&protocol.Drain{AfterMs: -5}, false},
		"drain for ever":            {&protocol.Drain{AfterMs: 1 << 40}, false},
		"fault without a code":      {&protocol.Fault{}, false},
		"status of many troubles":   {&protocol.Status{Troubles: slices.Repeat([]protocol.Trouble{"t"}, 33)}, false},
		"command":                   {command(nil), true},
		"command of 16 arguments":   {command(func(c *protocol.Command) { c.Args = arguments(16) }), true},
		"command of 17 arguments":   {command(func(c *protocol.Command) { c.Args = arguments(17) }), false},
		"command that never ends":   {command(func(c *protocol.Command) { c.Expires = time.Time{} }), false},
		"command with a long word":  {command(func(c *protocol.Command) { c.Args = map[string]string{"a": strings.Repeat("x", 1025)} }), false},
		"report":                    {&protocol.Report{Command: "01J", State: protocol.CommandBegun}, true},
		"report of another's state": {&protocol.Report{Command: "01J", State: protocol.CommandWaiting}, false},
		"report of nothing":         {&protocol.Report{State: protocol.CommandDone}, false},
		"report with a novel":       {&protocol.Report{Command: "01J", State: protocol.CommandDone, Detail: strings.Repeat("x", 1025)}, false},
		"blob":                      {&protocol.Blob{Hash: record.Hash{1}, Bytes: 3, Offset: 1, Data: []byte("bc")}, true},
		"blob asked for":            {&protocol.Blob{Hash: record.Hash{1}, Bytes: 3}, true},
		"blob beyond its end":       {&protocol.Blob{Hash: record.Hash{1}, Bytes: 3, Offset: 2, Data: []byte("bc")}, false},
		"blob far beyond its end":   {&protocol.Blob{Hash: record.Hash{1}, Bytes: 3, Offset: math.MaxInt64, Data: []byte("b")}, false},
		"blob before its beginning": {&protocol.Blob{Hash: record.Hash{1}, Bytes: 3, Offset: -1}, false},
		"blob without a hash":       {&protocol.Blob{Bytes: 3}, false},
		"blob without bytes":        {&protocol.Blob{Hash: record.Hash{1}}, false},
		"blob too large":            {&protocol.Blob{Hash: record.Hash{1}, Bytes: protocol.MaxBlobBytes + 1}, false},
		"blob in too large a piece": {&protocol.Blob{Hash: record.Hash{1}, Bytes: 1 << 20, Data: make([]byte, protocol.MaxBlobChunk+1)}, false},
		"have too much":             {&protocol.BlobHave{Hash: record.Hash{1}, Have: protocol.MaxBlobBytes + 1}, false},
		"have of nothing":           {&protocol.BlobHave{}, false},
		"progress of nobody":        {&protocol.Progress{Key: []byte("k")}, false},
		"progress of a crowd":       {&protocol.Progress{Key: []byte("k"), Sealed: make([]byte, 2000)}, false},
		"progress":                  {&protocol.ProgressList{Applications: slices.Repeat([]protocol.ProgressEntry{{State: "s"}}, protocol.MaxProgress)}, true},
		"progress of too many":      {&protocol.ProgressList{Applications: slices.Repeat([]protocol.ProgressEntry{{State: "s"}}, protocol.MaxProgress+1)}, false},
		"progress in a novel":       {&protocol.ProgressList{Applications: []protocol.ProgressEntry{{State: "s", Reason: strings.Repeat("x", 4097)}}}, false},
	} {
		if err := c.body.Validate(); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func command(change func(*protocol.Command)) *protocol.Command {
	c := &protocol.Command{ID: "01J", Name: protocol.CommandStatus, Expires: time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)}
	if change != nil {
		change(c)
	}
	return c
}

func arguments(n int) map[string]string {
	args := map[string]string{}
	for i := range n {
		args[fmt.Sprint(i)] = "x"
	}
	return args
}

func TestProgressPrintsNothingOfItsApplicant(t *testing.T) {
	l := protocol.ProgressList{Applications: []protocol.ProgressEntry{{ReceiptNumber: "261122-110405-000428", ItemName: "社会保障卡补领", Reason: "测某某补正"}}}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "e", l.Applications[0])
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "e", l.Applications[0], "l", l)
	for _, text := range []string{fmt.Sprintf("%v %+v %#v %s", l, l, l, l.Applications[0]), log.String()} {
		if strings.Contains(text, "测某某") || strings.Contains(text, "补领") || !strings.Contains(text, "000428") {
			t.Error(text)
		}
	}
}

func TestEndedStatesAreThoseAfterWhichNothingComes(t *testing.T) {
	for state, want := range map[protocol.CommandState]bool{
		protocol.CommandWaiting: false, protocol.CommandBegun: false, protocol.CommandDone: true, protocol.CommandFailed: true,
		protocol.CommandRefused: true, protocol.CommandExpired: true, protocol.CommandInterrupted: true, protocol.CommandWithdrawn: true, "": false,
	} {
		if state.Ended() != want {
			t.Errorf("%s ended: %t", state, !want)
		}
	}
}

func TestTheLargestLegalEntryFitsAFrame(t *testing.T) {
	e := record.Entry{
		Seq: 1 << 63, AtMs: 1 << 62, Kind: record.KindApplication, ID: strings.Repeat("i", protocol.MaxIDBytes),
		Header: make([]byte, 16<<10), Key: make([]byte, 256), Sealed: make([]byte, record.MaxPlaintext+28),
	}
	if e.WireSize() > protocol.MaxEntryBytes {
		t.Errorf("%d bytes", e.WireSize())
	}
	f, err := protocol.NewFrame(protocol.Event, "", protocol.MethodRecords, protocol.Records{Entries: []record.Entry{e}})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(f)
	if err != nil || len(text) > protocol.MaxFrameBytes {
		t.Errorf("%d bytes, %v", len(text), err)
	}
}

func TestDecodeQuotesNothing(t *testing.T) {
	f := protocol.Frame{Method: protocol.MethodAck, Body: json.RawMessage(`{"have":"34010419000101001X"}`)}
	err := f.Decode(new(protocol.Ack))
	if !errors.Is(err, protocol.ErrFrame) || strings.Contains(err.Error(), "3401") {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`[2,"1","HELLO",{}]`))
	f.Add([]byte(`[5,"","ACK",{"have":1}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		frame, err := protocol.Parse(text)
		if err != nil {
			return
		}
		if _, err := json.Marshal(frame); err != nil {
			t.Errorf("parsed but cannot be said: %v", err)
		}
	})
}
