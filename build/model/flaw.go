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
	LyingDisk       Flaw = "the terminal's disk forgets its last flush in a power cut"
)

// Flaws are all of them.
var Flaws = []Flaw{AckBeforeCommit, ForgetfulStore, NoCursor, NoFence, DropConflict, LyingDisk}
