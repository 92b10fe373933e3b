package settings

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

type config struct {
	Name string        `yaml:"name" help:"what it is called"`
	Wait time.Duration `yaml:"wait" help:"how long"`
	Port struct {
		Baud int `yaml:"baud" help:"bits a second"`
	} `yaml:"port"`
}

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadKeepsDefaults(t *testing.T) {
	c := config{Name: "hall", Wait: time.Minute}
	if err := Read(file(t, "wait: 5s\nport: {baud: 9600}\n"), &c); err != nil {
		t.Fatal(err)
	}
	if c.Name != "hall" || c.Wait != 5*time.Second || c.Port.Baud != 9600 {
		t.Errorf("read %+v", c)
	}
}

func TestReadRefuses(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"unknown key":    {"name: a\nnmae: b\n", "line 2: unknown key nmae"},
		"unknown nested": {"port:\n  speed: 1\n", "line 2"},
		"wrong kind":     {"port:\n  baud: fast\n", "line 2"},
		"not yaml":       {"name: [\n", "line"},
		"too large":      {"name: " + strings.Repeat("x", maxBytes), "larger"},
	} {
		t.Run(name, func(t *testing.T) {
			var c config
			err := Read(file(t, tc.text), &c)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Read = %v, want %q in it", err, tc.want)
			}
		})
	}
	if err := Read(filepath.Join(t.TempDir(), "none"), &config{}); !os.IsNotExist(err) && err == nil {
		t.Error("a missing file is no error")
	}
}

func TestEmptyFileIsAllDefaults(t *testing.T) {
	c := config{Name: "hall"}
	if err := Read(file(t, "# nothing\n"), &c); err != nil || c.Name != "hall" {
		t.Errorf("Read = %v, %+v", err, c)
	}
}

func TestTableNamesEverySetting(t *testing.T) {
	var b bytes.Buffer
	Table(&b, &config{Name: "hall", Wait: time.Minute})
	for _, want := range []string{"name", "hall", "wait", "1m0s", "port.baud", "bits a second"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("table lacks %q:\n%s", want, b.String())
		}
	}
}
