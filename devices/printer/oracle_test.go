package printer

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
)

// oracleFiles are ours; what npm fetches by them never comes into the tree.
var oracleFiles = []string{"package.json", "package-lock.json", "encode.js"}

// task is a job of oracle/encode.js.
type task struct {
	Text     string `json:"text,omitempty"`
	Markdown string `json:"markdown,omitempty"`
	Columns  int    `json:"columns,omitempty"`
	Codes    bool   `json:"codes,omitempty"`
}

// consult has the encoder of other people encode tasks.
func consult(t *testing.T, tasks []task) [][]byte {
	t.Helper()
	folder, err := oracle()
	if errors.Is(err, errNotHere) && os.Getenv("CI") != "true" {
		t.Skipf("nothing compared: %v", err)
	}
	if err != nil {
		t.Fatalf("no oracle: %v", err)
	}
	in, err := json.Marshal(tasks)
	if err != nil {
		t.Fatal(err)
	}
	node := exec.Command("node", "encode.js")
	node.Dir, node.Stdin, node.Stderr = folder, bytes.NewReader(in), os.Stderr
	out, err := node.Output()
	if err != nil {
		t.Fatal("node encode.js: ", err)
	}
	var encoded [][]byte
	if err := json.Unmarshal(out, &encoded); err != nil {
		t.Fatal(err)
	}
	if len(encoded) != len(tasks) {
		t.Fatalf("%d answers to %d tasks", len(encoded), len(tasks))
	}
	return encoded
}

// errNotHere: the machine has no node, or no way to the registry. Where CI is set to true
// that is a failure, too.
var errNotHere = errors.New("not available here")

// oracle gives the folder in which the encoder is installed, by `npm ci`, so by exact
// versions and their hashes. It is kept in the user's cache under the hash of our files.
var oracle = sync.OnceValues(func() (string, error) {
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			return "", fmt.Errorf("%w: %s is missing (Debian packages nodejs and npm)", errNotHere, program)
		}
	}
	sum := sha256.New()
	files := make(map[string][]byte)
	for _, name := range oracleFiles {
		b, err := os.ReadFile(filepath.Join("oracle", name))
		if err != nil {
			return "", err
		}
		files[name] = b
		sum.Write(b)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	ready := filepath.Join(cache, "yeban", fmt.Sprintf("receipt-oracle-%x", sum.Sum(nil)[:8]))
	if _, err := os.Stat(ready); err == nil {
		return ready, nil
	}
	return ready, installOracle(ready, files)
})

// unreachable is how npm says that the network is at fault.
var unreachable = regexp.MustCompile("ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|EHOSTUNREACH|ETIMEDOUT|ERR_SOCKET_TIMEOUT")

// installOracle makes the folder beside its place and moves it there whole.
func installOracle(ready string, files map[string][]byte) error {
	if err := os.MkdirAll(filepath.Dir(ready), 0o755); err != nil {
		return err
	}
	folder, err := os.MkdirTemp(filepath.Dir(ready), "installing-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(folder, name), b, 0o644); err != nil {
			return err
		}
	}
	npm := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1", "--fetch-timeout=60000")
	npm.Dir = folder
	if said, err := npm.CombinedOutput(); err != nil {
		if unreachable.Match(said) {
			return fmt.Errorf("%w: npm ci does not reach its registry\n%s", errNotHere, said)
		}
		return fmt.Errorf("npm ci: %w\n%s", err, said)
	}
	if err := os.Rename(folder, ready); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
