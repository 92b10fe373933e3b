package catalog

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
)

// Finding is something that a rule does not like, and where.
type Finding struct {
	File    string
	Line    int // 0 where it is about the whole file
	Rule    string
	Message string
	Blocks  bool // the catalogue must not be published
}

func (f Finding) String() string {
	level := "warning"
	if f.Blocks {
		level = "error"
	}
	return fmt.Sprintf("%s:%d: %s: %s [%s]", f.File, f.Line, level, f.Message, f.Rule)
}

// LintRule is one thing that Lint looks for.
type LintRule struct {
	ID     string // kebab-case, never reused for another meaning
	Doc    string // one line
	Blocks bool

	check func(*linter)
}

// Rules lists everything that Lint looks for.
func Rules() []LintRule {
	return slices.Concat(loadRules, identityRules, wordRules, nationalRules, formRules, receiptRules)
}

// Lint reads a catalogue as Load does and judges it by every rule. Findings are in the
// order of files and lines. The error is about disk and permission only: whatever is in
// the files becomes findings. What has no blocking finding can be loaded.
//
// Icons are looked for in a folder icons inside or beside the catalogue's; where there
// is none they are not judged.
func Lint(path string) ([]Finding, error) {
	s, err := readSource(path)
	if err != nil {
		return nil, err
	}
	return lint(s, iconsNear(path)), nil
}

func lint(s *source, icons map[string]bool) []Finding {
	var findings []Finding
	for _, p := range s.problems {
		findings = append(findings, Finding{File: p.File, Line: p.Line, Rule: "yaml", Message: p.Msg, Blocks: true})
	}
	if len(findings) > 0 {
		return findings // what could not be read would only be missed again
	}
	for _, rule := range Rules() {
		if rule.check == nil {
			continue
		}
		rule.check(&linter{catalog: s.catalog, icons: icons, report: func(path, msg string) {
			at := s.place(path)
			findings = append(findings, Finding{at.file, at.line, rule.ID, msg, rule.Blocks})
		}})
	}
	sort.SliceStable(findings, func(i, j int) bool {
		a, b := findings[i], findings[j]
		return a.File < b.File || a.File == b.File && a.Line < b.Line
	})
	return findings
}

// linter is what one rule sees.
type linter struct {
	catalog *Catalog
	icons   map[string]bool // nil where there is no folder of icons
	report  func(path, msg string)
}

func (l *linter) reportf(path, format string, args ...any) {
	l.report(path, fmt.Sprintf(format, args...))
}

// eachItem makes a rule out of a check of one item; at is the item's path.
func eachItem(check func(l *linter, at string, it *Item)) func(*linter) {
	return func(l *linter) {
		for i := range l.catalog.Items {
			check(l, fmt.Sprintf("items[%d]", i), &l.catalog.Items[i])
		}
	}
}

// eachQuestion makes a rule out of a check of one question.
func eachQuestion(check func(l *linter, at string, q *Question)) func(*linter) {
	return eachItem(func(l *linter, at string, it *Item) {
		for i := range it.Form.Pages {
			for j := range it.Form.Pages[i].Questions {
				check(l, fmt.Sprintf("%s.form.pages[%d].questions[%d]", at, i, j), &it.Form.Pages[i].Questions[j])
			}
		}
	})
}

// loadRules are what Load refuses.
var loadRules = []LintRule{
	{ID: "yaml", Blocks: true, // reported by lint itself
		Doc: "every file is small, plain YAML without aliases, unknown keys or wrong types"},
	{ID: "unique-ids", Blocks: true, check: func(l *linter) {
		for _, i := range duplicates(l.catalog) {
			l.report(i.Path, i.Msg)
		}
	}, Doc: "topics, departments, items, and within an item pages, questions and options have an id of their own"},
	{ID: "condition-compiles", Blocks: true, check: compiles(func(path string) bool {
		return !strings.HasSuffix(path, ".schema") && !strings.HasSuffix(path, ".id")
	}), Doc: "every CEL condition compiles, gives true or false and names only what is known where it stands"},
	{ID: "schema-compiles", Blocks: true, check: compiles(func(path string) bool {
		return strings.HasSuffix(path, ".schema")
	}), Doc: "every JSON Schema compiles and stands for itself"},
	{ID: "question-id", Blocks: true, check: compiles(func(path string) bool {
		return strings.HasSuffix(path, ".id")
	}), Doc: "a question id is a small letter, then small letters, digits or _, so that conditions can name it"},
}

func compiles(mine func(path string) bool) func(*linter) {
	return func(l *linter) {
		for _, i := range l.catalog.Compile() {
			if mine(i.Path) {
				l.report(i.Path, i.Msg)
			}
		}
	}
}

func iconsNear(path string) map[string]bool {
	for _, dir := range []string{filepath.Join(path, "icons"), filepath.Join(filepath.Dir(filepath.Clean(path)), "icons")} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		icons := map[string]bool{}
		for _, e := range entries {
			if name, ok := strings.CutSuffix(e.Name(), ".svg"); ok {
				icons[name] = true
			}
		}
		return icons
	}
	return nil
}
