// Package model plays random lives of terminals and of a hub, and holds each against a
// model of the promise: what a citizen has a receipt for is at the hub exactly once in
// the end.
//
// Real are the outbox on its bbolt file, the hub's store on SQLite, and the projector.
// Between them stands a simulated network, in which messages are lost, late and doubled,
// and under them simulated disks: files are copied at the moment of a crash, with what
// was not flushed dropped or torn. The terminal's decisions are those of sync/link and
// the hub's those of hub/intake, in one goroutine, so that a life is its list of moves.
//
// A life is drawn from a seed. When one breaks the promise, moves are left out as long as
// it still does, and the rest is printed.
package model
