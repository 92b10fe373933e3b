// Package outbox is a terminal's durable log of what it owes the province.
//
// # Promise
//
// When Append returns nil the record is sealed, has its place in the log and is on
// stable storage. It leaves the log only after the hub has acknowledged it and the
// retention time has passed. Positions have no gaps; each entry carries the hash of
// the one before it (see record.Entry.Sum).
//
// # The file
//
// outbox.db in the terminal's data folder is a bbolt database:
//
//	meta      is = "yeban outbox"   format = 4 bytes   epoch = 16 bytes
//	          acked = 8 bytes       base, tail = seq 8 bytes + hash 32 bytes
//	          indexed = 8 bytes
//	log       seq 8 bytes → entry (layout in layout.go)
//	ids       record id → epoch 16 bytes + seq 8 bytes
//	receipts  receipt number → the same
//	acks      seq 8 bytes → Unix milliseconds at which it was acknowledged
//	old       epoch 16 bytes → bucket: meta, log of a log that was ended
//
// Integers are big-endian. base is the position before the oldest entry held, tail
// that of the newest; the newest entry is never pruned. ids and receipts have every entry
// up to indexed, never far behind tail; the rest is read from the log by Open. A higher format number than
// this package's belongs to newer software: such a file is refused and not touched.
//
// # Attachments
//
// What is too large for a record lies beside the log, in the folder blobs: one file each,
// sealed to the platform (see record.SealBlob), under the SM3 of its sealed bytes as its
// name. A file is written and flushed before PutBlob returns and never changed; a record
// that lists one which is not there is refused. When the hub has all of it, the name gets
// the ending .sent; .new is half a file. Attachments count where room is short.
//
// A file goes with its record, and a record stays until what it lists has arrived. One that
// the hub refuses keeps its record no longer than for the retention time behind the
// acknowledgement, through which it counts as lost, so that staff are told; then both go. A
// file that no record lists is removed by Open or Prune an hour later, but not before every
// entry of the log was proved: a damaged one may list it, and be saved.
//
// What was delivered is there as long as its record, to be offered once more to a hub that
// was restored from a backup: after a rewind, or when the hub, asked for some of them with
// each connection (DeliveredBlobs), no longer has one.
//
// A file that is gone or damaged is told by Blobs and stops nothing, records least of
// all. There is no second copy: files that never change are not damaged by a crash, and
// one that a failing disk has spoilt is only missed where it has not been delivered. A
// backup of the data folder is therefore outbox.db.backup and the folder blobs, taken in
// this order.
//
// # A file that cannot be trusted
//
// While the outbox is open, outbox.db.backup is kept as a copy of it, minutes old at
// most. Open reads every entry; of a file above CheckFirst it proves the pages and the
// newest entry, and the others are proved behind service, within seconds. A file that is
// damaged, or is no outbox, is kept as outbox.db.bad-<time> and never deleted; the entries
// that can still be found in it or in the backup, each proved by its own hash, are carried
// over into a fresh log under a new epoch, and service goes on. SetAside tells staff.
// Attachments of records that were not found are kept in blobs.bad-<time>.
//
// # Carrying over
//
// NewEpoch ends a log that the hub contradicts and begins another. Entries that the
// hub may lack are appended to the new log in their order with their ids, times and
// seals unchanged; the header of each names its Origin, to which its seal is bound.
// Because a record can then stand at two positions, the hub must take a carried entry
// whose id and sealed body it already has as delivered. The ended log is kept for
// auditors for the retention time.
package outbox
