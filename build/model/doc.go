// Package model plays random lives of terminals and of a hub, and holds each against a
// model of the promise: what a citizen has a receipt for is at the hub exactly once in
// the end, with the papers that came with it, and what staff order is run at most once.
//
// Real are the whole terminal below its screens (outbox on its bbolt file, attachments,
// notebook of orders, link with its websocket) and the whole hub above its wire (net/http,
// two intakes on one store on SQLite, projector). Each life has a bubble of
// testing/synctest to itself, with a time of its own that passes only while everybody
// waits. Simulated are the network between them (see line), on which connections are
// slow, held up, cut in the middle of a frame, or gone without a word; the disks, whose
// files are copied at the moment of a crash, with what was not flushed dropped or torn;
// and the clocks.
//
// Two observers stand in the way without being noticed: clerk between the intakes and the
// store, which knows what each claim and each batch must be answered, and desk between the
// link and the outbox, which keeps the ledger of what the disk must hold. Through them,
// too, flaws are built in.
//
// A life is drawn from a seed: its moves, and when each comes. What two goroutines do at
// one instant may still go either way, so a life that broke the promise once may need to
// be lived a few times to do it again. When one does, moves are left out as long as the
// rest still breaks it, and that is printed.
package model
