package protocol

import "yeban/sync/record"

// Sizes that both sides keep to. A peer that exceeds one is answered with
// FaultBadFrame and the connection is closed.
const (
	// MaxFrameBytes is one text message on the socket.
	MaxFrameBytes = 1 << 20
	// MaxEntryBytes is the JSON of one record.Entry; it leaves room for the frame
	// around it, so that every legal entry can be sent.
	MaxEntryBytes = MaxFrameBytes - 4<<10
	// MaxIDBytes is the id of a frame.
	MaxIDBytes = 64
	// MaxEntries is how many entries one RECORDS may carry.
	MaxEntries = 1000
	// MaxBlobChunk is the data of one BLOB; in base64 it fits well into a frame.
	MaxBlobChunk = 128 << 10
	// MaxBlobBytes is one sealed attachment.
	MaxBlobBytes = record.MaxBlobBytes
	// MaxProgress is how many applications one PROGRESS is answered with.
	MaxProgress = 20

	maxName     = 128  // names of kiosks, devices, versions, states
	maxText     = 1024 // sentences for a log, arguments of a command
	maxReason   = 4096 // words to a citizen
	maxDevices  = 64
	maxItems    = 4096
	maxTroubles = 32
	maxArgs     = 16
	maxKey      = 512  // a wrapped SM4 key in ASN.1
	maxNumber   = 1024 // the sealed number of an identity document
)
