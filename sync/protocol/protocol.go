// Package protocol is what is said on the websocket between a kiosk and a hub:
// subprotocol yeban.v1, text frames, each a JSON array [type, id, method, body] in
// the manner of OCPP-J. The folder schema describes it for other platforms, in AsyncAPI
// and JSON Schema; a test keeps the two together.
package protocol

import (
	"encoding/json"
	"time"

	"yeban/sync/record"
)

// Subprotocol is what both sides name in Sec-WebSocket-Protocol.
const Subprotocol = "yeban.v1"

// Path is where a hub listens for kiosks.
const Path = "/kiosk/v1"

// FrameType is the first element of a frame.
type FrameType int

const (
	Call   FrameType = 2 // expects a Result or an Error with the same id
	Result FrameType = 3
	Error  FrameType = 4
	Event  FrameType = 5 // expects nothing
)

// Method is the third element of a frame.
type Method string

const (
	MethodHello   Method = "HELLO"   // kiosk → hub, Call; the Result's body is Welcome
	MethodRecords Method = "RECORDS" // kiosk → hub, Event
	MethodAck     Method = "ACK"     // hub → kiosk, Event; cumulative, after commit only
	MethodStatus  Method = "STATUS"  // kiosk → hub, Event; latest wins, never queued
	MethodDrain   Method = "DRAIN"   // hub → kiosk, Event; close and come back later

	MethodCommand  Method = "COMMAND"  // hub → kiosk, Event; sent again with every connection until it has ended
	MethodReport   Method = "REPORT"   // kiosk → hub, Call; answered after commit, sent again until then
	MethodBlob     Method = "BLOB"     // kiosk → hub, Call; the Result's body is BlobHave
	MethodProgress Method = "PROGRESS" // kiosk → hub, Call; the Result's body is ProgressList
)

// Frame is one message. Body is the raw JSON of one of the types below.
type Frame struct {
	Type   FrameType
	ID     string
	Method Method
	Body   json.RawMessage
}

// Hello opens a conversation.
type Hello struct {
	Kiosk          string       `json:"kiosk"`
	Software       string       `json:"software"`
	CatalogVersion string       `json:"catalogVersion"`
	Epoch          record.Epoch `json:"epoch"`
	First          uint64       `json:"first"` // oldest sequence still held, 0 when none is
	Last           uint64       `json:"last"`  // newest sequence ever appended, 0 before the first; held or not
	Clock          record.Clock `json:"clock"`
}

// Welcome answers Hello. The kiosk resumes at Have+1.
type Welcome struct {
	Epoch         record.Epoch `json:"epoch"`    // the epoch the cursor speaks of: always the Hello's
	Have          uint64       `json:"have"`     // everything up to here is committed
	HaveHash      record.Hash  `json:"haveHash"` // hash of entry Have; zeros when Have is 0
	Fence         uint64       `json:"fence"`    // grows with every accepted Hello of this kiosk
	ServerTime    time.Time    `json:"serverTime"`
	WindowRecords int          `json:"windowRecords"` // records that may be unacknowledged at once
	WindowBytes   int          `json:"windowBytes"`   // and their size
	PingSeconds   int          `json:"pingSeconds"`   // both sides ping this often
	DeadSeconds   int          `json:"deadSeconds"`   // silence after which the peer is dead
	SettleMs      int          `json:"settleMs"`      // wait before the first RECORDS
	StatusSeconds int          `json:"statusSeconds"` // longest time between two STATUS
}

// Records carries consecutive entries. An entry whose header names an Origin was
// carried over from an earlier log of the same terminal: when the hub already has its
// id with the same sealed body, it is that record and not a second one.
type Records struct {
	Epoch   record.Epoch   `json:"epoch"`
	Entries []record.Entry `json:"entries"`
}

// Ack says that everything up to Have is on the hub's stable storage.
type Ack struct {
	Epoch record.Epoch `json:"epoch"`
	Have  uint64       `json:"have"`
}

// Status is a kiosk's present condition.
type Status struct {
	At             time.Time      `json:"at"`
	Visit          string         `json:"visit"` // journey state name: home, card, form …; never whose
	Devices        []DeviceStatus `json:"devices"`
	Queued         uint64         `json:"queued"`         // unacknowledged entries
	OldestUnsentMs int64          `json:"oldestUnsentMs"` // age, 0 when none
	DiskFreeBytes  int64          `json:"diskFreeBytes"`
	CatalogVersion string         `json:"catalogVersion"`
	Unavailable    []string       `json:"unavailable,omitempty"` // catalogue ids of items not offered now
	Troubles       []Trouble      `json:"troubles,omitempty"`    // what is wrong with the terminal itself, now
}

// Trouble is something wrong with a terminal that staff must look after. The hub raises
// an alarm for each and clears it when a later Status no longer names it.
type Trouble string

const (
	TroubleSetAside   Trouble = "outbox.set-aside" // a damaged log was set aside; stays until staff clear the alarm
	TroubleConflict   Trouble = "outbox.conflict"  // log and hub contradicted each other: a cloned or restored disk; stays likewise
	TroubleBackup     Trouble = "outbox.backup"    // the copy beside the log cannot be kept
	TroubleWrite      Trouble = "outbox.write"     // the disk refuses writes or is full: no citizen can begin
	TroubleClock      Trouble = "clock.off"        // wall clock more than a minute from the hub's
	TroubleBlob       Trouble = "blob.lost"        // an attachment of a record held here cannot be read
	TroubleDeviceDied Trouble = "device.worker"    // the program's own fault in looking after a device
)

// DeviceStatus is one device in the words of package devices.
type DeviceStatus struct {
	Name   string    `json:"name"`  // idcard, printer, evaluator
	State  string    `json:"state"` // devices.State
	Paper  string    `json:"paper,omitempty"`
	Reason string    `json:"reason,omitempty"` // reason code, see package devices
	At     time.Time `json:"at"`
}

// Drain asks the kiosk to close and to come back after AfterMs.
type Drain struct {
	AfterMs int    `json:"afterMs"`
	Reason  string `json:"reason"`
}

// Fault is the body of an Error frame.
type Fault struct {
	Code    FaultCode `json:"code"`
	Message string    `json:"message"`
}

// FaultCode tells faults apart; a kiosk decides by it.
type FaultCode string

const (
	FaultBadFrame     FaultCode = "bad-frame" // not a frame, or a body that does not fit its method
	FaultUnknown      FaultCode = "unknown"   // method not known: a newer peer
	FaultUnauthorised FaultCode = "unauthorised"
	FaultFenced       FaultCode = "fenced"   // a newer connection of this kiosk has taken over
	FaultBusy         FaultCode = "busy"     // admission refused, come back later
	FaultConflict     FaultCode = "conflict" // the hub's chain contradicts this log: begin a new epoch
)

// Command is an order of staff to one terminal: a durable row at the hub, run at most
// once at the kiosk, which notes its ID on stable storage before it runs it.
type Command struct {
	ID      string            `json:"id"` // ULID
	Name    CommandName       `json:"name"`
	Args    map[string]string `json:"args,omitempty"`
	Expires time.Time         `json:"expires"` // by the hub's clock; not begun after it
}

// CommandName says what is to be done. A name that a kiosk does not know is refused in
// its Report, and nothing else happens.
type CommandName string

const (
	CommandReopen  CommandName = "device.reopen"   // args: device; open its port anew, now
	CommandRestart CommandName = "program.restart" // end between two visits; the service manager starts it again
	CommandStatus  CommandName = "status.send"     // send STATUS now
)

// CommandState is how far a command is.
type CommandState string

const (
	CommandWaiting     CommandState = "waiting"     // at the hub only: not heard of by the kiosk yet
	CommandBegun       CommandState = "begun"       // noted by the kiosk, and about to run or running
	CommandDone        CommandState = "done"        // ended well
	CommandFailed      CommandState = "failed"      // ended badly
	CommandRefused     CommandState = "refused"     // not known, or its arguments make no sense; not run
	CommandExpired     CommandState = "expired"     // came too late; not run
	CommandInterrupted CommandState = "interrupted" // begun, then the kiosk went down; whether it took effect is not known
	CommandWithdrawn   CommandState = "withdrawn"   // at the hub only: taken back before the kiosk heard of it
)

// Ended tells a state that does not change any more.
func (s CommandState) Ended() bool {
	switch s {
	case CommandDone, CommandFailed, CommandRefused, CommandExpired, CommandInterrupted, CommandWithdrawn:
		return true
	}
	return false
}

// Report tells how far a command is. Reports of one command only ever go forward; the
// Result, with an empty body, says that the hub has it on stable storage.
type Report struct {
	Command string       `json:"command"` // ULID
	State   CommandState `json:"state"`
	Detail  string       `json:"detail,omitempty"` // English, for staff; never personal data
	At      time.Time    `json:"at"`
}

// Blob carries a piece of an attachment, in order. A Blob without data asks how much
// the hub has, also of one that was delivered: a restored hub may lack it. Hash is the SM3 of the whole sealed blob, so that both sides can check it
// without a key. The hub may refuse with FaultBadFrame what does not fit what it has.
type Blob struct {
	Hash   record.Hash `json:"hash"`
	Bytes  int64       `json:"bytes"`          // of the whole
	Offset int64       `json:"offset"`         // of Data
	Data   []byte      `json:"data,omitempty"` // at most MaxBlobChunk
}

// BlobHave answers Blob, after commit. Have equals Bytes when all is there and its hash
// was found right; a blob whose hash is wrong is forgotten by the hub, and Have is 0.
type BlobHave struct {
	Hash record.Hash `json:"hash"`
	Have int64       `json:"have"`
}

// Progress asks what became of what a citizen handed in. The citizen is named by the
// number on the card that was just read, sealed to the platform; aad is ProgressSeal.
type Progress struct {
	Key    []byte `json:"key"`    // as in record.Entry
	Sealed []byte `json:"sealed"` // the number of the identity document, UTF-8
}

// ProgressSeal is the additional data under which the number in Progress is sealed.
const ProgressSeal = "yeban.v1 PROGRESS"

// ProgressList answers Progress: the newest MaxProgress applications, newest first.
type ProgressList struct {
	Applications []ProgressEntry `json:"applications"`
}

// ProgressEntry is one application as its applicant may see it.
type ProgressEntry struct {
	ReceiptNumber string      `json:"receiptNumber"`
	ItemName      string      `json:"itemName"` // in Chinese
	Item          string      `json:"item"`     // catalogue id
	Submitted     time.Time   `json:"submitted"`
	State         ResultState `json:"state"`
	Reason        string      `json:"reason,omitempty"` // the back office's words to the citizen
	At            time.Time   `json:"at"`               // of the state
}

// ResultState is what the back office has said of an application.
type ResultState string

const (
	ResultReceived  ResultState = "received"   // at the province, the back office has said nothing yet
	ResultAccepted  ResultState = "accepted"   // 已受理
	ResultNeedsMore ResultState = "needs-more" // 需补正
	ResultDone      ResultState = "done"       // 已办结
	ResultRejected  ResultState = "rejected"   // 不予受理 or 不予办理
)
