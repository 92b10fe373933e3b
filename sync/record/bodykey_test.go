package record_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/iotest"

	"yeban/sync/record"
)

func TestBodyKeySealsOnce(t *testing.T) {
	private, err := record.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	k, err := record.NewBodyKey(nil, private.Public())
	if err != nil {
		t.Fatal(err)
	}
	epoch := record.Epoch{1}
	aad := record.SealData(record.Origin{Epoch: epoch, Seq: 7}, record.KindTrace, "id")
	key, sealed, err := k.Seal([]byte("body"), aad)
	if err != nil {
		t.Fatal(err)
	}
	e := record.Entry{Seq: 7, Kind: record.KindTrace, ID: "id", Header: []byte("{}"), Key: key, Sealed: sealed}
	if got, err := record.Open(private, &e, epoch); err != nil || string(got) != "body" {
		t.Errorf("%q, %v", got, err)
	}
	if _, _, err := k.Seal([]byte("other"), aad); err == nil {
		t.Error("one key sealed two bodies")
	}
}

func TestForgottenBodyKeySealsNothing(t *testing.T) {
	private, err := record.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	k, err := record.NewBodyKey(nil, private.Public())
	if err != nil {
		t.Fatal(err)
	}
	k.Forget()
	if _, _, err := k.Seal([]byte("body"), nil); err == nil {
		t.Error("sealed under a key of zeros")
	}
}

// TestBodyKeyIsNotPrinted draws a key that is known, and looks for it.
func TestBodyKeyIsNotPrinted(t *testing.T) {
	private, err := record.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	known := bytes.Repeat([]byte{0x5a}, 28)
	k, err := record.NewBodyKey(io.MultiReader(bytes.NewReader(known), endless{}), private.Public())
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		if got := fmt.Sprintf(verb, k); got != "«body key»" {
			t.Errorf("%s gives %q", verb, got)
		}
	}
}

func TestBodyKeyNeedsRandomness(t *testing.T) {
	private, err := record.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	dry := errors.New("dry")
	if _, err := record.NewBodyKey(iotest.ErrReader(dry), private.Public()); !errors.Is(err, dry) {
		t.Error(err)
	}
	if _, err := record.NewBodyKey(nil, record.PublicKey{}); err == nil {
		t.Error("sealed to nobody")
	}
}

// endless is a source for what SM2 draws, not random at all.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(i + 1)
	}
	return len(p), nil
}
