package idcard

import (
	"encoding/binary"
	"errors"
	"strings"
	"unicode"
	"unicode/utf16"
)

const longTerm = "长期"

// ParseRecord reads the 256 bytes of a card's text. A card whose holder it cannot
// tell for sure (type, name, id number, birth) is refused with a *FieldError; any
// other field that does not look right is kept as it is and listed in Doubts.
func ParseRecord(text []byte) (Record, error) {
	if len(text) != textSize {
		return Record{}, &FieldError{FieldType, ProblemMissing}
	}
	r := Record{Type: CardType(text[typeOffset])}
	if r.Type == 0 {
		r.Type = Resident
	}
	l, ok := layouts[r.Type]
	if !ok || text[typeOffset+1] != 0 {
		return Record{}, &FieldError{FieldType, ProblemUnknown}
	}
	for _, c := range l.cells {
		s, problem := decodeText(text[c.at : c.at+c.length])
		if problem != "" {
			r.doubt(c.field, problem)
		}
		*c.ref(&r) = s
	}
	if l.moreLength > 0 {
		r.joinEnglish(text, l)
	}
	r.readSex(text[l.sexAt : l.sexAt+2])
	if r.To == longTerm {
		r.To, r.LongTerm = "", true
	}
	r.check()
	return r, r.refusal()
}

func (r *Record) doubt(f Field, p Problem) { r.Doubts = append(r.Doubts, FieldError{f, p}) }

// refusal is the doubt for which the whole card is refused.
func (r *Record) refusal() error {
	for _, d := range r.Doubts {
		if d.Problem == ProblemRare {
			continue
		}
		switch d.Field {
		case FieldName, FieldIDNumber, FieldBirth:
			return &d
		}
	}
	return nil
}

// joinEnglish completes the English name of a Y card. Its first cell is cut at 35
// characters, maybe within the space between two words, so both are read as one.
func (r *Record) joinEnglish(text []byte, l layout) {
	for _, c := range l.cells {
		if c.field == FieldEnglish {
			whole := append(append([]byte(nil), text[c.at:c.at+c.length]...), text[l.moreAt:l.moreAt+l.moreLength]...)
			r.EnglishName, _ = decodeText(whole)
		}
	}
	if _, problem := decodeText(text[l.moreAt : l.moreAt+l.moreLength]); problem != "" {
		r.doubt(FieldEnglish, problem)
	}
}

func (r *Record) readSex(cell []byte) {
	r.Sex = Sex(cell[0])
	if cell[1] != 0 || !r.Sex.Known() {
		r.Sex = SexUnknown
		r.doubt(FieldSex, ProblemUnknown)
	}
}

// check looks at the fields for what they should be.
func (r *Record) check() {
	if r.Name == "" && r.EnglishName == "" {
		r.doubt(FieldName, ProblemMissing)
	}
	for _, d := range []struct {
		field Field
		date  Date
	}{{FieldBirth, r.Birth}, {FieldFrom, r.From}, {FieldTo, r.To}} {
		switch {
		case d.field == FieldTo && r.LongTerm, d.date.Valid():
		case d.date == "":
			r.doubt(d.field, ProblemMissing)
		default:
			r.doubt(d.field, ProblemGarbled)
		}
	}
	if r.From.Valid() && r.To.Valid() && r.To < r.From {
		r.doubt(FieldTo, ProblemMismatch)
	}
	if r.Type == Resident && r.Ethnic.Name() == "" {
		r.doubt(FieldEthnic, ProblemUnknown)
	}
	if p := r.checkNumber(); p != "" {
		r.doubt(FieldIDNumber, p)
	}
}

// checkNumber judges the id number by the rule of its card type.
func (r *Record) checkNumber() Problem {
	id := r.IDNumber
	switch {
	case id == "":
		return ProblemMissing
	case r.Type == Foreign2017:
		return checkOldForeign(id)
	case !ValidIDNumber(id):
		return ProblemCheck
	case r.Type == Permit && !hasPrefix(id, "81", "82", "83"):
		return ProblemMismatch
	case r.Type == Foreign2023 && id[0] != '9':
		return ProblemMismatch
	case r.Birth.Valid() && id[6:14] != string(r.Birth):
		return ProblemMismatch
	}
	return ""
}

// checkOldForeign: three letters of the nation, then twelve digits.
func checkOldForeign(id string) Problem {
	if len(id) != 15 {
		return ProblemGarbled
	}
	for i, c := range id {
		if letter := c >= 'A' && c <= 'Z'; i < 3 && !letter {
			return ProblemGarbled
		}
		if digit := c >= '0' && c <= '9'; i >= 3 && !digit {
			return ProblemGarbled
		}
	}
	return ""
}

func hasPrefix(s string, prefixes ...string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// decodeText reads UTF-16LE padded with spaces, or with zeros on some cards.
// Private-use characters are kept: they are how issuers write characters that had no
// code point when the card was made.
func decodeText(b []byte) (string, Problem) {
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	s := strings.TrimRight(string(utf16.Decode(units)), " \x00")
	var problem Problem
	for _, c := range s {
		switch {
		case c == unicode.ReplacementChar, unicode.IsControl(c):
			return s, ProblemGarbled
		case unicode.Is(unicode.Co, c):
			problem = ProblemRare
		}
	}
	return s, problem
}

// ErrPayload: a reply's data is not what its lengths announce.
var ErrPayload = errors.New("card data has wrong lengths")

// ParseCard reads the data of a reply to CmdReadCard or CmdReadFingerprint: the
// lengths of the parts, then text, photo and fingerprints.
func ParseCard(data []byte) (Record, error) {
	if len(data) < 4 {
		return Record{}, ErrPayload
	}
	head, print := 4, 0
	text := int(binary.BigEndian.Uint16(data))
	photo := int(binary.BigEndian.Uint16(data[2:]))
	if text != textSize || photo != photoSize {
		return Record{}, ErrPayload
	}
	if len(data) != head+text+photo { // then there must be a third length
		if len(data) < 6 {
			return Record{}, ErrPayload
		}
		head, print = 6, int(binary.BigEndian.Uint16(data[4:]))
		if len(data) != head+text+photo+print || print > maxFingerprint {
			return Record{}, ErrPayload
		}
	}
	r, err := ParseRecord(data[head : head+text])
	if err != nil {
		return Record{}, err
	}
	rest := data[head+text:]
	r.Photo, r.Fingerprint = append([]byte(nil), rest[:photo]...), append([]byte(nil), rest[photo:]...)
	if string(r.Photo[:2]) != "WL" {
		r.doubt(FieldPhoto, ProblemUnknown)
	}
	return r, nil
}

// ParseAddress reads the data of a reply to CmdReadAddress.
func ParseAddress(data []byte) (string, error) {
	if len(data) != addressSize {
		return "", ErrPayload
	}
	s, problem := decodeText(data)
	if problem == ProblemGarbled {
		return "", &FieldError{FieldAddress, problem}
	}
	return s, nil
}
