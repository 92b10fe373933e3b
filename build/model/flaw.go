package model

// Flaw is a mistake built into a life on purpose, to see that it is found.
type Flaw string

const (
	None            Flaw = ""
	AckBeforeCommit Flaw = "the hub acknowledges before it commits"
	ForgetfulStore  Flaw = "the store forgets its last commit in a crash"
	NoCursor        Flaw = "the hub appends what it has already"
	NoFence         Flaw = "the hub takes records of an older connection"
	DropConflict    Flaw = "the hub drops the version that contradicts"
	BlobTooSoon     Flaw = "the hub says that it has an attachment when it has a part"
	LyingDisk       Flaw = "the terminal's disk forgets its last flush in a power cut"
	BlindTerminal   Flaw = "the terminal does not compare its log with the hub's"
	ForgottenOrders Flaw = "the terminal forgets in a power cut which orders it has run"
)

// Flaws are all of them.
var Flaws = []Flaw{AckBeforeCommit, ForgetfulStore, NoCursor, NoFence, DropConflict, BlobTooSoon,
	LyingDisk, BlindTerminal, ForgottenOrders}
