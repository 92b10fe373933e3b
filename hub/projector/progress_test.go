package projector

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"yeban/hub/store"
	"yeban/sync/protocol"
	"yeban/sync/record"
)

func (r *rig) desk() *Desk {
	r.t.Helper()
	tagger, err := NewTagger(r.key)
	if err != nil {
		r.t.Fatal(err)
	}
	return &Desk{Store: r.store, Key: r.key, Tagger: tagger}
}

func question(t *testing.T, pub record.PublicKey, number, aad string) *protocol.Progress {
	t.Helper()
	key, sealed, err := record.Seal(nil, pub, []byte(number), []byte(aad))
	if err != nil {
		t.Fatal(err)
	}
	return &protocol.Progress{Key: key, Sealed: sealed}
}

func TestAPersonSeesTheirOwnApplications(t *testing.T) {
	r := newRig(t)
	first, second, other := application(), application(), application()
	other.Applicant.IDNumber = "340104190001010028"
	for _, a := range []record.Application{first, other, second} {
		r.append(a, r.key.Public(), nil)
	}
	r.drain()
	said := time.UnixMilli(1_790_000_000_000)
	if _, err := r.store.SaveResult(t.Context(), store.Result{Application: first.ID, State: protocol.ResultNeedsMore, Reason: "请补一张照片", At: said}); err != nil {
		t.Fatal(err)
	}
	desk := r.desk()
	list, err := desk.Progress(t.Context(), question(t, r.key.Public(), " 34010419000101001x", protocol.ProgressSeal))
	if err != nil || len(list.Applications) != 2 {
		t.Fatalf("%d applications, %v", len(list.Applications), err)
	}
	newest, oldest := list.Applications[0], list.Applications[1]
	if newest.ReceiptNumber != second.ReceiptNumber || newest.State != protocol.ResultReceived || newest.At.IsZero() || newest.ItemName != second.ItemName {
		t.Errorf("newest %v in %s at %v", newest, newest.State, newest.At)
	}
	if oldest.State != protocol.ResultNeedsMore || oldest.Reason != "请补一张照片" || !oldest.At.Equal(said) {
		t.Errorf("oldest %v in %s at %v", oldest, oldest.State, oldest.At)
	}
	if list, err := desk.Progress(t.Context(), question(t, r.key.Public(), "", protocol.ProgressSeal)); err != nil || len(list.Applications) != 0 {
		t.Errorf("nobody has %d applications, %v", len(list.Applications), err)
	}
	stranger, err := record.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, q := range map[string]*protocol.Progress{
		"to another platform": question(t, stranger.Public(), first.Applicant.IDNumber, protocol.ProgressSeal),
		"for another purpose": question(t, r.key.Public(), first.Applicant.IDNumber, "yeban.v1 OTHER"),
		"nonsense":            {Key: []byte("k"), Sealed: []byte("s")},
	} {
		if _, err := desk.Progress(t.Context(), q); !errors.Is(err, record.ErrSealed) || strings.Contains(fmt.Sprint(err), first.Applicant.IDNumber) {
			t.Errorf("sealed %s: %v", name, err)
		}
	}
}

func TestTagsFollowFromTheKeyAlone(t *testing.T) {
	key, err := record.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := key.MarshalPEM()
	if err != nil {
		t.Fatal(err)
	}
	again, err := record.ParsePrivateKey(text)
	if err != nil {
		t.Fatal(err)
	}
	other, err := record.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	tag := func(k *record.PrivateKey) string {
		tagger, err := NewTagger(k)
		if err != nil {
			t.Fatal(err)
		}
		if tagger.Tag("  ") != "" || fmt.Sprintf("%+v", tagger) != "«tagger»" {
			t.Error("a tagger tells what it should not")
		}
		return tagger.Tag("34010419000101001X")
	}
	if tag(key) != tag(again) || len(tag(key)) != 64 {
		t.Error("the same key after a restart gives other tags")
	}
	if tag(key) == tag(other) {
		t.Error("another platform gives the same tags")
	}
}

func TestOlderApplicationsAreTaggedLater(t *testing.T) {
	r := newRig(t)
	a := application()
	r.append(a, r.key.Public(), nil)
	committed, err := r.store.After(t.Context(), 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	gone := committed[0]
	gone.Pos = 2 // whose entry is not there any more
	for i, p := range []store.Projection{
		{Entry: committed[0], Application: &store.Application{ID: a.ID, ReceiptNumber: a.ReceiptNumber}},
		{Entry: gone, Application: &store.Application{ID: "01GONE"}},
	} {
		if err := r.store.Project(t.Context(), follower, int64(i), []store.Projection{p}); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := r.p.retag(t.Context()); err != nil || n != 1 {
		t.Fatalf("tagged %d, %v", n, err)
	}
	list, err := r.desk().Progress(t.Context(), question(t, r.key.Public(), a.Applicant.IDNumber, protocol.ProgressSeal))
	if err != nil || len(list.Applications) != 1 || list.Applications[0].ReceiptNumber != a.ReceiptNumber {
		t.Errorf("%d applications, %v", len(list.Applications), err)
	}
	if n, err := r.p.retag(t.Context()); err != nil || n != 0 {
		t.Errorf("tagged %d more, %v", n, err)
	}
}

func TestDeviceEventsAreProjected(t *testing.T) {
	r := newRig(t)
	at := time.UnixMilli(1_790_000_000_000)
	for _, state := range []string{"online", "userError"} {
		r.append(record.DeviceEvent{ID: ulid.Make().String(), Device: "printer", Class: "printer", State: state, Paper: "out",
			Reason: "paper.out", Clock: record.Clock{Wall: at}}, r.key.Public(), nil)
	}
	r.drain()
	got, err := r.store.DeviceEvents(t.Context(), "hall-1", 20)
	if err != nil || len(got) != 2 || got[0].State != "userError" || got[0].Paper != "out" || !got[0].Happened.Equal(at) {
		t.Errorf("events %+v, %v", got, err)
	}
	if parked, err := r.store.ParkedRecords(t.Context(), 10); err != nil || len(parked) != 0 {
		t.Errorf("parked %+v, %v", parked, err)
	}
}
