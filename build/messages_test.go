package build

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"yeban/assets/messages"
)

// TestScreensAskForSentencesThatExist finds every literal key in the kiosk's screens.
func TestScreensAskForSentencesThatExist(t *testing.T) {
	book, err := messages.Load()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../kiosk/screen/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no screens: %v", err)
	}
	call := regexp.MustCompile(`say\("([a-z_.0-9]+)"[,)]`)
	keys := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range call.FindAllStringSubmatch(string(raw), -1) {
			keys++
			if !book.Has("zh", m[1]) {
				t.Errorf("%s asks for %q", file, m[1])
			}
		}
	}
	if keys < 30 {
		t.Errorf("only %d keys found: the pattern no longer fits the code", keys)
	}
}
