package catalog

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// testID is the number of an invented person born on the first day of 1900.
var testID = withIDCheck("34010419000101001")

func withIDCheck(body string) string {
	for _, c := range "0123456789X" {
		if CheckIDNumber(body+string(c)) == nil {
			return body + string(c)
		}
	}
	return ""
}

func TestIDNumbers(t *testing.T) {
	for _, c := range []struct {
		number string
		want   error
	}{
		{testID, nil},
		{"", ErrLength},
		{testID[:17], ErrLength},
		{testID + "0", ErrLength},
		{"340104190001010一", ErrCharacter}, // 18 bytes,
		{"34010419000101001x", ErrCharacter},
		{"A4010419000101001X", ErrCharacter},
		{"340104190013010013", ErrBirth},
		{"340104190002290013", ErrBirth}, // 1900 was no leap year
	} {
		if err := CheckIDNumber(c.number); !errors.Is(err, c.want) {
			t.Errorf("%q: %v, want %v", c.number, err, c.want)
		}
	}
}

func TestOneWrongDigitOfAnIDNumberIsFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := []byte(withIDCheck("340104190001" + rapid.StringMatching(`(0[1-9]|[12]\d|3[01])\d{3}`).Draw(t, "rest")))
		i := rapid.IntRange(0, 17).Draw(t, "place")
		wrong := rapid.SampledFrom([]byte("0123456789")).Filter(func(b byte) bool { return b != id[i] }).Draw(t, "digit")
		id[i] = wrong
		if CheckIDNumber(string(id)) == nil {
			t.Errorf("%s passes", id)
		}
	})
}

func TestCreditCodes(t *testing.T) {
	for _, c := range []struct {
		code string
		want error
	}{
		{"11310000MB2F30661Y", nil}, // published in a provincial guide
		{"11340100MB9000023X", nil}, // invented
		{"11340100MB9000023", ErrLength},
		{"11310000MB2F30661I", ErrCharacter},
		{"1131000AMB2F30661Y", ErrCharacter},
		{"11310000mb2f30661y", ErrCharacter},
		{"11310000MB2F30661X", ErrCheckDigit},
		{strings.Repeat("一", 6), ErrCharacter}, // 18 bytes
	} {
		if err := CheckCreditCode(c.code); !errors.Is(err, c.want) {
			t.Errorf("%q: %v, want %v", c.code, err, c.want)
		}
	}
}

func TestOneWrongCharacterOfACreditCodeIsFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		code := []byte("11340100MB9000023X")
		i := rapid.IntRange(0, 17).Draw(t, "place")
		code[i] = rapid.SampledFrom([]byte(creditAlphabet)).Filter(func(b byte) bool { return b != code[i] }).Draw(t, "character")
		if CheckCreditCode(string(code)) == nil {
			t.Errorf("%s passes", code)
		}
	})
}

func FuzzIdentifiers(f *testing.F) {
	f.Add(testID)
	f.Add("11310000MB2F30661Y")
	f.Fuzz(func(t *testing.T, s string) {
		for _, err := range []error{CheckIDNumber(s), CheckCreditCode(s)} {
			if err != nil && len(s) > 3 && strings.Contains(err.Error(), s) {
				t.Error("an error text repeats the number")
			}
		}
	})
}
