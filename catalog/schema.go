package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// A question's schema is JSON Schema draft 2020-12 of one string. Beside the formats of
// the draft it may ask for
//
//	yyyymmdd     a date
//	id-number    a citizen identification number, GB 11643
//	credit-code  a unified social credit code, GB 32100
//
// Keywords that begin with $ are refused: a question's schema stands for itself, and
// nothing is fetched.

// compileSchema returns nil for an empty schema.
func compileSchema(schema map[string]any) (*jsonschema.Schema, error) {
	if len(schema) == 0 {
		return nil, nil
	}
	if err := standsAlone(schema, 0); err != nil {
		return nil, err
	}
	raw, err := json.Marshal(schema)
	if err != nil {
		return nil, errors.New("schema cannot be written as JSON")
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, errors.New("schema cannot be written as JSON")
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	c.UseLoader(noLoader{})
	for name, check := range formats {
		c.RegisterFormat(&jsonschema.Format{Name: name, Validate: func(v any) error {
			if s, ok := v.(string); ok {
				return check(s)
			}
			return nil
		}})
	}
	const url = "catalog:question"
	if err := c.AddResource(url, doc); err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	compiled, err := c.Compile(url)
	if err != nil {
		return nil, fmt.Errorf("schema does not compile: %w", err)
	}
	return compiled, nil
}

var formats = map[string]func(string) error{
	"yyyymmdd":    func(s string) error { _, err := parseDate(s); return err },
	"id-number":   CheckIDNumber,
	"credit-code": CheckCreditCode,
}

// standsAlone refuses references, which could loop or reach out of the file.
func standsAlone(v any, depth int) error {
	if depth > maxDepth {
		return errors.New("schema is nested too deeply")
	}
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			if key != "" && key[0] == '$' {
				return fmt.Errorf("schema keyword %.20q is not allowed here", key)
			}
			if err := standsAlone(value, depth+1); err != nil {
				return err
			}
		}
	case []any:
		for _, value := range v {
			if err := standsAlone(value, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

type noLoader struct{}

func (noLoader) Load(string) (any, error) { return nil, errors.New("nothing is fetched") }
