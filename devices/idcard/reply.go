package idcard

import (
	"errors"
	"fmt"
)

// Reply is a reader's answer, understood as far as its shape tells. It prints as
// nothing, like a Record; MarshalJSON alone gives all of it, for a technician.
type Reply struct {
	Family  Family
	Command Command // guessed from the shape, 0 where many are possible
	SW      SW
	SAMID   *SAMID  // of CmdSAMID
	Serial  []byte  // the card's IIN of CmdFind, or SN of CmdSelect
	Record  *Record // of CmdReadCard, CmdReadFingerprint
	Address string  // of CmdReadAddress
	Noise   int     // bytes around the reply that belong to no reply
	More    int     // further intact replies behind this one, not looked at
}

// Errors of Decode.
var (
	ErrNoReply = errors.New("no reader reply found")
	ErrShape   = errors.New("reply has a length that no command answers with")
	ErrTooLong = errors.New("input too long for one reply")
)

// maxInput is what Decode and ParseHexOrBinary look at: hex of several replies.
const maxInput = 64 << 10

// Decode finds the first intact reply in some bytes, of either family, and reads it.
func Decode(data []byte) (Reply, error) {
	if len(data) > maxInput {
		return Reply{}, ErrTooLong
	}
	sam, stx := scanAll(SAMV, data), scanAll(STX, data)
	found := sam
	// A photo may hold what looks like a reply of the other family: the first counts.
	if len(stx.frames) > 0 && (len(sam.frames) == 0 || stx.start < sam.start) {
		found = stx
	}
	switch {
	case len(found.frames) > 0:
		r, err := decodeFrame(found.frames[0])
		r.Noise, r.More = found.noise, len(found.frames)-1
		return r, err
	case sam.problem != nil:
		return Reply{}, fmt.Errorf("%w: %w", ErrNoReply, sam.problem)
	case stx.problem != nil:
		return Reply{}, fmt.Errorf("%w: %w", ErrNoReply, stx.problem)
	}
	return Reply{}, ErrNoReply
}

// scanned is all that a Scanner finds in some bytes.
type scanned struct {
	frames  []Frame
	start   int   // where the first begins
	noise   int   // bytes that belong to none
	problem error // what was wrong with the first broken one
}

func scanAll(family Family, data []byte) (found scanned) {
	s := Scanner{Family: family}
	s.Feed(data)
	for {
		f, err := s.Next()
		if err == nil {
			if found.frames == nil {
				found.start = s.Skipped()
			}
			found.frames = append(found.frames, f)
			continue
		}
		begun := s.seek()
		if found.problem == nil && (begun || !errors.Is(err, ErrIncomplete)) {
			found.problem = err
		}
		if errors.Is(err, ErrIncomplete) && !s.GiveUp() {
			found.noise = s.Skipped() + len(s.rest())
			return found
		}
	}
}

// Reply splits a frame into status word and data, as a host does. The STX family's
// 90 00 is given the code OK, everything else of it FindFailed.
func (f Frame) Reply() (sw SW, data []byte, ok bool) {
	if f.Family == STX {
		if len(f.Body) < 2 {
			return sw, nil, false
		}
		sw = SW{f.Body[0], f.Body[1], byte(FindFailed)}
		if sw[0] == 0x90 && sw[1] == 0 {
			sw[2] = byte(OK)
		}
		return sw, f.Body[2:], true
	}
	if len(f.Body) < 3 {
		return sw, nil, false
	}
	return SW(f.Body[:3]), f.Body[3:], true
}

func decodeFrame(f Frame) (Reply, error) {
	sw, data, ok := f.Reply()
	if !ok {
		return Reply{Family: f.Family}, ErrShape
	}
	r := Reply{Family: f.Family, SW: sw, Command: guess(sw.Code(), len(data))}
	var err error
	switch {
	case r.Command == CmdFind, r.Command == CmdSelect:
		r.Serial = data
	case len(data) == 0:
	case r.Command == CmdSAMID:
		id := SAMID(data)
		r.SAMID = &id
	case r.Command == CmdReadAddress:
		r.Address, err = ParseAddress(data)
	case r.Command == CmdReadCard, r.Command == CmdReadFingerprint:
		var record Record
		if record, err = ParseCard(data); err == nil {
			r.Record = &record
		}
	default:
		err = fmt.Errorf("%w: %d bytes of data with status %s", ErrShape, len(data), sw)
	}
	return r, err
}

// guess tells which command a reply answers, by what the commands answer with.
func guess(code Code, size int) Command {
	for _, c := range []Command{CmdFind, CmdSelect, CmdSAMID, CmdReadCard, CmdReadFingerprint, CmdReadAddress, CmdStatus} {
		if answers(c, code, size) {
			return c
		}
	}
	return 0
}

// answers says whether a reply with this code and size of data can be the answer to
// a command. It is what keeps a late reply from being taken for the next command's.
func answers(c Command, code Code, size int) bool {
	switch code {
	case BadChecksum, BadLength, BadCommand, Unauthorised, UnknownError, SelfTestFailed, UnlicensedSAM:
		return size == 0 // may answer anything
	}
	const read = 4 + textSize + photoSize
	switch c {
	case CmdFind:
		return code == Found && size == 4 || code == FindFailed && size == 0
	case CmdSelect:
		return code == OK && size == 8 || code == SelectFailed && size == 0
	case CmdReadCard:
		return code == OK && size == read || readFailed(code) && size == 0
	case CmdReadFingerprint:
		return code == OK && size >= read+2 && size <= read+2+maxFingerprint || readFailed(code) && size == 0
	case CmdReadAddress:
		return code == OK && size == addressSize || code == None && size == 0 || readFailed(code) && size == 0
	case CmdSAMID:
		return code == OK && size == len(SAMID{})
	}
	return code == OK && size == 0
}

// readFailed: the card answered, the reading did not succeed.
func readFailed(c Code) bool {
	switch c {
	case CardRefusedSAM, SAMRefusedCard, VerifyFailed, WrongCardType, ReadFailed, RandomFailed:
		return true
	}
	return false
}
