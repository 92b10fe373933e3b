// Package command is a terminal's notebook of the orders that staff send it, and the
// one place that carries them out.
//
// # Promise
//
// A command is run at most once, whatever is sent twice and whenever the terminal goes
// down: that it begins is on stable storage before anything is done. One that had begun
// and not ended when the terminal went down is interrupted, which says that nobody knows
// whether it took effect. How far each is, is told to the hub until the hub has answered.
//
//	(not heard of) → begun → done | failed | interrupted
//	(not heard of) → refused | expired
//
// What has not begun is not written down: the hub sends it again with every connection.
//
// # The file
//
// commands.log in the terminal's data folder is text, one line a step, each flushed
// before what follows from it happens:
//
//	CRC-32C of the rest in 8 hex digits │ space │ JSON │ newline
//
// The first line is {"is":"yeban commands","format":1}. Half a line at the end was never
// believed by anybody and is cut off. It is a file of its own, and no
// database: it may not stop service, so a damaged one must be told from a whole one
// without trusting it, and a line proves itself. (The lock on the outbox keeps a second
// program out of the folder.)
//
// A damaged file is kept as commands.log.bad-<time>. Its readable lines go on; what was in
// the others is not known. So a command that was given before the first one to be heard
// of after the damage, or is that one, is not run but reported as interrupted. The same
// holds when commands.log is gone and commands.begun is not: that empty file is made with
// the first notebook of a folder and says that there was one.
//
// What has ended is forgotten 30 days after it has expired, or once it has expired when ten
// thousand commands are known: sent again, it has still expired.
package command
