package idcard

import (
	"fmt"
	"log/slog"
)

// CardType is the letter at byte 248 of a record.
type CardType byte

const (
	Resident    CardType = ' ' // 居民身份证
	Permit      CardType = 'J' // 港澳台居民居住证
	Foreign2017 CardType = 'I' // 外国人永久居留身份证, 2017
	Foreign2023 CardType = 'Y' // the same, 2023
)

func (t CardType) String() string {
	switch t {
	case Resident:
		return "resident"
	case Permit:
		return "permit"
	case Foreign2017:
		return "foreign2017"
	case Foreign2023:
		return "foreign2023"
	}
	return "unknown"
}

// Record is what a card says. Fields that a type of card does not have are empty.
// However it is printed or logged, it gives nothing away: who needs its contents
// takes them by field.
type Record struct {
	Type        CardType
	Name        string // Chinese; may hold private-use characters, see Doubts
	EnglishName string // I and Y
	Sex         Sex
	Ethnic      Ethnic // resident
	Birth       Date
	Address     string // resident and J
	IDNumber    string
	Issuer      string // resident and J: the police bureau; I: its code
	From        Date
	To          Date   // empty where LongTerm
	LongTerm    bool   // 长期: valid for life
	PassNumber  string // J: of the travel permit
	Count       string // J: times issued; Y: times renewed
	Nation      string // I and Y: GB/T 2659, three letters
	Version     string // I: of the card
	OldID       string // Y: link to the number before
	Reserve     string // what the layout leaves open, as it is

	Photo       []byte // WLT, 1024 bytes; the codec is proprietary
	Fingerprint []byte // 0, 512 or 1024 bytes
	NewAddress  string // appended to the card after it was issued

	// Doubts are fields that were read but do not look right. They do not refuse the
	// card: somebody must look at the field.
	Doubts []FieldError
}

// CurrentAddress is the address appended last, or else the printed one.
func (r Record) CurrentAddress() string {
	if r.NewAddress != "" {
		return r.NewAddress
	}
	return r.Address
}

// ValidOn says whether the card is valid on a day. A garbled validity is none.
func (r Record) ValidOn(day Date) bool {
	if !r.From.Valid() || day < r.From {
		return false
	}
	return r.LongTerm || r.To.Valid() && day <= r.To
}

// Format makes every verb of fmt print the same nothing.
func (r Record) Format(s fmt.State, _ rune) { s.Write([]byte(redacted)) }

// LogValue keeps a record's contents out of logs.
func (r Record) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText keeps a record that lies inside something else out of JSON logs.
func (r Record) MarshalText() ([]byte, error) { return []byte(redacted), nil }

const redacted = "idcard.Record(redacted)"

// Field names a part of a record in errors.
type Field string

const (
	FieldType     Field = "type"
	FieldName     Field = "name"
	FieldEnglish  Field = "englishName"
	FieldSex      Field = "sex"
	FieldEthnic   Field = "ethnic"
	FieldBirth    Field = "birth"
	FieldAddress  Field = "address"
	FieldIDNumber Field = "idNumber"
	FieldIssuer   Field = "issuer"
	FieldFrom     Field = "from"
	FieldTo       Field = "to"
	FieldPass     Field = "passNumber"
	FieldCount    Field = "count"
	FieldNation   Field = "nation"
	FieldVersion  Field = "version"
	FieldOldID    Field = "oldId"
	FieldReserve  Field = "reserve"
	FieldPhoto    Field = "photo"
)

// Problem is what is wrong with a field.
type Problem string

const (
	ProblemMissing  Problem = "missing"
	ProblemGarbled  Problem = "garbled"  // not text, not a date, not a number
	ProblemUnknown  Problem = "unknown"  // a code that its table does not have
	ProblemCheck    Problem = "check"    // check digit wrong
	ProblemMismatch Problem = "mismatch" // contradicts another field
	ProblemRare     Problem = "rare"     // private-use characters: ask the citizen
	ProblemTooLong  Problem = "tooLong"  // does not fit the card; encoding only
)

// FieldError says which field of a card is wrong and how, never what it holds.
type FieldError struct {
	Field   Field
	Problem Problem
}

func (e *FieldError) Error() string { return fmt.Sprintf("card field %s: %s", e.Field, e.Problem) }
