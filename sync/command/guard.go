package command

import (
	"context"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxDetail is what a Report may hold.
const maxDetail = 1024

var errPanic = errors.New("the program itself is at fault (panic)")

// guarded turns a panic into an error: an order of staff must not end service.
func guarded(ctx context.Context, do func(context.Context, map[string]string) error, args map[string]string) (err error) {
	defer func() {
		if recover() != nil {
			err = errPanic
		}
	}()
	return do(ctx, args)
}

// printable makes a text what a Report may hold.
func printable(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if len(text) <= maxDetail {
		return text
	}
	text = text[:maxDetail]
	for !utf8.ValidString(text) {
		text = text[:len(text)-1]
	}
	return text
}
