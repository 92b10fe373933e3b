package record_test

import (
	"bytes"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"yeban/sync/record"
)

func TestAttachmentOpensAsItWasSealed(t *testing.T) {
	key := newKey(t)
	rapid.Check(t, func(t *rapid.T) {
		content := rapid.SliceOfN(rapid.Byte(), 0, 4000).Draw(t, "content")
		sealed, err := record.SealBlob(nil, key.Public(), content)
		if err != nil {
			t.Fatal(err)
		}
		if len(content) > 20 && bytes.Contains(sealed, content) {
			t.Fatal("stands there in clear")
		}
		got, err := record.OpenBlob(key, sealed)
		if err != nil || !bytes.Equal(got, content) {
			t.Fatalf("%d bytes back, %v", len(got), err)
		}
	})
}

func TestAttachmentThatIsNoneIsRefused(t *testing.T) {
	key := newKey(t)
	sealed, err := record.SealBlob(nil, key.Public(), []byte("content"))
	if err != nil {
		t.Fatal(err)
	}
	with := func(change func([]byte) []byte) []byte { return change(bytes.Clone(sealed)) }
	for name, c := range map[string]struct {
		sealed []byte
		want   error
	}{
		"nothing":         {nil, record.ErrBlob},
		"text":            {[]byte("hello, this is no attachment"), record.ErrBlob},
		"head only":       {sealed[:11], record.ErrBlob},
		"cut in key":      {sealed[:40], record.ErrBlob},
		"cut in nonce":    {sealed[:len(sealed)-30], record.ErrSealed},
		"newer version":   {with(func(b []byte) []byte { b[10]++; return b }), record.ErrVersion},
		"changed end":     {with(func(b []byte) []byte { b[len(b)-1]++; return b }), record.ErrSealed},
		"changed key":     {with(func(b []byte) []byte { b[60]++; return b }), record.ErrSealed},
		"longer key":      {with(func(b []byte) []byte { b[12]++; return b }), record.ErrSealed},
		"something after": {with(func(b []byte) []byte { return append(b, 0) }), record.ErrSealed},
	} {
		if _, err := record.OpenBlob(key, c.sealed); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := record.OpenBlob(newKey(t), sealed); !errors.Is(err, record.ErrSealed) {
		t.Errorf("opens with another key: %v", err)
	}
}

func TestAttachmentOfEverySizeFitsItsLimit(t *testing.T) {
	key := newKey(t)
	sealed, err := record.SealBlob(nil, key.Public(), make([]byte, record.MaxBlobContent))
	if err != nil || len(sealed) > record.MaxBlobBytes {
		t.Errorf("%d bytes, %v", len(sealed), err)
	}
	if _, err := record.SealBlob(nil, key.Public(), make([]byte, record.MaxBlobContent+1)); !errors.Is(err, record.ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
}

func TestUnsealNeedsTheSameAdditionalData(t *testing.T) {
	key := newKey(t)
	wrapped, sealed, err := record.Seal(nil, key.Public(), []byte("34010419000101001X"), []byte("one"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := record.Unseal(key, wrapped, sealed, []byte("one")); err != nil || string(got) != "34010419000101001X" {
		t.Errorf("%q, %v", got, err)
	}
	for name, open := range map[string]func() ([]byte, error){
		"other data": func() ([]byte, error) { return record.Unseal(key, wrapped, sealed, []byte("two")) },
		"no key":     func() ([]byte, error) { return record.Unseal(key, nil, sealed, []byte("one")) },
		"cut":        func() ([]byte, error) { return record.Unseal(key, wrapped, sealed[:7], []byte("one")) },
	} {
		if _, err := open(); !errors.Is(err, record.ErrSealed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzOpenBlob(f *testing.F) {
	key, err := record.GenerateKey(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte("yeban blob\x01\x00\x01k"))
	f.Fuzz(func(t *testing.T, sealed []byte) {
		if _, err := record.OpenBlob(key, sealed); err == nil {
			t.Error("opened what nobody sealed")
		}
	})
}
