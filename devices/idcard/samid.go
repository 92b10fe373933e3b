package idcard

import (
	"encoding/binary"
	"fmt"
)

// SAMID is a module's identity: two numbers of two digits, the date of its making and
// two counters.
type SAMID [16]byte

// String prints it as on the module's label: 05.01-20200101-0000000001-0000000002.
func (id SAMID) String() string {
	le := binary.LittleEndian
	return fmt.Sprintf("%02d.%02d-%08d-%010d-%010d",
		le.Uint16(id[0:]), le.Uint16(id[2:]), le.Uint32(id[4:]), le.Uint32(id[8:]), le.Uint32(id[12:]))
}

// MakeSAMID builds an identity from its numbers; date is YYYYMMDD as a number.
func MakeSAMID(major, minor uint16, date, first, second uint32) (id SAMID) {
	le := binary.LittleEndian
	le.PutUint16(id[0:], major)
	le.PutUint16(id[2:], minor)
	le.PutUint32(id[4:], date)
	le.PutUint32(id[8:], first)
	le.PutUint32(id[12:], second)
	return id
}
