package record

import (
	"errors"
	"fmt"
	"time"
)

// ErrNumber means that a receipt number is mistyped or was never one.
var ErrNumber = errors.New("not a receipt number")

// MaxKioskNumber is the largest number a terminal may be given.
const MaxKioskNumber = 99999

// hallTime is the clock on the wall of every hall: China has one zone and no summer
// time. Fixed here because a terminal may lack the zone database.
var hallTime = time.FixedZone("Asia/Shanghai", 8*60*60)

const numberLayout = "060102-150405"

// NewReceiptNumber is the number printed for the citizen:
//
//	YYMMDD-HHMMSS-NNNNNC
//
// the hall's date and time to the second, the terminal's number (1 to MaxKioskNumber)
// and an ISO/IEC 7064 MOD 11,10 check digit over the 17 digits before it, which
// catches every single wrong digit and nearly all swapped neighbours when a citizen
// reads it out. One terminal may hand out one number a second; the outbox refuses a
// second one.
func NewReceiptNumber(at time.Time, kioskNumber int) (string, error) {
	if kioskNumber < 1 || kioskNumber > MaxKioskNumber {
		return "", fmt.Errorf("receipt number: kiosk number %d is not in 1–%d", kioskNumber, MaxKioskNumber)
	}
	at = at.In(hallTime)
	if at.Year() < 2000 || at.Year() > 2099 {
		return "", fmt.Errorf("receipt number: the clock says %d", at.Year())
	}
	body := fmt.Sprintf("%s-%05d", at.Format(numberLayout), kioskNumber)
	return body + string(checkDigit(body)), nil
}

// CheckReceiptNumber says nil when text is a receipt number in the exact form that
// NewReceiptNumber gives, with a real date and the right check digit.
func CheckReceiptNumber(text string) error {
	const length = len("YYMMDD-HHMMSS-NNNNNC")
	if len(text) != length || text[6] != '-' || text[13] != '-' {
		return fmt.Errorf("%w: want YYMMDD-HHMMSS-NNNNNC", ErrNumber)
	}
	for i, c := range []byte(text) {
		if i != 6 && i != 13 && (c < '0' || c > '9') {
			return fmt.Errorf("%w: place %d is not a digit", ErrNumber, i+1)
		}
	}
	if _, err := time.ParseInLocation(numberLayout, text[:13], hallTime); err != nil {
		return fmt.Errorf("%w: no such date or time", ErrNumber)
	}
	if text[14:19] == "00000" {
		return fmt.Errorf("%w: no kiosk has number 0", ErrNumber)
	}
	if checkDigit(text[:length-1]) != text[length-1] {
		return fmt.Errorf("%w: check digit is wrong", ErrNumber)
	}
	return nil
}

// checkDigit is ISO/IEC 7064 MOD 11,10 over the digits of s; hyphens do not count.
func checkDigit(s string) byte {
	p := 10
	for i := range len(s) {
		if s[i] == '-' {
			continue
		}
		sum := (p + int(s[i]-'0')) % 10
		if sum == 0 {
			sum = 10
		}
		p = sum * 2 % 11
	}
	return byte('0' + (11-p)%10)
}
