package model

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// Move is one thing that happens. A and B choose among what there is at that moment, so
// that a move means something in every life, or nothing.
type Move struct {
	Kind Kind
	A, B uint64
}

// Kind is what happens.
type Kind string

const (
	Append       Kind = "append"        // a citizen is given a receipt
	AppendCut    Kind = "append cut"    // the power goes while a record is being written
	AppendAgain  Kind = "append again"  // what was being written is handed in once more
	Connect      Kind = "connect"       // HELLO, WELCOME
	ConnectLost  Kind = "connect lost"  // HELLO arrives, WELCOME does not
	Send         Kind = "send"          // a terminal writes RECORDS to its socket
	SendTwice    Kind = "send twice"    // and they arrive twice
	Forge        Kind = "forge"         // records arrive that are not those of the log
	Commit       Kind = "commit"        // the hub commits some of what has come
	CommitCrash  Kind = "commit, crash" // and goes down before a word of it
	Crash        Kind = "hub crash"     // with all that has come and is not committed
	HearAck      Kind = "hear"          // a terminal reads one message
	LoseAck      Kind = "lose word"     // one message to a terminal is lost with its connection
	Hangup       Kind = "hang up"       // a connection breaks; some of what is under way arrives
	Reboot       Kind = "reboot"        // a terminal is ended in good order
	PowerCut     Kind = "power cut"     // a terminal is ended in none
	TakeImage    Kind = "take image"    // of a terminal's disk
	RestoreImage Kind = "restore image" // the disk as it was
	Clone        Kind = "clone"         // a second machine with the disk and the name of the first
	Backup       Kind = "backup"        // of the hub's database
	Restore      Kind = "restore"       // the database as it was
	Wait         Kind = "wait"          // hours; a clock may also go back
	Prune        Kind = "prune"         // what was acknowledged long ago is dropped
	NewEpoch     Kind = "new epoch"     // a terminal ends its log by itself
)

// often is how likely each is; what leads to delivery is likelier than what hinders it.
var often = []struct {
	kind   Kind
	weight int
}{
	{Append, 18}, {AppendCut, 3}, {AppendAgain, 2},
	{Connect, 14}, {ConnectLost, 1},
	{Send, 16}, {SendTwice, 2}, {Forge, 1},
	{Commit, 14}, {CommitCrash, 2}, {Crash, 1},
	{HearAck, 14}, {LoseAck, 2}, {Hangup, 2},
	{Reboot, 1}, {PowerCut, 2},
	{TakeImage, 2}, {RestoreImage, 2}, {Clone, 2},
	{Backup, 2}, {Restore, 2},
	{Wait, 4}, {Prune, 3}, {NewEpoch, 1},
}

// Life draws the moves of a seed.
func Life(seed uint64) []Move {
	r := rand.New(rand.NewPCG(seed, 0x79656261))
	total := 0
	for _, o := range often {
		total += o.weight
	}
	moves := make([]Move, 20+r.IntN(120))
	for i := range moves {
		n := r.IntN(total)
		for _, o := range often {
			if n -= o.weight; n < 0 {
				moves[i] = Move{o.kind, r.Uint64(), r.Uint64()}
				break
			}
		}
	}
	return moves
}

// Format writes moves one a line.
func Format(moves []Move) string {
	var b strings.Builder
	for i, m := range moves {
		fmt.Fprintf(&b, "%3d %-14s %#x %#x\n", i+1, m.Kind, m.A, m.B)
	}
	return b.String()
}

// Shrink leaves out moves as long as fails says that the rest still does.
func Shrink(moves []Move, fails func([]Move) bool) []Move {
	for size := len(moves) / 2; size > 0; size /= 2 {
		for from := 0; from < len(moves); {
			fewer := append(append([]Move(nil), moves[:from]...), moves[min(from+size, len(moves)):]...)
			if fails(fewer) {
				moves = fewer
				continue
			}
			from += size
		}
	}
	return moves
}
