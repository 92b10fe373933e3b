package catalog

import (
	"bytes"
	"errors"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// Load reads a catalogue from one YAML file, or from a folder with catalog.yaml and
// items/*.yaml (one item a file, shown in the order of the file names). Unknown keys,
// wrong types, ids given twice, and conditions or schemas that do not compile are
// refused: errors.As finds the first as a *LoadError, the text names all.
func Load(path string) (*Catalog, error) {
	s, err := readSource(path)
	if err != nil {
		return nil, err
	}
	return s.finish()
}

// Parse reads a catalogue that is one YAML document, as Marshal writes it; file names
// it in errors. It is refused for the same reasons as by Load.
func Parse(file string, raw []byte) (*Catalog, error) {
	s := newSource()
	s.parse(file, raw, "", s.catalog)
	return s.finish()
}

// Marshal writes the whole catalogue as one YAML document.
func (c *Catalog) Marshal() ([]byte, error) {
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := errors.Join(e.Encode(c), e.Close()); err != nil {
		return nil, fmt.Errorf("marshal catalogue: %w", err)
	}
	return out.Bytes(), nil
}

func (s *source) finish() (*Catalog, error) {
	problems := s.problems
	if len(problems) == 0 {
		for _, i := range append(duplicates(s.catalog), s.catalog.Compile()...) {
			problems = append(problems, s.errorAt(i.Path, i.Msg))
		}
	}
	if len(problems) == 0 {
		return s.catalog, nil
	}
	const most = 20 // an operator mends the first and looks again
	var errs []error
	for _, p := range problems[:min(most, len(problems))] {
		errs = append(errs, p)
	}
	return nil, errors.Join(errs...)
}

// Issue is something in a catalogue that does not compile.
type Issue struct {
	Path string // e.g. items[2].form.pages[0].showIf
	Msg  string
}

// Compile prepares every condition and schema of a catalogue that was made in code,
// and says which do not compile: those never hold. Load and Parse have done it.
func (c *Catalog) Compile() []Issue {
	var issues []Issue
	for i := range c.Items {
		var found []Issue
		c.Items[i].compiled, found = compileItem(&c.Items[i])
		for _, f := range found {
			f.Path = fmt.Sprintf("items[%d].%s", i, f.Path)
			issues = append(issues, f)
		}
	}
	return issues
}

// duplicates finds ids that are missing or given twice where they must be unique.
func duplicates(c *Catalog) []Issue {
	var issues []Issue
	unique := func(what string) func(id, path string) {
		seen := map[string]bool{}
		return func(id, path string) {
			switch {
			case id == "":
				issues = append(issues, Issue{path, what + " is missing"})
			case seen[id]:
				issues = append(issues, Issue{path, fmt.Sprintf("%s %q is given twice", what, id)})
			}
			seen[id] = true
		}
	}
	topic, dept, item := unique("topic id"), unique("dept_code"), unique("item id")
	for i, t := range c.Topics {
		topic(t.ID, fmt.Sprintf("topics[%d].id", i))
	}
	for i, d := range c.Departments {
		dept(d.Code, fmt.Sprintf("departments[%d].dept_code", i))
	}
	for i := range c.Items {
		at := fmt.Sprintf("items[%d]", i)
		item(c.Items[i].ID, at+".id")
		page, question := unique("page id"), unique("question id")
		for j, p := range c.Items[i].Form.Pages {
			at := fmt.Sprintf("%s.form.pages[%d]", at, j)
			page(p.ID, at+".id")
			for k, q := range p.Questions {
				at := fmt.Sprintf("%s.questions[%d]", at, k)
				question(q.ID, at+".id")
				option := unique("option")
				for l, o := range q.Options {
					option(o.Value, fmt.Sprintf("%s.options[%d].value", at, l))
				}
			}
		}
	}
	return issues
}
