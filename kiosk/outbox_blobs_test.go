package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"yeban/sync/outbox"
	"yeban/sync/record"
)

// withAttachments gives a data folder whose records list three attachments, of which the
// hub has the first.
func withAttachments(t *testing.T) (dir string, refs []record.BlobRef) {
	t.Helper()
	dir = t.TempDir()
	o, err := outbox.Open(outbox.Config{Dir: dir, Platform: platformKey(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	for i := range 3 {
		ref, err := o.PutBlob(t.Context(), "photo", "image/jpeg", bytes.Repeat([]byte{byte(i)}, 1000))
		if err != nil {
			t.Fatal(err)
		}
		refs = append(refs, ref)
	}
	number, err := record.NewReceiptNumber(time.Now(), 17)
	if err != nil {
		t.Fatal(err)
	}
	a := record.Application{ID: ulid.Make().String(), ReceiptNumber: number, Blobs: refs}
	if _, err := o.Append(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if err := o.BlobDelivered(refs[0].Hash); err != nil {
		t.Fatal(err)
	}
	return dir, refs
}

func TestOutboxVerbsShowAttachments(t *testing.T) {
	dir, refs := withAttachments(t)
	total := int64(0)
	for _, r := range refs {
		total += r.Bytes
	}
	want := fmt.Sprintf("attachments  3, %d bytes: 1 sent, 2 held\n", total)
	for _, verb := range []string{"status", "verify"} {
		if code, out, errs := call(t, "", "outbox", verb, dir); code != 0 || !strings.Contains(out, want) {
			t.Errorf("%s: exit %d: %s%s", verb, code, out, errs)
		}
		var got struct {
			Last        uint64
			Attachments outbox.BlobReport
		}
		code, out, _ := call(t, "", "outbox", verb, "--json", dir)
		if err := json.Unmarshal([]byte(out), &got); code != 0 || err != nil || got.Last != 1 || got.Attachments.Held != 2 || got.Attachments.Proved != (verb == "verify") {
			t.Errorf("%s: exit %d, %v: %s", verb, code, err, out)
		}
	}
	if _, out, _ := call(t, "", "outbox", "status", filepath.Dir(emptyOutbox(t))); !strings.Contains(out, "attachments  0, 0 bytes") {
		t.Errorf("of none: %s", out)
	}
}

// emptyOutbox gives the file of an outbox without attachments' folder.
func emptyOutbox(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	o, err := outbox.Open(outbox.Config{Dir: dir, Platform: platformKey(t)})
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "blobs")); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "outbox.db")
}

func TestOutboxVerifyFindsBadAttachments(t *testing.T) {
	for name, harm := range map[string]func(file string) error{
		"missing":  os.Remove,
		"cut":      func(file string) error { return os.Truncate(file, 10) },
		"a folder": func(file string) error { os.Remove(file); return os.Mkdir(file, 0o700) },
		"one bit": func(file string) error {
			raw, err := os.ReadFile(file)
			if err == nil {
				raw[len(raw)/2] ^= 1
				err = os.WriteFile(file, raw, 0o600)
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, refs := withAttachments(t)
			before, err := os.ReadDir(filepath.Join(dir, "blobs"))
			if err != nil || len(before) != 3 {
				t.Fatal(before, err)
			}
			if err := harm(filepath.Join(dir, "blobs", refs[1].Hash.String())); err != nil {
				t.Fatal(err)
			}
			loose := filepath.Join(dir, "blobs", strings.Repeat("ab", 32))
			if err := os.WriteFile(loose, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			code, out, errs := call(t, "", "outbox", "verify", dir)
			if code != 1 || !strings.Contains(errs, "1 of 3 attachments") || !strings.Contains(out, refs[1].Hash.String()) || !strings.Contains(out, "lists 1 files") {
				t.Errorf("exit %d: %s%s", code, out, errs)
			}
			if code, _, _ := call(t, "", "outbox", "status", dir); code != 0 {
				t.Errorf("status: exit %d", code)
			}
			if _, err := os.Stat(loose); err != nil {
				t.Error("who only looks has removed something:", err)
			}
		})
	}
}
