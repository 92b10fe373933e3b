package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"yeban/build/stage"
	"yeban/devices/simulator"
)

// TestNothingOfTheCitizenStaysInMemory searches the whole memory of the kiosk's process
// before and after a visit has ended. The search during the visit is the control.
func TestNothingOfTheCitizenStaysInMemory(t *testing.T) {
	h := newHall(t, nil)
	h.start(h.StartHub, h.StartBench, h.StartKiosk)
	card, err := simulator.CardByKey(visit.Card)
	if err != nil {
		t.Fatal(err)
	}
	secrets := map[string]string{"id number": card.IDNumber, "address": card.Address, "phone": stage.Phone}
	h.must(h.citizen.Submit(h.ctx, h.Control, visit))
	if found := search(t, h.Kiosk.PID(), secrets); len(found) == 0 {
		t.Fatal("the search finds nothing during the visit: it proves nothing")
	}
	h.must(h.Printed(h.ctx, 1))
	h.must(h.citizen.Finish(h.ctx, h.Control, visit))
	begin := time.Now()
	for {
		found := search(t, h.Kiosk.PID(), secrets)
		if len(found) == 0 {
			t.Logf("gone %v after the home screen", time.Since(begin).Round(time.Millisecond))
			return
		}
		select {
		case <-h.ctx.Done():
			t.Fatalf("still in memory %v after the visit: %v", time.Since(begin).Round(time.Second), found)
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// search reads every writable mapping of a process and says which secrets are there, in
// UTF-8 or as the card has them.
func search(t *testing.T, pid int, secrets map[string]string) []string {
	t.Helper()
	maps, err := os.Open(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer maps.Close()
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	var found []string
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		var from, to int64
		var mode string
		if _, err := fmt.Sscanf(lines.Text(), "%x-%x %s", &from, &to, &mode); err != nil || !strings.HasPrefix(mode, "rw") || to-from > 1<<30 {
			continue
		}
		raw := make([]byte, to-from)
		n, _ := mem.ReadAt(raw, from)
		for name, secret := range secrets {
			if bytes.Contains(raw[:n], []byte(secret)) {
				found = append(found, name)
			}
			if bytes.Contains(raw[:n], utf16le(secret)) {
				found = append(found, name+" (UTF-16)")
			}
		}
	}
	return found
}

func utf16le(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return b
}
