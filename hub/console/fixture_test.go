package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"yeban/catalog"
	"yeban/hub/bus"
	"yeban/hub/projector"
	"yeban/hub/store"
	"yeban/sync/protocol"
	"yeban/sync/record"
)

const (
	testUser     = "值班员"
	testPassword = "a-long-test-password"
	testName     = "张测试"
	testNumber   = "34010419000101001X"
	testAddress  = "某省某市测试路一号"
)

var testBlob = bytes.Repeat([]byte("photo"), 900)

// hall is a console over a real store with a few terminals in every condition.
type hall struct {
	t       *testing.T
	store   *store.Store
	bus     *bus.Bus
	console *Console
	http    *httptest.Server
	first   string // id of the oldest application
	fences  map[string]uint64
}

type versions struct{ *catalog.Catalog }

func (v versions) Version(s string) (*catalog.Catalog, bool) {
	return v.Catalog, s == v.Catalog.Version
}

func openHall(t *testing.T) *hall {
	t.Helper()
	ctx := t.Context()
	st, err := store.Open(ctx, "sqlite:"+filepath.Join(t.TempDir(), "hub.db"), nil)
	must(t, err)
	b, err := bus.Open("", slog.New(slog.DiscardHandler))
	must(t, err)
	key, err := record.GenerateKey(nil)
	must(t, err)
	cat := &catalog.Catalog{Version: "2026.11.1", Items: []catalog.Item{{
		ID: "social-card-reissue", Name: catalog.Text{Zh: "社会保障卡补领", En: "Social security card: reissue"},
		Form: catalog.Form{Pages: []catalog.Page{{ID: "p", Questions: []catalog.Question{{
			ID: "reason", Kind: catalog.Choice, Label: catalog.Text{Zh: "补领原因", En: "Reason"},
			Options: []catalog.Option{{Value: "lost", Label: catalog.Text{Zh: "遗失", En: "Lost"}}},
		}}}}},
	}}}
	log := slog.New(slog.DiscardHandler)
	c, err := New(Config{Store: st, Bus: b, Key: key, Catalogs: versions{cat}, Log: log, Grace: time.Nanosecond, Started: time.Now().Add(-time.Hour)})
	must(t, err)
	h := &hall{t: t, store: st, bus: b, console: c, http: httptest.NewServer(c), fences: map[string]uint64{}}
	t.Cleanup(func() {
		c.Close()
		h.http.Close()
		b.Close()
		must(t, st.Close())
	})
	hash, err := HashPassword(testPassword)
	must(t, err)
	must(t, st.AddUser(ctx, testUser, hash, false))

	epoch := record.Epoch{0xa1, 0xb2, 0xc3}
	for i, k := range []store.Kiosk{
		{ID: "hall-south-1", Name: "政务大厅南门一号"}, {ID: "hall-south-2", Name: "政务大厅南门二号"},
		{ID: "street-3", Name: "测试街道便民服务中心"}, {ID: "village-7", Name: "测试村服务站"}, {ID: "hall-new", Name: "北门新装终端"},
	} {
		k.Number, k.Region = i+1, "340104"
		must(t, st.AddKiosk(ctx, k, "token-"+k.ID, false))
		if k.ID == "hall-new" {
			continue
		}
		a, err := st.Attach(ctx, store.Claim{Kiosk: k.ID, Epoch: epoch, Software: "kiosk 0.1.0", CatalogVersion: "2026.11.1", Clock: time.Now()})
		must(t, err)
		h.fences[k.ID] = a.Fence
	}
	now := time.Now()
	h.say("hall-south-1", now, protocol.Status{Visit: "form", CatalogVersion: "2026.11.1", DiskFreeBytes: 52 << 30, Devices: []protocol.DeviceStatus{
		{Name: "idcard", State: "deviceBusy"}, {Name: "printer", State: "online", Paper: "full"}, {Name: "evaluator", State: "online"}}})
	h.say("hall-south-2", now, protocol.Status{Visit: "home", CatalogVersion: "2026.11.1", DiskFreeBytes: 51 << 30, Queued: 3, OldestUnsentMs: 95_000,
		Unavailable: []string{"no-criminal-record"}, Troubles: []protocol.Trouble{protocol.TroubleBackup}, Devices: []protocol.DeviceStatus{
			{Name: "idcard", State: "online"}, {Name: "printer", State: "userError", Paper: "out", Reason: "paper.out"},
			{Name: "evaluator", State: "powerOff", Reason: "device.silent"}}})
	h.say("street-3", now.Add(-7*time.Minute), protocol.Status{Visit: "home", CatalogVersion: "2026.11.1", DiskFreeBytes: 9 << 30, Devices: []protocol.DeviceStatus{
		{Name: "idcard", State: "online"}, {Name: "printer", State: "online", Paper: "full"}, {Name: "evaluator", State: "online"}}})
	h.say("village-7", now, protocol.Status{Visit: "home", CatalogVersion: "2026.10.4", Queued: 12, OldestUnsentMs: 4_000_000, Devices: []protocol.DeviceStatus{
		{Name: "idcard", State: "hardwareError", Reason: "sam.selftest"}, {Name: "printer", State: "online", Paper: "low", Reason: "paper.low"}, {Name: "evaluator", State: "noDevice", Reason: "port.missing"}}})
	must(t, st.Detach(ctx, "village-7", h.fences["village-7"]))

	l := &logWriter{h: h, key: key.Public(), epoch: epoch}
	for i := range 30 {
		at := now.Add(time.Duration(i-40) * time.Minute)
		a := application(at)
		if i == 0 {
			h.first = a.ID
		}
		if i == 7 {
			a.Answers["reason"] = "sold"
		}
		if i == 0 {
			a.Blobs = []record.BlobRef{{Hash: record.HashBlob(testBlob), Bytes: int64(len(testBlob)), Role: record.BlobCardPhoto, Media: "image/jpeg"},
				{Hash: record.Hash{7}, Bytes: 3000, Role: record.BlobSignature, Media: "application/json"}}
		}
		l.append(a, at.Add(72*time.Second))
		l.append(record.Trace{ID: ulid.Make().String(), Application: a.ID, Steps: []record.Step{
			{At: at.Add(73 * time.Second), Name: "receipt.shown"}, {At: at.Add(78 * time.Second), Name: "receipt.printed", Note: "proof 3/3"}, {At: at.Add(85 * time.Second), Name: "rating.given"}}}, at.Add(90*time.Second))
		if i%4 != 3 {
			l.append(record.Rating{ID: ulid.Make().String(), Application: a.ID, Level: []record.Level{5, 4, 2, 3}[i%4], Source: record.RatingOnEvaluator, At: at.Add(85 * time.Second)}, at.Add(86*time.Second))
		}
	}
	for i, state := range []string{"online", "userError", "online"} {
		at := now.Add(time.Duration(i-9) * time.Minute)
		l.append(record.DeviceEvent{ID: ulid.Make().String(), Device: "printer", Class: "printer", State: state,
			Paper: []string{"full", "out", "full"}[i], Reason: []string{"", "paper.out", ""}[i], Clock: record.Clock{Wall: at}}, at)
	}
	for _, one := range st.PutChunks(ctx, []store.Chunk{
		{Kiosk: "hall-south-1", Hash: record.HashBlob(testBlob), Bytes: int64(len(testBlob)), Data: testBlob},
		{Kiosk: "hall-south-1", Hash: record.Hash{7}, Bytes: 3000, Data: testBlob[:1000]},
	}) {
		must(t, one.Err)
	}
	other, err := record.GenerateKey(nil)
	must(t, err)
	l.key = other.Public()
	l.append(application(now), now)
	p := &projector.Projector{Store: st, Bus: b, Key: key, Catalogs: versions{cat}, Log: log}
	for n := 1; n > 0; {
		n, err = p.Step(ctx)
		must(t, err)
	}
	_, err = st.SaveResult(ctx, store.Result{Application: h.first, State: protocol.ResultNeedsMore, Reason: "请补交一张近照", At: now})
	must(t, err)
	for _, state := range []protocol.CommandState{protocol.CommandDone, protocol.CommandInterrupted, ""} {
		id, err := st.GiveCommand(ctx, store.Command{Kiosk: "hall-south-2", GivenBy: testUser, Command: protocol.Command{
			Name: protocol.CommandReopen, Args: map[string]string{"device": "idcard"}, Expires: now.Add(time.Hour)}}, "192.0.2.7")
		must(t, err)
		if state != "" {
			detail := map[protocol.CommandState]string{protocol.CommandInterrupted: "program ended while it ran"}[state]
			_, err = st.ReportCommand(ctx, "hall-south-2", protocol.Report{Command: id, State: state, Detail: detail})
			must(t, err)
		}
	}
	_, err = st.Attach(ctx, store.Claim{Kiosk: "hall-south-1", Epoch: epoch, First: 1, Last: 2, Clock: time.Now()})
	if err == nil {
		t.Fatal("the restored image was taken")
	}
	h.fences["hall-south-1"]++
	h.say("hall-south-1", now, protocol.Status{Visit: "form", CatalogVersion: "2026.11.1", DiskFreeBytes: 52 << 30, Devices: []protocol.DeviceStatus{
		{Name: "idcard", State: "deviceBusy"}, {Name: "printer", State: "online", Paper: "full"}, {Name: "evaluator", State: "online"}}})
	return h
}

// say stores what a terminal last said, and when.
func (h *hall) say(kiosk string, at time.Time, s protocol.Status) {
	h.t.Helper()
	s.At = at
	for i := range s.Devices {
		s.Devices[i].At = at
	}
	body, err := json.Marshal(s)
	must(h.t, err)
	fenced, err := h.store.SaveConditions(h.t.Context(), []store.Condition{{
		Kiosk: kiosk, Fence: h.fences[kiosk], Seen: at, At: at, Status: body,
		Troubles: s.Troubles, CatalogVersion: s.CatalogVersion}})
	must(h.t, err)
	if len(fenced) > 0 {
		h.t.Fatalf("%s spoke from behind the fence", kiosk)
	}
}

func application(at time.Time) record.Application {
	number, err := record.NewReceiptNumber(at, 1)
	if err != nil {
		panic(err)
	}
	step := func(s int, name string) record.Step {
		return record.Step{At: at.Add(time.Duration(s) * time.Second), Name: name}
	}
	return record.Application{
		ID: ulid.Make().String(), ReceiptNumber: number, Kiosk: "hall-south-1", CatalogVersion: "2026.11.1",
		Item: "social-card-reissue", ItemName: "社会保障卡补领", TaskHandleItem: "11340100MB0000000K234201400300001", Language: "zh",
		Applicant: record.Person{CardType: "resident", Name: testName, Sex: "1", Birth: "19000101", Address: testAddress,
			IDNumber: testNumber, Issuer: "某市公安局测试分局", ValidFrom: "20200101", ValidTo: "长期"},
		Answers: map[string]string{"reason": "lost"},
		Trace: []record.Step{step(0, "item.chosen"), step(9, "consent.given"), step(21, "card.read"),
			step(40, "form.page"), step(58, "form.page"), step(71, "submitted")},
		Clock: record.Clock{Wall: at.Add(71 * time.Second)},
	}
}

// logWriter writes the log of the first terminal.
type logWriter struct {
	h     *hall
	key   record.PublicKey
	epoch record.Epoch
	seq   uint64
	prev  record.Hash
}

func (l *logWriter) append(r record.Record, at time.Time) {
	t := l.h.t
	t.Helper()
	plain, err := json.Marshal(r)
	must(t, err)
	header, err := json.Marshal(r.Header())
	must(t, err)
	l.seq++
	e := record.Entry{Seq: l.seq, Prev: l.prev, AtMs: at.UnixMilli(), Kind: r.Kind(), ID: r.Key(), Header: header}
	e.Key, e.Sealed, err = record.Seal(nil, l.key, plain, record.SealData(record.Origin{Epoch: l.epoch, Seq: l.seq}, e.Kind, e.ID))
	must(t, err)
	e.Hash = e.Sum(l.epoch)
	l.prev = e.Hash
	out, err := l.h.store.Commit(t.Context(), []store.Batch{{Kiosk: "hall-south-1", Fence: l.h.fences["hall-south-1"], Epoch: l.epoch,
		Entries: []record.Entry{e}, Received: at.Add(300 * time.Millisecond)}})
	must(t, err)
	must(t, out[0].Err)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (h *hall) url(path string, args ...any) string { return h.http.URL + fmt.Sprintf(path, args...) }
