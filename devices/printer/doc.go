// Package printer prints receipts on ESC/POS printers and never guesses whether
// they came out.
//
// # Proof
//
// A job is written in chunks that fit the printer's receive buffer. Behind each chunk
// stands a marker: a command that waits in the printer's queue like print data and is
// answered when its turn comes. The answer to the marker behind the cut proves that
// the paper moved past the knife. Two markers are known:
//
//   - GS r 1, the default, is understood by nearly every make. Its answer carries no
//     name, so only one is ever outstanding, and what is left over of a failed job is
//     drained before the next.
//   - GS ( H function 48 answers with four characters of the host's choice after the
//     data before it has been printed; Profile.JobID selects it where the make knows it.
//
// DLE EOT cannot be a marker: it overtakes the data. Both markers are silent while the
// printer is offline; then DLE EOT says why.
//
// # Print once
//
// The first marker stands before anything printable. If it is not answered, nothing
// came out: ErrNotPrinted. From there on a failure is ErrUnconfirmed: part or all may be
// on paper, and the job is never sent again by this package. What the printer still holds
// is cleared (DLE DC4 8, then ESC @), so that a refill cannot pour old tickets out; as
// soon as the printer works again, Document.VoidText and a cut go out, so that a
// half receipt says that it is void. A Journal carries that duty over a restart.
//
// # Status
//
// One byte stream carries answers to DLE EOT, automatic status (ASB), XON/XOFF, marker
// answers and the answer to the clearing command. demux tells them apart by their fixed
// bits; see classify. A state that was not answered is unknown; it is never taken for a
// lack of paper.
package printer
