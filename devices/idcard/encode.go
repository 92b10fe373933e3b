package idcard

import (
	"encoding/binary"
	"unicode/utf16"
)

// EncodeRecord writes the 256 bytes of a card's text, as its issuer would. It does
// not judge what it is given, so that wrong cards can be made as well, but what does
// not fit its place is a *FieldError.
func EncodeRecord(r Record) ([textSize]byte, error) {
	var text [textSize]byte
	for i := 0; i < textSize; i += 2 {
		text[i] = ' '
	}
	l, ok := layouts[r.Type]
	if !ok {
		return text, &FieldError{FieldType, ProblemUnknown}
	}
	if r.LongTerm {
		r.To = longTerm
	}
	var rest string
	if l.moreLength > 0 {
		r.EnglishName, rest = cutUnits(r.EnglishName, textUnits(l, FieldEnglish))
	}
	for _, c := range l.cells {
		if !put(text[c.at:c.at+c.length], *c.ref(&r)) {
			return text, &FieldError{c.field, ProblemTooLong}
		}
	}
	if !put(text[l.moreAt:l.moreAt+l.moreLength], rest) {
		return text, &FieldError{FieldEnglish, ProblemTooLong}
	}
	if r.Sex != 0 {
		text[l.sexAt] = byte(r.Sex)
	}
	text[typeOffset] = byte(r.Type)
	return text, nil
}

// EncodeCard writes the data of a reply to CmdReadCard, or with fingerprint to
// CmdReadFingerprint. A missing photo becomes an empty one with the right header.
func EncodeCard(r Record, fingerprint bool) ([]byte, error) {
	text, err := EncodeRecord(r)
	if err != nil {
		return nil, err
	}
	if len(r.Photo) > photoSize {
		return nil, &FieldError{FieldPhoto, ProblemTooLong}
	}
	photo := make([]byte, photoSize)
	copy(photo, wltHeader)
	copy(photo, r.Photo)
	data := binary.BigEndian.AppendUint16(nil, textSize)
	data = binary.BigEndian.AppendUint16(data, photoSize)
	if fingerprint {
		data = binary.BigEndian.AppendUint16(data, uint16(len(r.Fingerprint)))
	}
	data = append(append(data, text[:]...), photo...)
	if fingerprint {
		data = append(data, r.Fingerprint...)
	}
	return data, nil
}

// wltHeader begins every photo: "WL", 102 × 126 pixels.
var wltHeader = []byte{0x57, 0x4C, 0x66, 0x00, 0x7E, 0x00, 0x32, 0x00, 0x00, 0xFF}

// EncodeAddress writes the data of a reply to CmdReadAddress.
func EncodeAddress(address string) ([]byte, error) {
	data := make([]byte, addressSize)
	for i := 0; i < addressSize; i += 2 {
		data[i] = ' '
	}
	if !put(data, address) {
		return nil, &FieldError{FieldAddress, ProblemTooLong}
	}
	return data, nil
}

// EncodeReply makes the bytes of a reply. In the STX family only the first two
// status bytes are sent.
func EncodeReply(f Family, sw SW, data []byte) []byte {
	status := sw[:]
	if f == STX {
		status = sw[:2]
	}
	return Frame{f, append(append([]byte(nil), status...), data...)}.Encode()
}

// put writes a text into a cell that is full of spaces; false where it does not fit.
func put(cell []byte, s string) bool {
	units := utf16.Encode([]rune(s))
	if 2*len(units) > len(cell) {
		return false
	}
	for i, u := range units {
		binary.LittleEndian.PutUint16(cell[2*i:], u)
	}
	return true
}

func textUnits(l layout, f Field) int {
	for _, c := range l.cells {
		if c.field == f {
			return c.length / 2
		}
	}
	return 0
}

// cutUnits cuts a text after n UTF-16 units.
func cutUnits(s string, n int) (head, rest string) {
	for i, c := range s {
		if n -= utf16.RuneLen(c); n < 0 {
			return s[:i], s[i:]
		}
	}
	return s, ""
}
