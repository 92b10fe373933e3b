package record

import "time"

// Kind says what a log entry carries.
type Kind string

const (
	KindApplication Kind = "application" // one citizen's submission (办件)
	KindRating      Kind = "rating"      // 好差评 of one application
	KindTrace       Kind = "trace"       // steps that happened after the submission
	KindDevice      Kind = "device"      // a device's condition has changed
)

// Record is anything that can be appended to the log.
type Record interface {
	Kind() Kind
	// Key identifies the record for ever: a ULID.
	Key() string
	// Header is what may stand outside the seal.
	Header() Header
}

// Header is the part of a record that the terminal itself may still show and that
// stands outside the seal. It never holds personal data.
type Header struct {
	Application   string    `json:"application"`             // ULID of the application this belongs to
	ReceiptNumber string    `json:"receiptNumber,omitempty"` // as printed
	Item          string    `json:"item,omitempty"`          // catalogue id of the item
	ItemName      string    `json:"itemName,omitempty"`      // in Chinese, for staff
	At            time.Time `json:"at"`                      // terminal wall clock
	Blobs         []BlobRef `json:"blobs,omitempty"`         // attachments, which travel apart; complete when all are there
	Origin        *Origin   `json:"origin,omitempty"`        // only on entries carried over from an earlier log
}

// MaxBlobs is how many attachments one record may list.
const MaxBlobs = 64

// BlobRef names an attachment by the SM3 of its sealed bytes.
type BlobRef struct {
	Hash  Hash     `json:"hash"`
	Bytes int64    `json:"bytes"` // sealed
	Role  BlobRole `json:"role"`
	Media string   `json:"media"` // media type of the opened content
}

// BlobRole says what an attachment is to its application.
type BlobRole string

const (
	BlobCardPhoto BlobRole = "card-photo" // the WLT picture of the identity card, as read
	BlobSignature BlobRole = "signature"  // strokes of the citizen's finger
	BlobDocument  BlobRole = "document"   // a page or file that the item asks for
)

// Application is one citizen's submission.
type Application struct {
	ID             string            `json:"id"`            // ULID
	ReceiptNumber  string            `json:"receiptNumber"` // see ReceiptNumber in number.go
	Kiosk          string            `json:"kiosk"`
	CatalogVersion string            `json:"catalogVersion"`
	Item           string            `json:"item"`           // catalogue id
	TaskHandleItem string            `json:"taskHandleItem"` // 业务办理项编码, 33 characters
	ItemVersion    int               `json:"itemVersion"`
	ItemName       string            `json:"itemName"` // in Chinese
	Language       string            `json:"language"` // zh or en, as the citizen chose
	Applicant      Person            `json:"applicant"`
	Answers        map[string]string `json:"answers"` // question id → value; dates are YYYYMMDD
	Trace          []Step            `json:"trace"`   // from the first tap to the submission
	Clock          Clock             `json:"clock"`   // at submission
	Blobs          []BlobRef         `json:"blobs,omitempty"`
}

// Person is what an identity document says of its holder. It prints as «person»
// under every fmt verb and in slog, so that it cannot slip into a log.
type Person struct {
	CardType    string `json:"cardType"` // resident, hk-macao-taiwan, foreign-2017, foreign-2023
	Name        string `json:"name"`
	EnglishName string `json:"englishName,omitempty"`
	Sex         string `json:"sex"`              // GB/T 2261.1: 0 unknown 1 male 2 female 9 unstated
	Ethnic      string `json:"ethnic,omitempty"` // GB/T 3304 code, 01–56, 97, 98
	Nation      string `json:"nation,omitempty"` // ISO 3166 alpha-3 or code on the card
	Birth       string `json:"birth"`            // YYYYMMDD
	Address     string `json:"address"`
	IDNumber    string `json:"idNumber"`
	Issuer      string `json:"issuer"`
	ValidFrom   string `json:"validFrom"` // YYYYMMDD
	ValidTo     string `json:"validTo"`   // YYYYMMDD or 长期
}

// Step is one thing that happened in a visit (网上留痕).
type Step struct {
	At   time.Time `json:"at"`
	Name string    `json:"name"`           // e.g. item.chosen, consent.given, card.read, submitted, receipt.printed
	Note string    `json:"note,omitempty"` // never personal data
}

// Clock places a moment on three clocks, so that a wall clock that jumps can be told.
type Clock struct {
	Wall   time.Time `json:"wall"`
	MonoMs int64     `json:"monoMs"` // since the boot named by BootID
	BootID string    `json:"bootId"`
}

// Level is how satisfied a citizen was. The value is the 好差评 wire code.
type Level int

const (
	VeryUnsatisfied Level = 1 // 非常不满意
	Unsatisfied     Level = 2 // 不满意
	Fair            Level = 3 // 基本满意
	Satisfied       Level = 4 // 满意
	VerySatisfied   Level = 5 // 非常满意
)

// RatingSource says where a rating was given.
type RatingSource string

const (
	RatingOnScreen    RatingSource = "screen"
	RatingOnEvaluator RatingSource = "evaluator"
)

// Rating is a citizen's judgement of one application (好差评).
type Rating struct {
	ID          string       `json:"id"`          // ULID
	Application string       `json:"application"` // ULID
	Level       Level        `json:"level"`
	Source      RatingSource `json:"source"`
	At          time.Time    `json:"at"`
}

// Trace is what happened in a visit after its application was appended.
type Trace struct {
	ID          string `json:"id"`          // ULID
	Application string `json:"application"` // ULID
	Steps       []Step `json:"steps"`
}

// DeviceEvent is a change of one device's condition, in the words of package devices.
type DeviceEvent struct {
	ID     string `json:"id"`     // ULID
	Device string `json:"device"` // configured name
	Class  string `json:"kind"`   // idcard, printer, evaluator
	State  string `json:"state"`
	Paper  string `json:"paper,omitempty"`
	Reason string `json:"reason,omitempty"`
	Clock  Clock  `json:"clock"` // when the terminal saw it
}
