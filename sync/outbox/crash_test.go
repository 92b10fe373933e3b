package outbox_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"yeban/sync/outbox"
)

const (
	crashDir   = "YEBAN_TEST_CRASH_DIR"
	crashBlobs = "YEBAN_TEST_CRASH_BLOBS"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		if os.Getenv(crashBlobs) != "" {
			handInUntilKilled(dir)
		} else {
			appendUntilKilled(dir)
		}
		return
	}
	os.Exit(m.Run())
}

// appendUntilKilled says each id on its standard output once Append has promised it.
func appendUntilKilled(dir string) {
	o, err := outbox.Open(outbox.Config{Dir: dir, Platform: platform().Public()})
	if err != nil {
		fmt.Println("open", err)
		os.Exit(1)
	}
	if aside := o.SetAside(); aside != nil {
		fmt.Println("open", aside)
		os.Exit(1)
	}
	fmt.Println("ready")
	for i := 0; ; i++ {
		id := ulid.Make().String()
		if _, err := o.Append(context.Background(), rating(id)); err != nil {
			fmt.Println("append", err)
			os.Exit(1)
		}
		fmt.Println("id", id)
		if i%10 == 9 {
			epoch, _, last := o.Position()
			if err := o.Acked(epoch, last-3); err != nil {
				fmt.Println("acked", err)
				os.Exit(1)
			}
		}
	}
}

func TestPromisedRecordsSurviveKill(t *testing.T) {
	dir := t.TempDir()
	rounds := 12
	if testing.Short() {
		rounds = 4
	}
	var promised []string
	for range rounds {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), crashDir+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		if !lines.Scan() || lines.Text() != "ready" {
			cmd.Process.Kill()
			cmd.Wait()
			t.Fatalf("helper says %q", lines.Text())
		}
		// By count and by time: anywhere inside an append.
		for range rand.IntN(30) {
			if !lines.Scan() {
				break
			}
			promised = append(promised, strings.TrimPrefix(lines.Text(), "id "))
		}
		time.Sleep(time.Duration(rand.IntN(3000)) * time.Microsecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() {
			if id, whole := strings.CutPrefix(lines.Text(), "id "); whole && len(id) == ulid.EncodedSize {
				promised = append(promised, id)
			}
		}
		cmd.Wait()
	}
	o := open(t, config(dir, newClock()))
	if o.SetAside() != nil {
		t.Fatal(o.SetAside())
	}
	held := map[string]int{}
	for _, e := range all(t, o) {
		held[e.ID]++
	}
	for _, id := range promised {
		if held[id] != 1 {
			t.Errorf("%s is there %d times", id, held[id])
		}
	}
	t.Logf("%d kills, %d promised, %d held", rounds, len(promised), len(held))
}
