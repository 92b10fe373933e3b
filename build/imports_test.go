package build

import (
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// imports is who imports whom, tests left out.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	cmd := exec.Command("go", "list", "-tags", "x11,gles", "-f", "{{.ImportPath}} {{join .Imports \" \"}}", "yeban/...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	graph := map[string][]string{}
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		words := strings.Fields(line)
		graph[words[0]] = words[1:]
	}
	return graph
}

// under says whether a package is one of the trees, "yeban/" left off.
func under(pkg string, trees ...string) bool {
	for _, t := range trees {
		if pkg == "yeban/"+t || strings.HasPrefix(pkg, "yeban/"+t+"/") {
			return true
		}
	}
	return false
}

const (
	fyne    = "fyne.io/fyne/v2"
	fyneApp = "fyne.io/fyne/v2/app"
)

// violation says which rule an import breaks, or is empty.
func violation(from, to string) string {
	isFyne := to == fyne || strings.HasPrefix(to, fyne+"/")
	ours := strings.HasPrefix(to, "yeban/")
	switch {
	case to == fyneApp && from != "yeban/kiosk":
		return "only kiosk/main.go imports fyne/v2/app"
	case isFyne && !(from == "yeban/kiosk" || under(from, "kiosk/screen", "kiosk/touch", "devices/simulator/bench")):
		return "Fyne stays in the kiosk's screens and the bench window"
	case from == "yeban/catalog" && ours:
		return "catalog imports nothing else of ours"
	case under(from, "devices") && ours && !under(to, "devices"):
		return "devices import nothing else of ours"
	case from == "yeban/sync/record" && ours && to != "yeban/catalog":
		return "sync/record imports at most catalog"
	case (from == "yeban/sync/outbox" || from == "yeban/sync/protocol") && ours && to != "yeban/sync/record":
		return "outbox and protocol import sync/record only"
	case under(from, "sync") && ours && !under(to, "sync", "catalog"):
		return "sync knows no program and no device"
	case under(from, "sync") && (to == "database/sql" || strings.Contains(to, "pgx") || strings.Contains(to, "modernc.org/sqlite")):
		return "sync knows no SQL"
	case from == "yeban/kiosk/journey" && ours && to != "yeban/catalog" && to != "yeban/sync/record":
		return "journey imports catalog and sync/record only"
	case under(from, "hub") && under(to, "kiosk", "devices"):
		return "the hub knows neither kiosk nor devices"
	case under(from, "kiosk", "devices") && under(to, "hub"):
		return "kiosk and devices do not know the hub"
	}
	return ""
}

func TestImportDirections(t *testing.T) {
	graph := imports(t)
	if len(graph) < 10 {
		t.Fatalf("only %d packages found", len(graph))
	}
	for from, list := range graph {
		for _, to := range list {
			if rule := violation(from, to); rule != "" {
				t.Errorf("%s imports %s: %s", from, to, rule)
			}
		}
	}
}

// TestRulesCanFail is the control: each rule refuses an import made up to break it.
func TestRulesCanFail(t *testing.T) {
	for _, bad := range [][2]string{
		{"yeban/kiosk/screen", fyneApp},
		{"yeban/kiosk/journey", fyne + "/widget"},
		{"yeban/hub/console", fyne},
		{"yeban/catalog", "yeban/sync/record"},
		{"yeban/devices/printer", "yeban/assets"},
		{"yeban/sync/record", "yeban/sync/outbox"},
		{"yeban/sync/outbox", "yeban/sync/protocol"},
		{"yeban/sync/link", "yeban/devices"},
		{"yeban/sync/outbox", "database/sql"},
		{"yeban/kiosk/journey", "yeban/devices/printer"},
		{"yeban/hub/intake", "yeban/kiosk/journey"},
		{"yeban/devices/idcard", "yeban/hub/store"},
	} {
		if violation(bad[0], bad[1]) == "" {
			t.Errorf("%s may import %s", bad[0], bad[1])
		}
	}
}

// TestFyneIsInOneFileOfTheKiosk: of the program's own files only main.go opens windows.
func TestFyneIsInOneFileOfTheKiosk(t *testing.T) {
	files, err := filepath.Glob("../kiosk/*.go")
	if err != nil || len(files) < 3 {
		t.Fatalf("files of the kiosk: %v %v", files, err)
	}
	seen := false
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range parsed.Imports {
			if strings.HasPrefix(i.Path.Value, `"`+fyne) {
				if filepath.Base(file) != "main.go" {
					t.Errorf("%s imports %s", file, i.Path.Value)
				}
				seen = true
			}
		}
	}
	if !seen {
		t.Error("main.go imports no Fyne: the check looks at the wrong files")
	}
}
