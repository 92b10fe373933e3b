// Package printer prints receipts on ESC/POS printers and never guesses whether
// they came out.
//
// # Proof
//
// Behind the pieces of a job stand markers: commands that wait in the printer's queue like
// print data and are answered when their turn comes. The answer to the marker behind the cut
// proves that the paper moved past the knife. Two markers are known (Profile.Proof):
//
//   - GS r 1, BySensor, is understood by nearly every make. Its answer carries no name. An
//     answer that was given up may come during the next job; stake tells how many are
//     waited for so that it proves nothing.
//   - GS ( H function 48, ByJobID, answers with four characters of the host's choice after
//     the data before it has been printed.
//
// DLE EOT cannot be a marker: it overtakes the data. Both markers are silent while the
// printer is offline; then DLE EOT says why. Automatic status is switched off while a job
// lasts, since what a bad line leaves of it can look like an answer to GS r. The pieces follow
// each other without a pause: what the printer's buffer surely holds is on the wire while a
// marker's answer is on its way back.
//
// A make that answers neither marker can have the profile Unproven: it prints what fits its
// buffer, and the result is always ErrUnconfirmed with ErrNoProof, never nil. With any other
// profile such a printer is refused, ErrNotPrinted with ErrNoProof.
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
// # What the citizen holds
//
// A receipt that came out whole is valid, whatever became of its proof: its record was
// stored before it was printed. So where the marker before the cut was answered but not the
// one behind it (ErrUncut), only a cut goes out, and no VoidText. If that answer was lost,
// too, nobody can tell a whole receipt from a half one, and VoidText goes out: on the half
// receipt that hangs in the printer, or, if the receipt was whole and cut off, on a slip of
// its own, which may lie there for the next citizen. So it is after a loss of power, and where
// somebody has torn the half receipt off. VoidText must therefore be true in all these cases:
// it speaks of what was printed before it, if that is incomplete, never of the paper that it
// stands on, and names no person and no number.
// A make that cannot be cleared prints the rest after a refill and VoidText behind it.
//
// # Status
//
// One byte stream carries answers to DLE EOT, automatic status (ASB), XON/XOFF, marker
// answers and the answers to GS I and the clearing command. demux tells them apart by their
// fixed bits; see classify. A state that was not answered is unknown; it is never taken for
// a lack of paper. Between polls Listen hears what automatic status tells.
package printer
