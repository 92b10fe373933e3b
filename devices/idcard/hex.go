package idcard

import (
	"errors"
	"fmt"
)

// ErrHex: the input looks like text, and is not hex.
var ErrHex = errors.New("not hex")

// ParseHexOrBinary reads bytes as people keep them in files: raw, or as hex digits
// in any spacing, with or without 0x, \x, commas, colons, dashes, quotes, brackets
// or a byte order mark. What has a byte that no text file has is taken as raw.
func ParseHexOrBinary(in []byte) ([]byte, error) {
	if len(in) > maxInput {
		return nil, ErrTooLong
	}
	if len(in) >= 3 && string(in[:3]) == "\ufeff" {
		in = in[3:]
	}
	for _, b := range in {
		if (b < ' ' || b > '~') && b != '\n' && b != '\r' && b != '\t' {
			return append([]byte(nil), in...), nil
		}
	}
	digits, err := hexDigits(in)
	switch {
	case err != nil:
		return nil, err
	case len(digits) == 0:
		return nil, fmt.Errorf("%w: input is empty", ErrHex)
	case len(digits)%2 != 0:
		return nil, fmt.Errorf("%w: odd number of digits (%d)", ErrHex, len(digits))
	}
	out := make([]byte, len(digits)/2)
	for i := range out {
		out[i] = digits[2*i]<<4 | digits[2*i+1]
	}
	return out, nil
}

// hexDigits gives the values of the digits. A number written 0x5 is 05.
func hexDigits(in []byte) (digits []byte, err error) {
	number := -1 // where the number behind a 0x began, -1 outside one
	end := func() {
		if number >= 0 && len(digits)-number == 1 {
			digits = append(digits, digits[number])
			digits[number] = 0
		}
		number = -1
	}
	for i := 0; i < len(in); i++ {
		c := in[i]
		prefix := (c == '0' || c == '\\') && i+1 < len(in) && (in[i+1] == 'x' || in[i+1] == 'X')
		switch {
		case prefix:
			end()
			number = len(digits)
			i++
		case c >= '0' && c <= '9':
			digits = append(digits, c-'0')
		case c >= 'a' && c <= 'f':
			digits = append(digits, c-'a'+10)
		case c >= 'A' && c <= 'F':
			digits = append(digits, c-'A'+10)
		case isSeparator(c):
			end()
		default:
			return nil, fmt.Errorf("%w: character %d of the input is no digit", ErrHex, i+1)
		}
	}
	end()
	return digits, nil
}

func isSeparator(c byte) bool {
	switch c {
	case ' ', '\n', '\r', '\t', ',', ';', ':', '-', '|', '"', '\'', '[', ']', '{', '}', '(', ')':
		return true
	}
	return false
}
