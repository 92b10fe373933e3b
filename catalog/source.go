package catalog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Limits of a catalogue's files. They keep a hostile file from filling the memory of
// a terminal; no real catalogue comes near them.
const (
	MaxFile   = 4 << 20 // bytes of one file
	MaxFiles  = 2000    // items/*.yaml of one folder
	maxDepth  = 32      // of nested values
	maxValues = 200_000 // in one file
)

// LoadError is something that keeps a catalogue from being loaded, and where.
type LoadError struct {
	File string
	Line int // from 1; 0 where it is about the whole file
	Msg  string
}

func (e *LoadError) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Msg
	}
	return e.File + ":" + strconv.Itoa(e.Line) + ": " + e.Msg
}

// source is a catalogue as its files say it, before anything is compiled.
type source struct {
	catalog  *Catalog
	places   map[string]place // path, e.g. items[2].form.pages[0].showIf → where it stands
	problems []*LoadError     // what is wrong with the YAML
}

type place struct {
	file string
	line int
}

func newSource() *source {
	return &source{catalog: &Catalog{}, places: map[string]place{}}
}

// place finds the nearest thing that is written down: the line of the page where the
// page has no such key.
func (s *source) place(path string) place {
	for {
		if at, ok := s.places[path]; ok {
			return at
		}
		cut := strings.LastIndexAny(path, ".[")
		if cut < 0 {
			return s.places[""]
		}
		path = path[:cut]
	}
}

func (s *source) errorAt(path, msg string) *LoadError {
	at := s.place(path)
	return &LoadError{File: at.file, Line: at.line, Msg: msg}
}

// readSource reads one file, or catalog.yaml and items/*.yaml (one item a file, in the
// order of their names) of a folder. The error is about disk and permission only;
// what is wrong inside the files is in problems.
func readSource(path string) (*source, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read catalogue: %w", err)
	}
	if !info.IsDir() {
		return parseFiles(os.DirFS(filepath.Dir(path)), filepath.Dir(path), filepath.Base(path), nil)
	}
	items, err := filepath.Glob(filepath.Join(escapeGlob(path), "items", "*.yaml"))
	if err != nil {
		return nil, fmt.Errorf("read catalogue: %w", err)
	}
	sort.Strings(items)
	for i := range items {
		items[i] = "items/" + filepath.Base(items[i])
	}
	return parseFiles(os.DirFS(path), path, "catalog.yaml", items)
}

func escapeGlob(path string) string {
	return regexp.MustCompile(`[*?\[\\]`).ReplaceAllString(path, `\$0`)
}

func parseFiles(in fs.FS, dir, main string, items []string) (*source, error) {
	s := newSource()
	raw, err := readLimited(in, main)
	if err != nil {
		return nil, fmt.Errorf("read catalogue: %w", err)
	}
	s.parse(filepath.Join(dir, main), raw, "", s.catalog)
	if len(items) > MaxFiles {
		s.problems = append(s.problems, &LoadError{File: dir, Msg: fmt.Sprintf("more than %d items", MaxFiles)})
		items = nil
	}
	for _, name := range items {
		raw, err := readLimited(in, name)
		if err != nil {
			return nil, fmt.Errorf("read catalogue: %w", err)
		}
		var item Item
		s.parse(filepath.Join(dir, filepath.FromSlash(name)), raw, fmt.Sprintf("items[%d]", len(s.catalog.Items)), &item)
		s.catalog.Items = append(s.catalog.Items, item)
	}
	return s, nil
}

func readLimited(in fs.FS, name string) ([]byte, error) {
	f, err := in.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, MaxFile+1))
}

// parse reads one YAML document into out, strictly, and notes the place of every
// value under prefix.
func (s *source) parse(file string, raw []byte, prefix string, out any) {
	s.places[prefix] = place{file, 1}
	refuse := func(line int, msg string) {
		s.problems = append(s.problems, &LoadError{File: file, Line: line, Msg: msg})
	}
	if len(raw) > MaxFile {
		refuse(0, fmt.Sprintf("larger than %d MiB", MaxFile>>20))
		return
	}
	var root yaml.Node
	documents := yaml.NewDecoder(bytes.NewReader(raw))
	switch err := documents.Decode(&root); {
	case errors.Is(err, io.EOF):
		refuse(0, "is empty")
		return
	case err != nil:
		refuse(splitLine(err.Error()))
		return
	}
	if err := documents.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		refuse(0, "holds more than one YAML document")
		return
	}
	w := walker{source: s, file: file, left: maxValues}
	if w.walk(&root, prefix, 0); w.refused != nil {
		s.problems = append(s.problems, w.refused)
		return
	}
	strict := yaml.NewDecoder(bytes.NewReader(raw))
	strict.KnownFields(true)
	err := strict.Decode(out)
	var wrong *yaml.TypeError
	switch {
	case errors.As(err, &wrong):
		for _, msg := range wrong.Errors {
			refuse(splitLine(msg))
		}
	case err != nil:
		refuse(splitLine(err.Error()))
	}
}

// walker visits the values of one document before they are decoded.
type walker struct {
	source  *source
	file    string
	left    int // values that may still come
	refused *LoadError
}

func (w *walker) walk(n *yaml.Node, path string, depth int) {
	if w.left--; w.left < 0 {
		w.refuse(n, "holds too many values")
	}
	if depth > maxDepth {
		w.refuse(n, "is nested too deeply")
	}
	if w.refused != nil {
		return
	}
	switch n.Kind {
	case yaml.AliasNode:
		w.refuse(n, "aliases (*name) are not allowed")
	case yaml.DocumentNode:
		for _, child := range n.Content {
			w.walk(child, path, depth)
		}
	case yaml.SequenceNode:
		for i, child := range n.Content {
			at := path + "[" + strconv.Itoa(i) + "]"
			w.source.places[at] = place{w.file, child.Line}
			w.walk(child, at, depth+1)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if key.Kind != yaml.ScalarNode || key.ShortTag() == "!!merge" {
				w.refuse(key, "keys must be plain words")
				return
			}
			at := strings.TrimPrefix(path+"."+key.Value, ".")
			w.source.places[at] = place{w.file, key.Line}
			w.walk(n.Content[i+1], at, depth+1)
		}
	}
}

func (w *walker) refuse(n *yaml.Node, msg string) {
	if w.refused == nil {
		w.refused = &LoadError{File: w.file, Line: n.Line, Msg: msg}
	}
}

var (
	lineText     = regexp.MustCompile(`(?s)^(?:yaml: )?(?:line (\d+): )?(.*)$`)
	unknownField = regexp.MustCompile(`^field (.*) not found in type .*$`)
)

// splitLine takes the line out of the library's message, the only place that has it.
func splitLine(text string) (line int, msg string) {
	m := lineText.FindStringSubmatch(text)
	line, _ = strconv.Atoi(m[1])
	if u := unknownField.FindStringSubmatch(m[2]); u != nil {
		return line, "unknown key " + strconv.Quote(u[1])
	}
	return line, m[2]
}
