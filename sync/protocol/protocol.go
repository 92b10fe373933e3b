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
}

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
