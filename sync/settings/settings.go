// Package settings reads a program's one YAML file into its Config struct, and prints
// the table of settings for --help from the same struct, so that the two cannot differ.
//
// A field's name in the file is its yaml tag, what it means its help tag, its default
// the value that the struct holds before Read.
package settings

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// maxBytes is more than any configuration needs.
const maxBytes = 1 << 20

// unknownKey is how the YAML library says it, with the name of a Go type that means
// nothing to an operator.
var unknownKey = regexp.MustCompile(`field (\S+) not found in type [^;\s]+`)

// Read sets what the file says over what into holds. Unknown keys and values of a wrong
// kind are errors that name file and line.
func Read(path string, into any) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read settings: %w", err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err != nil {
		return fmt.Errorf("read settings: %w", err)
	}
	if len(raw) > maxBytes {
		return fmt.Errorf("read settings: %s is larger than %d bytes", path, maxBytes)
	}
	d := yaml.NewDecoder(bytes.NewReader(raw))
	d.KnownFields(true)
	err = d.Decode(into)
	var typed *yaml.TypeError
	switch {
	case err == nil, errors.Is(err, io.EOF):
		return nil
	case errors.As(err, &typed):
		return fmt.Errorf("%s: %s", path, unknownKey.ReplaceAllString(strings.Join(typed.Errors, "; "), "unknown key $1"))
	default:
		return fmt.Errorf("%s: %s", path, strings.TrimPrefix(err.Error(), "yaml: "))
	}
}

// Table writes one line a setting: its key, its default, what it means.
func Table(w io.Writer, defaults any) {
	for _, line := range lines("", reflect.Indirect(reflect.ValueOf(defaults))) {
		fmt.Fprintf(w, "  %-28s %-26s %s\n", line.key, line.value, line.help)
	}
}

type line struct{ key, value, help string }

func lines(prefix string, v reflect.Value) []line {
	var out []line
	for i := range v.NumField() {
		field := v.Type().Field(i)
		key, flags, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		if flags == "inline" {
			out = append(out, lines(prefix, v.Field(i))...)
			continue
		}
		if key == "" || key == "-" {
			continue
		}
		if prefix != "" {
			key = prefix + "." + key
		}
		if field.Type.Kind() == reflect.Struct {
			out = append(out, lines(key, v.Field(i))...)
			continue
		}
		out = append(out, line{key, show(v.Field(i)), field.Tag.Get("help")})
	}
	return out
}

func show(v reflect.Value) string {
	if d, ok := v.Interface().(time.Duration); ok {
		return d.String()
	}
	if v.Kind() == reflect.String && v.String() == "" {
		return `""`
	}
	return fmt.Sprint(v.Interface())
}
