package catalog

import (
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// MaxAnswer is how many characters an answer may have; a schema may allow fewer.
const MaxAnswer = 100

// checkAnswer judges one answer that is not empty by its question alone.
func checkAnswer(q *Question, c *compiledQuestion, value string) *Problem {
	wrong := func(code ProblemCode, own Text) *Problem {
		p := problem(q.ID, code, own)
		return &p
	}
	if utf8.RuneCountInString(value) > MaxAnswer {
		return wrong(TooLong, Text{})
	}
	if strings.ContainsFunc(value, unprintable) || !utf8.ValidString(value) {
		return wrong(Characters, Text{})
	}
	switch q.Kind {
	case Choice:
		if !q.offers(value) {
			return wrong(NoOption, Text{})
		}
	case Date:
		if _, err := parseDate(value); err != nil {
			p := problem(q.ID, wrongDate, q.Wrong)
			p.Code = Format
			return &p
		}
	default:
		if !q.Keyboard.types(value) || strings.TrimSpace(value) != value {
			return wrong(Format, q.Wrong)
		}
	}
	if c.broken || c.schema != nil && c.schema.Validate(value) != nil {
		return wrong(Format, q.Wrong)
	}
	return nil
}

func (q *Question) offers(value string) bool {
	for _, o := range q.Options {
		if o.Value == value {
			return true
		}
	}
	return false
}

// types says whether every character of s is on the keyboard.
func (k Keyboard) types(s string) bool {
	for _, r := range s {
		digit := r >= '0' && r <= '9'
		letter := r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
		switch k {
		case KeysDigits:
			if !digit && r != 'X' {
				return false
			}
		case KeysLetters:
			if !digit && !letter && r != '-' {
				return false
			}
		}
	}
	return true
}

// unprintable tells characters that show nothing or turn what stands around them
// (bidirectional marks), and the sign of broken UTF-8.
func unprintable(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) ||
		unicode.Is(unicode.Zp, r) || r == utf8.RuneError
}

// parseDate reads YYYYMMDD of a year that has to do with living people.
func parseDate(s string) (time.Time, error) {
	t, err := time.Parse(dateLayout, s)
	if err != nil || t.Year() < 1850 || t.Year() > 2199 {
		return time.Time{}, errors.New("not a date")
	}
	return t, nil
}
