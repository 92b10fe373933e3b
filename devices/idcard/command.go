package idcard

import (
	"bytes"
	"encoding/hex"
)

// Command is a request's CMD and PARA, for the STX family its CA 01 and pp folded
// into the command that does the same.
type Command uint16

const (
	CmdReset           Command = 0x10FF
	CmdStatus          Command = 0x11FF
	CmdSAMID           Command = 0x12FF
	CmdFind            Command = 0x2001
	CmdSelect          Command = 0x2002
	CmdReadCard        Command = 0x3001 // text and photo
	CmdReadAddress     Command = 0x3003 // newest appended address
	CmdReadFingerprint Command = 0x3010 // text, photo and fingerprints
	CmdSetBaud115200   Command = 0x6000
	CmdSetBaud57600    Command = 0x6001
	CmdSetBaud38400    Command = 0x6002
	CmdSetBaud19200    Command = 0x6003
	CmdSetBaud9600     Command = 0x6004
	CmdSetBlock        Command = 0x61FF // data: largest block on the radio side, 0x50
)

var commandNames = map[Command]string{
	CmdReset: "reset", CmdStatus: "status", CmdSAMID: "samId", CmdFind: "find", CmdSelect: "select",
	CmdReadCard: "read", CmdReadAddress: "readAddress", CmdReadFingerprint: "readFingerprint",
	CmdSetBaud115200: "baud115200", CmdSetBaud57600: "baud57600", CmdSetBaud38400: "baud38400",
	CmdSetBaud19200: "baud19200", CmdSetBaud9600: "baud9600", CmdSetBlock: "setBlock",
}

func (c Command) String() string {
	if s, ok := commandNames[c]; ok {
		return s
	}
	return hex.EncodeToString([]byte{byte(c >> 8), byte(c)})
}

// stxRead is the STX family's only command: read the whole card.
var stxRead = []byte{0xCA, 0x01, 0x00}

// EncodeRequest makes the bytes of a request. The STX family has only CmdReadCard.
func EncodeRequest(f Family, c Command, data ...byte) []byte {
	if f == STX {
		return Frame{STX, stxRead}.Encode()
	}
	return Frame{SAMV, append([]byte{byte(c >> 8), byte(c)}, data...)}.Encode()
}

// Request takes a frame for a request, as a reader does.
func (f Frame) Request() (c Command, data []byte, ok bool) {
	if f.Family == STX {
		return CmdReadCard, nil, bytes.Equal(f.Body, stxRead)
	}
	if len(f.Body) < 2 {
		return 0, nil, false
	}
	return Command(f.Body[0])<<8 | Command(f.Body[1]), f.Body[2:], true
}

// SW is a reply's status word: SW1, SW2, SW3. Modules put what they like into the
// first two; only SW3 decides.
type SW [3]byte

// Code is SW3.
type Code byte

// Code gives what decides.
func (s SW) Code() Code { return Code(s[2]) }

func (s SW) String() string { return hex.EncodeToString(s[:]) + " " + s.Code().String() }

const (
	OK             Code = 0x90
	None           Code = 0x91 // no such content on the card
	Found          Code = 0x9F
	BadChecksum    Code = 0x10 // of our request
	BadLength      Code = 0x11
	BadCommand     Code = 0x21
	Unauthorised   Code = 0x23
	UnknownError   Code = 0x24
	CardRefusedSAM Code = 0x31
	SAMRefusedCard Code = 0x32
	VerifyFailed   Code = 0x33
	WrongCardType  Code = 0x40
	ReadFailed     Code = 0x41
	RandomFailed   Code = 0x47
	SelfTestFailed Code = 0x60
	UnlicensedSAM  Code = 0x66
	FindFailed     Code = 0x80
	SelectFailed   Code = 0x81
)

var codeTexts = map[Code]string{
	OK: "ok", None: "no such content", Found: "card found",
	BadChecksum: "request checksum wrong", BadLength: "request length wrong",
	BadCommand: "command unknown", Unauthorised: "not authorised", UnknownError: "unknown error",
	CardRefusedSAM: "card refused the module", SAMRefusedCard: "module refused the card",
	VerifyFailed: "card verification failed", WrongCardType: "wrong card type",
	ReadFailed: "card read failed", RandomFailed: "random number failed",
	SelfTestFailed: "module self-test failed", UnlicensedSAM: "module not licensed",
	FindFailed: "no card", SelectFailed: "card not selected",
}

func (c Code) String() string {
	if s, ok := codeTexts[c]; ok {
		return s
	}
	return "code " + hex.EncodeToString([]byte{byte(c)})
}
