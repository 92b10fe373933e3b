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
	Attach       Kind = "attach"        // likewise, and has handed in papers
	AppendCut    Kind = "append cut"    // the power goes while a record is being written
	AppendAgain  Kind = "append again"  // what was being written is handed in once more
	Order        Kind = "order"         // staff order something
	Forge        Kind = "forge"         // the next records that are sent are not those of the log
	Stutter      Kind = "stutter"       // some records are sent twice
	Partition    Kind = "partition"     // nothing comes through a line any more
	Mend         Kind = "mend"          // a line is good again
	Slow         Kind = "slow"          // a line is slow
	Cut          Kind = "cut"           // a line breaks some bytes from now, in the middle of a frame
	Lose         Kind = "lose"          // a line breaks now; what is on its way arrives, or half of it
	Takeover     Kind = "takeover"      // a line breaks, and what is on its way arrives when another connection has taken over
	HubDies      Kind = "hub dies"      // a few writes from now, before the write or behind it
	HubCrash     Kind = "hub crash"     // at once
	ServerStops  Kind = "server stops"  // one of the hub's processes is started anew, in good order
	ServerDies   Kind = "server dies"   // or in none
	Reboot       Kind = "reboot"        // a terminal is ended in good order
	PowerCut     Kind = "power cut"     // a terminal is ended in none
	TakeImage    Kind = "take image"    // of a terminal's disk
	RestoreImage Kind = "restore image" // the disk as it was
	Clone        Kind = "clone"         // a second machine with the disk and the name of the first
	Backup       Kind = "backup"        // of the hub's database
	Restore      Kind = "restore"       // the database as it was
	SetClock     Kind = "set clock"     // a terminal's, by up to nine days, or back by one
	SetHubClock  Kind = "set hub clock" // likewise the hub's
	Wait         Kind = "wait"          // minutes
	Prune        Kind = "prune"         // what was acknowledged long ago is dropped, often a week later
	NewEpoch     Kind = "new epoch"     // a terminal ends its log by itself
)

// often is how likely each is; what leads to delivery is likelier than what hinders it.
var often = []struct {
	kind   Kind
	weight int
}{
	{Append, 20}, {Attach, 8}, {AppendCut, 3}, {AppendAgain, 2}, {Order, 6},
	{Forge, 1}, {Stutter, 2},
	{Partition, 4}, {Mend, 10}, {Slow, 4}, {Cut, 6}, {Lose, 4}, {Takeover, 5},
	{HubDies, 4}, {HubCrash, 1}, {ServerStops, 1}, {ServerDies, 2},
	{Reboot, 1}, {PowerCut, 4}, {TakeImage, 2}, {RestoreImage, 2}, {Clone, 2},
	{Backup, 2}, {Restore, 2},
	{SetClock, 4}, {SetHubClock, 1}, {Wait, 6}, {Prune, 4}, {NewEpoch, 1},
}

// Life draws the moves of a seed.
func Life(seed uint64) []Move {
	r := rand.New(rand.NewPCG(seed, 0x79656261))
	total := 0
	for _, o := range often {
		total += o.weight
	}
	moves := make([]Move, 15+r.IntN(60))
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
