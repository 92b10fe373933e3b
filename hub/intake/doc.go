// Package intake is the hub's end of every terminal's websocket.
//
// A connection opens with HELLO. The store gives it the next fence of its terminal,
// which puts every older connection out of action wherever it is held, and the place
// where the terminal's log resumes. RECORDS of all connections pass through one writer
// that commits them in groups; an ACK leaves only after the commit it speaks of. STATUS
// is kept latest-wins in memory and written now and then.
//
// Orders of staff go to the terminals that are here, and REPORT is answered when it is
// stored. Pieces of attachments (BLOB) have a keeper of their own beside the writer, and
// wait where records do not. PROGRESS is answered by whom Config names.
//
// What makes no sense is answered with an Error frame and the end of the connection. A
// record that makes no sense is no matter for intake: it is committed like any other,
// and parked by the projector.
package intake
