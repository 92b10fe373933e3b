package catalog

import (
	"errors"
	"strings"
	"time"
)

// What CheckIDNumber and CheckCreditCode find wrong. None of their texts quotes the
// number.
var (
	ErrLength     = errors.New("not 18 characters")
	ErrCharacter  = errors.New("holds a character that its standard does not allow")
	ErrBirth      = errors.New("holds no date of birth")
	ErrCheckDigit = errors.New("check character does not fit")
)

var idWeights = [17]int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2}

// CheckIDNumber says whether s is a citizen identification number by GB 11643:
// 17 digits with a date of birth at the seventh, and a check character, X written
// large. It does not know whether anybody has the number.
func CheckIDNumber(s string) error {
	if len(s) != 18 {
		return ErrLength
	}
	sum := 0
	for i, weight := range idWeights {
		if s[i] < '0' || s[i] > '9' {
			return ErrCharacter
		}
		sum += int(s[i]-'0') * weight
	}
	if !strings.Contains("0123456789X", s[17:]) {
		return ErrCharacter
	}
	if _, err := time.Parse("20060102", s[6:14]); err != nil {
		return ErrBirth
	}
	if "10X98765432"[sum%11] != s[17] {
		return ErrCheckDigit
	}
	return nil
}

// creditAlphabet is that of GB 32100: no I, O, S, V, Z.
const creditAlphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"

// CheckCreditCode says whether s is a unified social credit code by GB 32100: 18
// characters, the third to eighth being digits, and a check character modulo 31.
func CheckCreditCode(s string) error {
	if len(s) != 18 {
		return ErrLength
	}
	sum, weight := 0, 1
	for i := range 18 {
		value := strings.IndexByte(creditAlphabet, s[i])
		if value < 0 || i >= 2 && i < 8 && value > 9 {
			return ErrCharacter
		}
		if i == 17 {
			if value != (31-sum%31)%31 {
				return ErrCheckDigit
			}
			break
		}
		sum += value * weight
		weight = weight * 3 % 31
	}
	return nil
}
