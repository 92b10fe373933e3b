package record_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"yeban/sync/record"
)

// application is of an invented person.
func application() record.Application {
	at := time.Date(2026, 11, 22, 3, 4, 5, 0, time.UTC)
	return record.Application{
		ID:            "01JDABCDEFGHJKMNPQRSTVWXYZ",
		ReceiptNumber: "261122-110405-000428",
		Item:          "card-renewal",
		ItemName:      "社会保障卡补领",
		Applicant: record.Person{
			CardType: "resident", Name: "测某某", Sex: "1", Birth: "19000101",
			Address: "安徽省合肥市某路1号", IDNumber: "34010419000101001X",
		},
		Answers: map[string]string{"reason": "测试遗失"},
		Clock:   record.Clock{Wall: at, MonoMs: 5, BootID: "b"},
	}
}

func entryOf(t *testing.T, key *record.PrivateKey, epoch record.Epoch, r record.Record) record.Entry {
	t.Helper()
	plaintext, err := record.Encode(r)
	if err != nil {
		t.Fatal(err)
	}
	header, err := json.Marshal(r.Header())
	if err != nil {
		t.Fatal(err)
	}
	e := record.Entry{Seq: 7, AtMs: 9, Kind: r.Kind(), ID: r.Key(), Header: header}
	aad := record.SealData(record.Origin{Epoch: epoch, Seq: e.Seq}, e.Kind, e.ID)
	if e.Key, e.Sealed, err = record.Seal(nil, key.Public(), plaintext, aad); err != nil {
		t.Fatal(err)
	}
	e.Hash = e.Sum(epoch)
	return e
}

func newKey(t *testing.T) *record.PrivateKey {
	t.Helper()
	key, err := record.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestPersonNeverPrints(t *testing.T) {
	a := application()
	secrets := []string{a.Applicant.Name, a.Applicant.IDNumber, a.Applicant.Address, "测试遗失", "19000101"}
	var texts []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%T%v"} {
		for _, arg := range []any{a, &a, a.Applicant, &a.Applicant, []record.Person{a.Applicant}, map[string]any{"p": a}} {
			texts = append(texts, fmt.Sprintf(verb, arg))
		}
	}
	var log bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(h).Info("x", "a", a, "pa", &a, "p", a.Applicant, "pp", &a.Applicant)
	}
	texts = append(texts, log.String(), fmt.Errorf("wrapped %v", a.Applicant).Error())
	for _, text := range texts {
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%q leaks %q", text, secret)
			}
		}
	}
	whole, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	var back record.Application
	if err := json.Unmarshal(whole, &back); err != nil || back.Applicant != a.Applicant {
		t.Errorf("JSON does not stay whole: %v", err)
	}
}

func TestHeaderHoldsNothingPersonal(t *testing.T) {
	a := application()
	header, err := json.Marshal(a.Header())
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(header, []byte(a.Applicant.IDNumber)) || bytes.Contains(header, []byte(a.Applicant.Name)) {
		t.Errorf("header %s", header)
	}
}

// Hubs keep headers as the bytes that were hashed: what an older terminal wrote must
// stay what this one writes.
func TestHeaderWithoutAttachmentsIsWrittenAsBefore(t *testing.T) {
	for want, r := range map[string]record.Record{
		`{"application":"01JDABCDEFGHJKMNPQRSTVWXYZ","receiptNumber":"261122-110405-000428","item":"card-renewal","itemName":"社会保障卡补领","at":"2026-11-22T03:04:05Z"}`: application(),
		`{"application":"a","at":"0001-01-01T00:00:00Z"}`: record.Rating{ID: "r", Application: "a"},
		`{"application":"","at":"2026-11-22T03:04:05Z"}`:  record.DeviceEvent{ID: "d", Device: "printer", Clock: application().Clock},
	} {
		if got, err := json.Marshal(r.Header()); err != nil || string(got) != want {
			t.Errorf("header %s, want %s, %v", got, want, err)
		}
	}
}

func TestHeaderNamesAttachments(t *testing.T) {
	a := application()
	a.Blobs = []record.BlobRef{{Hash: record.Hash{1}, Bytes: 9, Role: record.BlobCardPhoto, Media: "image/x-wlt"}}
	text, err := json.Marshal(a.Header())
	if err != nil {
		t.Fatal(err)
	}
	var h record.Header
	if err := json.Unmarshal(text, &h); err != nil || len(h.Blobs) != 1 || h.Blobs[0] != a.Blobs[0] {
		t.Errorf("%s: %v", text, err)
	}
}

// The digest is part of the contract with hubs: it may never change.
func TestSumIsTheDocumentedLayout(t *testing.T) {
	e := record.Entry{Seq: 1, AtMs: -2, Kind: "rating", ID: "id", Header: []byte("{}"), Key: []byte{1}, Sealed: []byte{2, 3}}
	const want = "9b7f4cd22a6a2c83656a884d5bf19981ec5a573ebf5db11627fba3d672c816d2"
	if got := e.Sum(record.Epoch{15: 1}).String(); got != want {
		t.Errorf("sum %s, want %s", got, want)
	}
}

func TestEveryFieldIsInTheHash(t *testing.T) {
	epoch := record.Epoch{1}
	base := record.Entry{Seq: 1, AtMs: 2, Kind: "k", ID: "i", Header: []byte("h"), Key: []byte("e"), Sealed: []byte("s")}
	changes := map[string]func(*record.Entry){
		"seq":      func(e *record.Entry) { e.Seq++ },
		"prev":     func(e *record.Entry) { e.Prev[3]++ },
		"at":       func(e *record.Entry) { e.AtMs++ },
		"kind":     func(e *record.Entry) { e.Kind += "x" },
		"id":       func(e *record.Entry) { e.ID += "x" },
		"header":   func(e *record.Entry) { e.Header = []byte("x") },
		"key":      func(e *record.Entry) { e.Key = nil },
		"sealed":   func(e *record.Entry) { e.Sealed = append([]byte("x"), e.Sealed...) },
		"boundary": func(e *record.Entry) { e.Kind, e.ID = "ki", "" },
	}
	sum := base.Sum(epoch)
	for name, change := range changes {
		e := base
		change(&e)
		if e.Sum(epoch) == sum {
			t.Errorf("%s can change unseen", name)
		}
	}
	if base.Sum(record.Epoch{2}) == sum {
		t.Error("epoch can change unseen")
	}
}

func TestEntrySurvivesTheWire(t *testing.T) {
	key, epoch := newKey(t), record.Epoch{1, 2}
	e := entryOf(t, key, epoch, application())
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	if len(text) > e.WireSize() {
		t.Errorf("wire size %d said, %d taken", e.WireSize(), len(text))
	}
	var back record.Entry
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if back.Sum(epoch) != e.Hash || back.Hash != e.Hash {
		t.Error("hash differs after the wire")
	}
	if err := back.Follows(epoch, 6, record.Hash{}); err != nil {
		t.Error(err)
	}
	back.Sealed[3]++
	if err := back.Follows(epoch, 6, record.Hash{}); !errors.Is(err, record.ErrChain) {
		t.Errorf("tampered entry: %v", err)
	}
}

func TestHashTextIsStrict(t *testing.T) {
	for _, text := range []string{`""`, `"ab"`, `"` + strings.Repeat("g", 64) + `"`, `"` + strings.Repeat("a", 65) + `"`, `5`} {
		var h record.Hash
		if json.Unmarshal([]byte(text), &h) == nil {
			t.Errorf("%s accepted", text)
		}
	}
}

func TestSealOpensOnlyAtItsPlace(t *testing.T) {
	key, epoch := newKey(t), record.Epoch{1}
	for _, r := range []record.Record{
		application(),
		record.Rating{ID: "r", Application: "a", Level: record.Satisfied},
		&record.Trace{ID: "t", Application: "a", Steps: []record.Step{{Name: "receipt.printed"}}},
		record.DeviceEvent{ID: "d", Device: "printer", Class: "printer", State: "offline", Clock: record.Clock{Wall: time.Unix(5, 0).UTC()}},
	} {
		e := entryOf(t, key, epoch, r)
		plaintext, err := record.Open(key, &e, epoch)
		if err != nil {
			t.Fatal(err)
		}
		got, err := record.Decode(&e, plaintext)
		if err != nil {
			t.Fatal(err)
		}
		if got.Kind() != r.Kind() || !reflect.DeepEqual(got.Header(), r.Header()) {
			t.Errorf("got %v back", got)
		}
	}
	e := entryOf(t, key, epoch, application())
	wrong := map[string]func() ([]byte, error){
		"epoch":     func() ([]byte, error) { return record.Open(key, &e, record.Epoch{2}) },
		"seq":       func() ([]byte, error) { x := e; x.Seq++; return record.Open(key, &x, epoch) },
		"kind":      func() ([]byte, error) { x := e; x.Kind = record.KindTrace; return record.Open(key, &x, epoch) },
		"id":        func() ([]byte, error) { x := e; x.ID = "other"; return record.Open(key, &x, epoch) },
		"other key": func() ([]byte, error) { return record.Open(newKey(t), &e, epoch) },
		"cut":       func() ([]byte, error) { x := e; x.Sealed = x.Sealed[:5]; return record.Open(key, &x, epoch) },
		"no key":    func() ([]byte, error) { x := e; x.Key = nil; return record.Open(key, &x, epoch) },
	}
	for name, open := range wrong {
		if _, err := open(); !errors.Is(err, record.ErrSealed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCarriedEntryOpensByItsOrigin(t *testing.T) {
	key, from := newKey(t), record.Epoch{1}
	e := entryOf(t, key, from, application())
	h := application().Header()
	h.Origin = &record.Origin{Epoch: from, Seq: e.Seq}
	e.Header, _ = json.Marshal(h)
	e.Seq = 1
	if _, err := record.Open(key, &e, record.Epoch{9}); err != nil {
		t.Error(err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	e := &record.Entry{Seq: 1, Kind: record.KindRating, ID: "r"}
	for _, c := range []struct {
		name, text string
		kind       record.Kind
		want       error
	}{
		{"unknown field", `{"id":"r","mood":"x"}`, "", record.ErrVersion},
		{"unknown kind", `{"id":"r"}`, "hologram", record.ErrVersion},
		{"other id", `{"id":"q"}`, "", record.ErrMalformed},
		{"no JSON", `{"id":`, "", record.ErrMalformed},
		{"wrong type", `{"id":"r","level":"34010419000101001X"}`, "", record.ErrMalformed},
		{"two values", `{"id":"r"}{}`, "", record.ErrMalformed},
		{"too large", strings.Repeat(" ", record.MaxPlaintext+1), "", record.ErrTooLarge},
	} {
		x := *e
		if c.kind != "" {
			x.Kind = c.kind
		}
		_, err := record.Decode(&x, []byte(c.text))
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		} else if strings.Contains(err.Error(), "3401") {
			t.Errorf("%s: error quotes the record: %v", c.name, err)
		}
	}
}

func TestKeysSurvivePEM(t *testing.T) {
	key := newKey(t)
	private, err := key.MarshalPEM()
	if err != nil {
		t.Fatal(err)
	}
	public, err := key.Public().MarshalPEM()
	if err != nil {
		t.Fatal(err)
	}
	again, err := record.ParsePrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	pub, err := record.ParsePublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	if pub.Fingerprint() != again.Public().Fingerprint() || len(pub.Fingerprint()) != 16 {
		t.Error("fingerprints differ")
	}
	if _, err := record.ParsePublicKey(private); err == nil {
		t.Error("private key taken for a public one")
	}
	if _, err := record.ParsePrivateKey(public[:40]); err == nil {
		t.Error("rubbish taken for a key")
	}
	if text := fmt.Sprintf("%v %+v %#v %x", key, key, key, key); strings.ContainsAny(text, "0123456789") {
		t.Errorf("private key prints as %s", text)
	}
	if _, _, err := record.Seal(nil, record.PublicKey{}, nil, nil); err == nil {
		t.Error("sealed to no key")
	}
}

func TestReceiptNumber(t *testing.T) {
	at := time.Date(2026, 11, 21, 16, 4, 5, 0, time.UTC) // past midnight in China
	got, err := record.NewReceiptNumber(at, 42)
	if err != nil || !strings.HasPrefix(got, "261122-000405-00042") {
		t.Fatalf("%q %v", got, err)
	}
	for _, kiosk := range []int{0, -1, 100000} {
		if _, err := record.NewReceiptNumber(at, kiosk); err == nil {
			t.Errorf("kiosk %d accepted", kiosk)
		}
	}
	if _, err := record.NewReceiptNumber(time.Unix(0, 0), 1); err == nil {
		t.Error("1970 accepted")
	}
	for _, bad := range []string{"", got[:19], got + "1", strings.ReplaceAll(got, "-", "0"), "269922-000405-000420", "261122-000405-００"} {
		if record.CheckReceiptNumber(bad) == nil {
			t.Errorf("%q accepted", bad)
		}
	}
}

func TestEverySingleWrongDigitIsCaught(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(rapid.Int64Range(946684800, 4070900000).Draw(t, "at"), 0)
		number, err := record.NewReceiptNumber(at, rapid.IntRange(1, record.MaxKioskNumber).Draw(t, "kiosk"))
		if err != nil {
			t.Fatal(err)
		}
		if err := record.CheckReceiptNumber(number); err != nil {
			t.Fatalf("%s: %v", number, err)
		}
		wrong := []byte(number)
		i := rapid.IntRange(0, len(wrong)-1).Filter(func(i int) bool { return wrong[i] != '-' }).Draw(t, "place")
		wrong[i] = '0' + (wrong[i]-'0'+byte(rapid.IntRange(1, 9).Draw(t, "shift")))%10
		if record.CheckReceiptNumber(string(wrong)) == nil {
			t.Fatalf("%s passes for %s", wrong, number)
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"id":"r","level":4}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		e := &record.Entry{Seq: 1, Kind: record.KindRating, ID: "r"}
		if r, err := record.Decode(e, text); err == nil && r.Key() != e.ID {
			t.Error("took another id")
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	key, err := record.GenerateKey(nil)
	if err != nil {
		b.Fatal(err)
	}
	plaintext := make([]byte, 4<<10)
	b.SetBytes(int64(len(plaintext)))
	for b.Loop() {
		if _, _, err := record.Seal(nil, key.Public(), plaintext, nil); err != nil {
			b.Fatal(err)
		}
	}
}
