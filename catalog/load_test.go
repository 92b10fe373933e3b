package catalog

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func loadSample(t testing.TB) *Catalog {
	t.Helper()
	c, err := Load(sampleFolder)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSampleCatalogueLoadsInTheOrderOfItsFiles(t *testing.T) {
	c := loadSample(t)
	if len(c.Items) != 9 || c.Items[0].ID != "social-card-reissue" || c.Items[8].ID != "real-estate-query" {
		t.Fatalf("%d items, first %s", len(c.Items), c.Items[0].ID)
	}
	item, ok := c.Item("newborn")
	if !ok || item.Name.In("en") != "Birth of a child" || item.Name.In("fr") != "新生儿出生一件事" {
		t.Errorf("newborn: %v %v", ok, item)
	}
	if _, ok := c.Item("nothing"); ok {
		t.Error("an item that is not there was found")
	}
	if d, ok := c.Department(item.Dept); !ok || d.Name.Zh != "市卫生健康委员会" {
		t.Errorf("department: %v %v", ok, d)
	}
}

func TestMarshalIsReadBackTheSame(t *testing.T) {
	c := loadSample(t)
	raw, err := c.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	back, err := Parse("bundle.yaml", raw)
	if err != nil {
		t.Fatal(err)
	}
	again, err := back.Marshal()
	if err != nil || !bytes.Equal(raw, again) {
		t.Errorf("written twice, two texts: %v", err)
	}
}

func TestLoadRefusesAndSaysWhere(t *testing.T) {
	deep := "topics: " + strings.Repeat("[", 40) + strings.Repeat("]", 40)
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nversion: *b\n"
	for _, c := range []struct {
		name, yaml string
		line       int
		msg        string
	}{
		{"empty", "", 0, "is empty"},
		{"garbage", "\x00\x01\xff", 0, ""},
		{"not YAML", "version: 1\n\tx: [", 2, ""},
		{"a list", "- a\n- b\n", 1, "cannot unmarshal"},
		{"unknown key", "version: a\ntopics:\n  - id: x\n    nmae: { zh: x }\n", 4, `unknown key "nmae"`},
		{"wrong type", "version: a\nitems:\n  - id: x\n    task_version: three\n", 4, "cannot unmarshal"},
		{"key twice", "version: a\ntopics: []\nversion: b\n", 3, "already defined"},
		{"alias bomb", bomb, 2, "aliases"},
		{"merge key", "version: a\n<<: { topics: [] }\n", 2, "plain words"},
		{"nested too deeply", deep, 1, "nested too deeply"},
		{"two documents", "version: a\n---\nversion: b\n", 0, "more than one YAML document"},
		{"id twice", "items:\n  - id: a\n  - id: a\n", 3, `item id "a" is given twice`},
		{"id missing", "items:\n  - id: a\n  - task_version: 2\n", 3, "item id is missing"},
		{"condition", "items:\n  - id: a\n    eligible:\n      - if: card.name ==\n", 4, "condition does not compile"},
		{"condition is no question", "items:\n  - id: a\n    eligible:\n      - if: card.name\n", 4, "gives string"},
		{"too large", "version: \"" + strings.Repeat("a", MaxFile) + "\"", 0, "larger than"},
		{"too many values", "topics: [" + strings.Repeat("0,", maxValues) + "]", 1, "too many values"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse("hall.yaml", []byte(c.yaml))
			var wrong *LoadError
			if !errors.As(err, &wrong) {
				t.Fatalf("err = %v", err)
			}
			if wrong.File != "hall.yaml" || c.line > 0 && wrong.Line != c.line || !strings.Contains(wrong.Msg, c.msg) {
				t.Errorf("%v, want line %d, %q", wrong, c.line, c.msg)
			}
			want := "hall.yaml: "
			if wrong.Line > 0 {
				want = fmt.Sprintf("hall.yaml:%d: ", wrong.Line)
			}
			if !strings.HasPrefix(err.Error(), want) {
				t.Errorf("text %.80q", err)
			}
		})
	}
}

func TestLoadOfWhatIsNotThereIsAnErrorOfTheDisk(t *testing.T) {
	for _, path := range []string{filepath.Join(t.TempDir(), "none.yaml"), t.TempDir()} {
		if _, err := Load(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Load: %v", err)
		}
		if _, err := Lint(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Lint: %v", err)
		}
	}
}

func TestLoadReadsOneFileAsItReadsAFolder(t *testing.T) {
	raw, err := loadSample(t).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "all [1].yaml")
	if err := os.WriteFile(file, raw, 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := Load(file)
	if err != nil || len(c.Items) != 9 {
		t.Errorf("%v", err)
	}
}

func TestOneBrokenItemFileRefusesTheFolderAndIsNamed(t *testing.T) {
	dir := copySample(t)
	broken := filepath.Join(dir, "items", "95-broken.yaml")
	if err := os.WriteFile(broken, []byte("id: newborn\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := Load(dir)
	var wrong *LoadError
	if !errors.As(err, &wrong) || wrong.File != broken || wrong.Line != 1 {
		t.Errorf("%v", err)
	}
}

func TestSchemasStandForThemselves(t *testing.T) {
	for _, schema := range []map[string]any{
		{"$ref": "file:///etc/hostname"},
		{"anyOf": []any{map[string]any{"$ref": "#"}}},
		{"not": map[string]any{"$dynamicRef": "#x"}},
		{"type": "strnig"},
		{"pattern": "("},
		{"maxLength": func() {}},
	} {
		if compiled, err := compileSchema(schema); err == nil || compiled != nil {
			t.Errorf("%v compiled", schema)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(readTestFile(f, "good.yaml"))
	f.Add([]byte("version: 2026.1.1\nitems: [{id: a, form: {pages: [{id: b, questions: [{id: c}]}]}}]"))
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte("? {a: b}\n: c"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := Parse("test.yaml", raw)
		if err != nil {
			var wrong *LoadError
			if !errors.As(err, &wrong) || wrong.Msg == "" {
				t.Errorf("err = %v", err)
			}
			return
		}
		again, err := c.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse("again.yaml", again); err != nil {
			t.Errorf("what was loaded is not read back: %v", err)
		}
	})
}
