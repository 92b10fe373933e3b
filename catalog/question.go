package catalog

// Form is what an item asks: pages in order, one question group each.
type Form struct {
	Pages []Page `yaml:"pages"`
}

// Page is one question group.
type Page struct {
	ID        string     `yaml:"id"`
	Title     Text       `yaml:"title"`
	ShowIf    string     `yaml:"showIf"` // CEL over the card and the pages before; empty means always
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
	KeysAll     Keyboard = ""        // Chinese too
	KeysDigits  Keyboard = "digits"  // 0–9 and the X of an id number
	KeysLetters Keyboard = "letters" // Latin letters, digits and -
)

// Question is one field of a form.
type Question struct {
	ID       string         `yaml:"id"` // a letter, then letters, digits and _; unique in the item
	Label    Text           `yaml:"label"`
	Hint     Text           `yaml:"hint"`
	Kind     QuestionKind   `yaml:"kind"`
	Keyboard Keyboard       `yaml:"keyboard"`
	Options  []Option       `yaml:"options"`
	Optional bool           `yaml:"optional"`
	Prefill  CardField      `yaml:"prefill"`
	Schema   map[string]any `yaml:"schema"` // JSON Schema 2020-12 of the answer, a string; see schema.go
	Wrong    Text           `yaml:"wrong"`  // what to say where Schema does not fit
	Rules    []Rule         `yaml:"rules"`  // CEL, e.g. a date not before today
}

// Option is one choice.
type Option struct {
	Value string `yaml:"value"`
	Label Text   `yaml:"label"`
}

// Answers are what the citizen said: question id → value.
type Answers map[string]string

// Problem is an answer or a condition that does not hold, told to the citizen.
type Problem struct {
	Question string // id, or empty where it is about the person or the whole form
	Code     ProblemCode
	Text     Text
}

// ProblemCode says of what kind a problem is.
type ProblemCode string

const (
	Missing    ProblemCode = "missing"    // asked for and not answered
	Format     ProblemCode = "format"     // not of the form asked for
	TooLong    ProblemCode = "long"       // more than MaxAnswer characters
	Characters ProblemCode = "characters" // control characters, or bytes that are no text
	NoOption   ProblemCode = "option"     // none of the choices
	Refused    ProblemCode = "rule"       // a condition of the item does not hold
	Unknown    ProblemCode = "unknown"    // answers a question, or names a page, that the form has not
	Hidden     ProblemCode = "hidden"     // answers a question that was not asked
	TooMany    ProblemCode = "many"       // more answers than a form can have
)
