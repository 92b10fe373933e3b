package idcard

// Sizes of a card's parts in bytes.
const (
	textSize       = 256
	photoSize      = 1024
	maxFingerprint = 1024
	addressSize    = 70
	typeOffset     = 248
)

// cell is where a field lies in the 256 bytes of text, and what it is in a Record.
type cell struct {
	field      Field
	at, length int
	ref        func(*Record) *string
}

// Where each field's text lives in a Record.
var (
	name    = func(r *Record) *string { return &r.Name }
	english = func(r *Record) *string { return &r.EnglishName }
	ethnic  = func(r *Record) *string { return (*string)(&r.Ethnic) }
	birth   = func(r *Record) *string { return (*string)(&r.Birth) }
	address = func(r *Record) *string { return &r.Address }
	number  = func(r *Record) *string { return &r.IDNumber }
	issuer  = func(r *Record) *string { return &r.Issuer }
	from    = func(r *Record) *string { return (*string)(&r.From) }
	to      = func(r *Record) *string { return (*string)(&r.To) }
	pass    = func(r *Record) *string { return &r.PassNumber }
	count   = func(r *Record) *string { return &r.Count }
	nation  = func(r *Record) *string { return &r.Nation }
	version = func(r *Record) *string { return &r.Version }
	oldID   = func(r *Record) *string { return &r.OldID }
	reserve = func(r *Record) *string { return &r.Reserve }
)

// layout is a card type's cells. Sex has its own place, being one character.
type layout struct {
	sexAt int
	cells []cell
	// more is where the English name of a Y card goes on, beyond its first cell.
	moreAt, moreLength int
}

var layouts = map[CardType]layout{
	Resident: {sexAt: 30, cells: []cell{
		{FieldName, 0, 30, name},
		{FieldEthnic, 32, 4, ethnic},
		{FieldBirth, 36, 16, birth},
		{FieldAddress, 52, 70, address},
		{FieldIDNumber, 122, 36, number},
		{FieldIssuer, 158, 30, issuer},
		{FieldFrom, 188, 16, from},
		{FieldTo, 204, 16, to},
		{FieldReserve, 220, 28, reserve}, // 36 long, but 248 says the type
	}},
	Permit: {sexAt: 30, cells: []cell{
		{FieldName, 0, 30, name},
		{FieldEthnic, 32, 4, ethnic},
		{FieldBirth, 36, 16, birth},
		{FieldAddress, 52, 70, address},
		{FieldIDNumber, 122, 36, number},
		{FieldIssuer, 158, 30, issuer},
		{FieldFrom, 188, 16, from},
		{FieldTo, 204, 16, to},
		{FieldPass, 220, 18, pass},
		{FieldCount, 238, 4, count},
		{FieldReserve, 242, 6, reserve},
	}},
	Foreign2017: {sexAt: 120, cells: []cell{
		{FieldEnglish, 0, 120, english},
		{FieldIDNumber, 122, 30, number},
		{FieldNation, 152, 6, nation},
		{FieldName, 158, 30, name},
		{FieldFrom, 188, 16, from},
		{FieldTo, 204, 16, to},
		{FieldBirth, 220, 16, birth},
		{FieldVersion, 236, 4, version},
		{FieldIssuer, 240, 8, issuer},
	}},
	Foreign2023: {sexAt: 30, moreAt: 220, moreLength: 22, cells: []cell{
		{FieldName, 0, 30, name},
		{FieldCount, 32, 4, count},
		{FieldBirth, 36, 16, birth},
		{FieldEnglish, 52, 70, english},
		{FieldIDNumber, 122, 36, number},
		{FieldReserve, 158, 30, reserve},
		{FieldFrom, 188, 16, from},
		{FieldTo, 204, 16, to},
		{FieldNation, 242, 6, nation},
		{FieldOldID, 250, 6, oldID},
	}},
}
