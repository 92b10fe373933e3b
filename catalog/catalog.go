// Package catalog is what can be done at a terminal: items (事项), their forms and
// the receipt they end with. It is read from YAML, checked by rules, and used by
// the kiosk and the hub alike, so that both judge an answer by the same code.
package catalog

// Catalog is one published version of everything that terminals offer.
type Catalog struct {
	Version     string        `yaml:"version"` // e.g. 2026.11.1, grows
	Topics      []Topic       `yaml:"topics"`
	Departments []Department  `yaml:"departments"`
	Items       []Item        `yaml:"items"`
	Receipt     []ReceiptLine `yaml:"receipt"`
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
	ID   string `yaml:"id"`
	Name Text   `yaml:"name"`
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
	FieldValidity CardField = "validity"
)

// Item is one service item (事项), the names in YAML being those of the national
// item database (GB/T 39046-2020 table 4).
type Item struct {
	ID         string       `yaml:"id"`               // short and stable: social-card-reissue
	HandleItem string       `yaml:"task_handle_item"` // 业务办理项编码, 33 characters
	Version    int          `yaml:"task_version"`
	Name       Text         `yaml:"task_name"`
	Summary    Text         `yaml:"summary"` // one line under the tile's name
	Icon       string       `yaml:"icon"`    // name of a file in assets/icons
	Topic      string       `yaml:"topic"`
	Type       string       `yaml:"task_type"`    // GB/T 39046 A.1, two digits
	UseLevel   string       `yaml:"use_level"`    // A.2
	Dept       string       `yaml:"dept_code"`    // of a Department
	Project    ProjectType  `yaml:"project_type"` // A.6
	Promise    Days         `yaml:"promise"`      // 承诺时限
	Anticipate Days         `yaml:"anticipate"`   // 法定时限
	Fee        Fee          `yaml:"fee"`
	Materials  []Material   `yaml:"materials"`
	Requires   []Capability `yaml:"requires"`
	Reads      []CardField  `yaml:"reads"`   // what is taken from the card
	Purpose    Text         `yaml:"purpose"` // why, in a sentence for the consent page
	Eligible   []Rule       `yaml:"eligible"`
	Form       Form         `yaml:"form"`
	Next       []Text       `yaml:"next"` // what happens next and when, for the last page and the receipt
}

// ProjectType is 办件类型, GB/T 39046 A.6.
type ProjectType string

const (
	Instant  ProjectType = "1" // 即办件
	Promised ProjectType = "2" // 承诺件
	OtherWay ProjectType = "9"
)

// Days is a time limit. Unit is workday or day.
type Days struct {
	N    int    `yaml:"n"`
	Unit string `yaml:"unit"`
}

// Fee is what an item costs; zero fen is free.
type Fee struct {
	Fen   int    `yaml:"fen"`
	Basis string `yaml:"basis"`
}

// Material is a document that an item asks for.
type Material struct {
	Name     Text   `yaml:"material_name"`
	Need     string `yaml:"is_need"`     // 1 必要 2 非必要 3 容缺后补
	Source   string `yaml:"source_type"` // 10 申请人自备 20 政府部门核发 99 其他
	ELicence bool   `yaml:"e_licence"`   // obtainable as 电子证照
}

// Rule is a CEL condition that must hold, and what to tell the citizen if it does not.
type Rule struct {
	If        string `yaml:"if"` // CEL over card.* and answers.*; true means fine
	Otherwise Text   `yaml:"otherwise"`
}

// Form is what an item asks: pages in order, one question group each.
type Form struct {
	Pages []Page `yaml:"pages"`
}

// Page is one question group.
type Page struct {
	ID        string     `yaml:"id"`
	Title     Text       `yaml:"title"`
	ShowIf    string     `yaml:"showIf"` // CEL; empty means always
	Questions []Question `yaml:"questions"`
}

// QuestionKind is how a question is answered.
type QuestionKind string

const (
	Choice QuestionKind = "choice"
	Date   QuestionKind = "date" // answer YYYYMMDD
	Line   QuestionKind = "text" // one line from the on-screen keyboard
)

// Keyboard is which keys a text question needs.
type Keyboard string

const (
	KeysDigits  Keyboard = "digits"
	KeysLetters Keyboard = "letters" // letters and digits
)

// Question is one field of a form.
type Question struct {
	ID       string         `yaml:"id"`
	Label    Text           `yaml:"label"`
	Hint     Text           `yaml:"hint"`
	Kind     QuestionKind   `yaml:"kind"`
	Keyboard Keyboard       `yaml:"keyboard"`
	Options  []Option       `yaml:"options"`
	Optional bool           `yaml:"optional"`
	Prefill  CardField      `yaml:"prefill"`
	Schema   map[string]any `yaml:"schema"` // JSON Schema 2020-12 of the answer, a string
	Rules    []Rule         `yaml:"rules"`  // CEL, e.g. a date not before today
}

// Option is one choice.
type Option struct {
	Value string `yaml:"value"`
	Label Text   `yaml:"label"`
}

// Answers are what the citizen said: question id → value.
type Answers map[string]string

// Card is what conditions may know of the card: field → value, dates YYYYMMDD.
type Card map[CardField]string

// Problem is an answer or a condition that does not hold, told to the citizen.
type Problem struct {
	Question string // id, or empty where it is about the person
	Code     string // missing, format, option, rule, unknown
	Text     Text
}

// ReceiptLine is one line of the printed receipt. Text and QR may hold {fields}.
type ReceiptLine struct {
	Text  string `yaml:"text"`
	QR    string `yaml:"qr"`
	Rule  bool   `yaml:"rule"`
	Align string `yaml:"align"` // left (default), center
	Size  int    `yaml:"size"`  // 1 (default) or 2
	Bold  bool   `yaml:"bold"`
	If    string `yaml:"if"` // a field: the line is left out where it is empty
}
