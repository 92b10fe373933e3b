package command

import (
	"slices"

	"yeban/sync/protocol"
)

// unheard is the state of a command that is not in the notebook.
const unheard protocol.CommandState = ""

// steps are the states that may follow each state; what is not listed has ended.
var steps = map[protocol.CommandState][]protocol.CommandState{
	unheard: {
		protocol.CommandBegun,
		protocol.CommandRefused,
		protocol.CommandExpired,
		protocol.CommandInterrupted, // may have been run by a notebook that is lost
	},
	protocol.CommandBegun: {
		protocol.CommandDone,
		protocol.CommandFailed,
		protocol.CommandInterrupted,
	},
}

// follows says whether a command may go from one state to another.
func follows(from, to protocol.CommandState) bool { return slices.Contains(steps[from], to) }
