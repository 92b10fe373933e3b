package simulator

import (
	"fmt"
	"hash/fnv"
	"strings"
	"unicode/utf16"
)

// CardKind is which of the four record layouts a card holds.
type CardKind string

const (
	Resident    CardKind = "resident"
	HMT         CardKind = "hk-macao-taiwan" // letter J
	Foreign2017 CardKind = "foreign-2017"    // letter I
	Foreign2023 CardKind = "foreign-2023"    // letter Y
)

// Card is an invented person's card. Dates are YYYYMMDD; To may be 长期.
type Card struct {
	Key         string   `json:"key"` // short name for scripts: resident, longterm, …
	Kind        CardKind `json:"kind"`
	Name        string   `json:"name"`
	EnglishName string   `json:"englishName,omitempty"`
	Sex         string   `json:"sex"`    // GB/T 2261.1
	Ethnic      string   `json:"ethnic"` // GB/T 3304, two digits
	Nation      string   `json:"nation,omitempty"`
	Birth       string   `json:"birth"`
	Address     string   `json:"address,omitempty"`
	IDNumber    string   `json:"idNumber"`
	Issuer      string   `json:"issuer,omitempty"`
	From        string   `json:"from"`
	To          string   `json:"to"`
	Pass        string   `json:"pass,omitempty"`       // J: number of the travel permit
	Issues      string   `json:"issues,omitempty"`     // J: how often issued; Y: how often renewed
	OldID       string   `json:"oldId,omitempty"`      // Y: link to the id before
	NewAddress  string   `json:"newAddress,omitempty"` // appended address, answered to 30 03
	Fingerprint int      `json:"fingerprint"`          // bytes answered to 30 10: 1024, 512 or 0
}

const (
	textSize  = 256
	photoSize = 1024
)

// text is the card's 256-byte record, UTF-16LE, padded with spaces.
func (c Card) text() []byte {
	t := record(strings.Repeat(" ", textSize/2), textSize)
	put := func(at, size int, s string) { copy(t[at:at+size], record(s, size)) }
	switch c.Kind {
	case Foreign2017:
		put(0, 120, c.EnglishName)
		put(120, 2, c.Sex)
		put(122, 30, c.IDNumber)
		put(152, 6, c.Nation)
		put(158, 30, c.Name)
		put(188, 16, c.From)
		put(204, 16, c.To)
		put(220, 16, c.Birth)
		put(236, 4, "01")
		put(240, 8, "1500")
		put(248, 2, "I")
	case Foreign2023:
		first, rest := c.EnglishName, ""
		if len(first) > 35 {
			first, rest = first[:35], first[35:]
		}
		put(0, 30, c.Name)
		put(30, 2, c.Sex)
		put(32, 4, c.Issues)
		put(36, 16, c.Birth)
		put(52, 70, first)
		put(122, 36, c.IDNumber)
		put(188, 16, c.From)
		put(204, 16, c.To)
		put(220, 22, rest)
		put(242, 6, c.Nation)
		put(248, 2, "Y")
		put(250, 6, c.OldID)
	default:
		put(0, 30, c.Name)
		put(30, 2, c.Sex)
		put(36, 16, c.Birth)
		put(52, 70, c.Address)
		put(122, 36, c.IDNumber)
		put(158, 30, c.Issuer)
		put(188, 16, c.From)
		put(204, 16, c.To)
		if c.Kind == HMT {
			put(220, 18, c.Pass)
			put(238, 4, c.Issues)
			put(248, 2, "J")
		} else {
			put(32, 4, c.Ethnic)
		}
	}
	return t
}

// record encodes s in UTF-16LE, padded with spaces to size bytes.
func record(s string, size int) []byte {
	units := utf16.Encode([]rune(s))
	out := make([]byte, size)
	for i := 0; i < size; i += 2 {
		u := uint16(' ')
		if i/2 < len(units) {
			u = units[i/2]
		}
		out[i], out[i+1] = byte(u), byte(u>>8)
	}
	return out
}

// photo is 1024 bytes that look like the card format's picture: its header, then
// noise that is always the same for the same card.
func (c Card) photo() []byte {
	p := make([]byte, photoSize)
	h := fnv.New64a()
	fmt.Fprint(h, c.Key, c.IDNumber)
	x := h.Sum64() | 1
	for i := range p {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		p[i] = byte(x >> 32)
	}
	copy(p, []byte{0x57, 0x4C, 0x66, 0x00, 0x7E, 0x00, 0x32, 0x00, 0x00, 0xFF})
	return p
}

// checkDigit completes a 17-digit citizen number by GB 11643 (ISO 7064 MOD 11-2).
func checkDigit(body string) string {
	sum := 0
	for i := range len(body) {
		sum = (sum + int(body[i]-'0')) * 2 % 11
	}
	return body + string("0123456789X"[(12-sum)%11])
}
