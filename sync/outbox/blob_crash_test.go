package outbox_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"yeban/sync/outbox"
	"yeban/sync/record"
)

// handInUntilKilled says each application's id once it and its attachments are promised.
func handInUntilKilled(dir string) {
	fail := func(err error) {
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
	}
	o, err := outbox.Open(outbox.Config{Dir: dir, Platform: platform().Public()})
	fail(err)
	fmt.Println("ready")
	ctx := context.Background()
	for i := 0; ; i++ {
		a := record.Application{ID: ulid.Make().String()}
		a.ReceiptNumber, err = record.NewReceiptNumber(time.Unix(1_000_000_000+rand.Int64N(3_000_000_000), 0), 1)
		fail(err)
		for n := range 1 + i%2 {
			ref, err := o.PutBlob(ctx, record.BlobDocument, "text/plain", fmt.Appendf(nil, "%s %d", a.ID, n))
			fail(err)
			fmt.Println("blob", ref.Hash)
			a.Blobs = append(a.Blobs, ref)
		}
		_, err := o.Append(ctx, a)
		fail(err)
		fmt.Println("id", a.ID)
		if ref, ok := o.NextBlob(none); ok && i%3 == 0 {
			fail(o.BlobDelivered(ref.Hash))
			fmt.Println("delivered", ref.Hash)
		}
	}
}

func TestPromisedAttachmentsSurviveKill(t *testing.T) {
	dir := t.TempDir()
	rounds := 6
	if testing.Short() {
		rounds = 4
	}
	promised, delivered := map[string]bool{}, map[string]bool{}
	note := func(line string) {
		word, what, _ := strings.Cut(line, " ")
		switch {
		case word == "error":
			t.Fatal(line)
		case word == "id" && len(what) == ulid.EncodedSize:
			promised[what] = true
		case word == "delivered" && len(what) == 64:
			delivered[what] = true
		}
	}
	for range rounds {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), crashDir+"="+dir, crashBlobs+"=1")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for range 2 + rand.IntN(30) { // "ready" and at least one more
			if lines.Scan() {
				note(lines.Text())
			}
		}
		time.Sleep(time.Duration(rand.IntN(3000)) * time.Microsecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() {
			note(lines.Text())
		}
		cmd.Wait()
	}
	o := open(t, outbox.Config{Dir: dir, Platform: platform().Public()})
	if o.SetAside() != nil {
		t.Fatal(o.SetAside())
	}
	held := map[string]bool{}
	for _, e := range all(t, o) {
		held[e.ID] = true
		var h record.Header
		if err := json.Unmarshal(e.Header, &h); err != nil || len(h.Blobs) == 0 {
			t.Fatalf("header of %d: %v", e.Seq, err)
		}
		for _, ref := range h.Blobs {
			f, err := o.OpenBlob(ref.Hash)
			if err != nil {
				t.Errorf("attachment of %s: %v", e.ID, err)
				continue
			}
			f.Close()
		}
	}
	for id := range promised {
		if !held[id] {
			t.Errorf("%s is lost", id)
		}
	}
	for _, ref := range pending(o) {
		if delivered[ref.Hash.String()] {
			t.Errorf("%s was delivered", ref.Hash)
		}
	}
	t.Logf("%d kills, %d promised, %d held, %+v", rounds, len(promised), len(held), o.Blobs())
}
