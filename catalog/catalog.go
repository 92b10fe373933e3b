// Package catalog is what can be done at a terminal: items (事项), their forms and
// the receipt they end with. It is read from YAML, checked by rules, and used by
// the kiosk and the hub alike, so that both judge an answer by the same code.
//
// Load compiles every condition and every schema once; what it returns is never
// changed again and may be read by many goroutines. Lint judges a catalogue before
// it is published.
package catalog

// Catalog is one published version of everything that terminals offer.
type Catalog struct {
	Version     string        `yaml:"version"` // e.g. 2026.11.1, grows
	Topics      []Topic       `yaml:"topics"`
	Departments []Department  `yaml:"departments"`
	Items       []Item        `yaml:"items"`           // in the order of the home screen
	Columns     int           `yaml:"receipt_columns"` // of the narrowest paper: 32 (58 mm, also where it is 0) or 48 (80 mm)
	Receipt     []ReceiptLine `yaml:"receipt"`
}

// Item finds an item by its id. The item is shared: it must not be changed.
func (c *Catalog) Item(id string) (*Item, bool) {
	for i := range c.Items {
		if c.Items[i].ID == id {
			return &c.Items[i], true
		}
	}
	return nil, false
}

// Department finds an item's department by its credit code.
func (c *Catalog) Department(code string) (*Department, bool) {
	for i := range c.Departments {
		if c.Departments[i].Code == code {
			return &c.Departments[i], true
		}
	}
	return nil, false
}

// Text is a sentence in the languages of the screen.
type Text struct {
	Zh string `yaml:"zh"`
	En string `yaml:"en"`
}

// In gives the text in a language (zh or en), Chinese where the other is missing.
func (t Text) In(lang string) string {
	if lang == "en" && t.En != "" {
		return t.En
	}
	return t.Zh
}

// Topic groups items for the home screen.
type Topic struct {
	ID         string   `yaml:"id"`
	Name       Text     `yaml:"name"`
	ServerType []string `yaml:"server_type"` // whom its items serve, GB/T 39046 A.4; empty means anybody
}

// Department answers for items (实施主体).
type Department struct {
	Code  string `yaml:"dept_code"` // unified social credit code, GB 32100, 18 characters
	Name  Text   `yaml:"dept_name"`
	Phone string `yaml:"link_way"`
}

// Capability is something that an item needs of the terminal, here and now.
type Capability string

const (
	NeedsReader  Capability = "reader"
	NeedsPrinter Capability = "printer"
	NeedsNetwork Capability = "network"
)

// CardField is a field of an identity document that a form may be filled from.
type CardField string

const (
	FieldName     CardField = "name"
	FieldSex      CardField = "sex"
	FieldEthnic   CardField = "ethnic"
	FieldBirth    CardField = "birth"
	FieldAddress  CardField = "address"
	FieldIDNumber CardField = "id_number"
	FieldIssuer   CardField = "issuer"
	FieldValidity CardField = "validity" // the last day, YYYYMMDD or 长期

	// FieldPhoto goes along with the application as it was read; conditions and prefills
	// cannot use it.
	FieldPhoto CardField = "photo"
)

var cardFields = []CardField{
	FieldName, FieldSex, FieldEthnic, FieldBirth, FieldAddress, FieldIDNumber, FieldIssuer, FieldValidity,
}

// Card is what conditions may know of the card: field → value, dates YYYYMMDD.
type Card map[CardField]string
