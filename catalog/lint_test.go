package catalog

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const sampleFolder = "../assets/catalog"

var testIcons = map[string]bool{"card": true, "house": true}

func TestSampleCatalogueIsClean(t *testing.T) {
	findings, err := Lint(sampleFolder)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		t.Error(f)
	}
}

// lintCase is one value of good.yaml and what a rule says to it.
type lintCase struct {
	Rule string         `yaml:"rule"`
	At   string         `yaml:"at"`
	With map[string]any `yaml:"with"` // set beside key first
	Key  string         `yaml:"key"`
	Bad  any            `yaml:"bad"`
	Good any            `yaml:"good"`
}

func TestEveryRuleHasABadAndAGoodExample(t *testing.T) {
	raw := readTestFile(t, "lint.yaml")
	var cases []lintCase
	if err := yaml.Unmarshal(raw, &cases); err != nil {
		t.Fatal(err)
	}
	if found := lintBytes(readTestFile(t, "good.yaml")); len(found) > 0 {
		t.Fatalf("good.yaml: %v", found)
	}
	tried := map[string]bool{}
	for _, c := range cases {
		tried[c.Rule] = true
		t.Run(fmt.Sprintf("%s %s=%v", c.Rule, c.At, c.Bad), func(t *testing.T) {
			if !speaks(lintBytes(c.change(t, c.Bad)), c.Rule) {
				t.Errorf("%s says nothing", c.Rule)
			}
			if c.Good == nil {
				return
			}
			for _, f := range lintBytes(c.change(t, c.Good)) {
				if f.Rule == c.Rule {
					t.Errorf("a good value: %v", f)
				}
			}
		})
	}
	for _, r := range Rules() {
		if !tried[r.ID] {
			t.Errorf("no example of %s", r.ID)
		}
	}
}

// change is good.yaml with one value changed.
func (c lintCase) change(t *testing.T, value any) []byte {
	t.Helper()
	var tree map[string]any
	if err := yaml.Unmarshal(readTestFile(t, "good.yaml"), &tree); err != nil {
		t.Fatal(err)
	}
	at := c.At
	for key, v := range c.With {
		put(tree, at+"."+key, v)
	}
	if c.Key != "" {
		at += "." + c.Key
	}
	put(tree, at, value)
	raw, err := yaml.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

var step = regexp.MustCompile(`[^.\[\]]+`)

// put sets the value at a path like items[0].fee.fen; nil takes the key away.
func put(tree any, path string, value any) {
	steps := step.FindAllString(path, -1)
	for _, s := range steps[:len(steps)-1] {
		if i, err := strconv.Atoi(s); err == nil {
			tree = tree.([]any)[i]
		} else {
			tree = tree.(map[string]any)[s]
		}
	}
	last := steps[len(steps)-1]
	switch at := tree.(type) {
	case []any:
		i, _ := strconv.Atoi(last)
		at[i] = value
	case map[string]any:
		if at[last] = value; value == nil {
			delete(at, last)
		}
	}
}

func speaks(found []Finding, rule string) bool {
	for _, f := range found {
		if f.Rule == rule {
			return f.Message != "" && f.File == "test.yaml" && (f.Line > 0 || rule == "yaml")
		}
	}
	return false
}

func lintBytes(raw []byte) []Finding {
	s := newSource()
	s.parse("test.yaml", raw, "", s.catalog)
	return lint(s, testIcons)
}

func readTestFile(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestRulesAreDocumentedOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Rules() {
		if !regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`).MatchString(r.ID) || seen[r.ID] {
			t.Errorf("id %q", r.ID)
		}
		if r.Doc == "" || strings.Contains(r.Doc, "\n") {
			t.Errorf("%s: doc %q", r.ID, r.Doc)
		}
		seen[r.ID] = true
	}
}

func TestFindingNamesFileAndLineOfAnItemsOwnFile(t *testing.T) {
	dir := copySample(t)
	file := filepath.Join(dir, "items", "10-social-card-reissue.yaml")
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	raw = []byte(strings.Replace(string(raw), "link_way: 0551-12333", "link_way: none", 1))
	line := 1 + strings.Count(strings.SplitN(string(raw), "link_way: none", 2)[0], "\n")
	if err := os.WriteFile(file, raw, 0o644); err != nil {
		t.Fatal(err)
	}
	findings, err := Lint(dir)
	if err != nil || len(findings) != 1 {
		t.Fatalf("%v, %v", findings, err)
	}
	if f := findings[0]; f.File != file || f.Line != line || f.Rule != "phones" || !f.Blocks {
		t.Errorf("%v, want line %d", f, line)
	}
}

func copySample(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "catalog")
	if err := os.CopyFS(dir, os.DirFS(sampleFolder)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func FuzzLint(f *testing.F) {
	f.Add(readTestFile(f, "good.yaml"))
	f.Add([]byte("items: [{form: {pages: [{questions: [{id: a, kind: choice, schema: {not: {not: true}}}]}]}}]"))
	f.Add([]byte("receipt: [{text: \"{\"}]\nitems: [{task_handle_item: \"\\0\"}]"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		findings := lintBytes(raw)
		loads := true
		for _, r := range findings {
			for _, l := range loadRules {
				loads = loads && r.Rule != l.ID
			}
			if r.Message == "" {
				t.Errorf("%s says nothing", r.Rule)
			}
		}
		if _, err := Parse("test.yaml", raw); (err == nil) != loads {
			t.Errorf("Lint and Load do not agree: %v, %v", findings, err)
		}
	})
}
