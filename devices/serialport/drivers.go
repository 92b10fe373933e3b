package serialport

import (
	"fmt"
	"time"

	"github.com/tarm/serial"
	bugst "go.bug.st/serial"
)

// selectLimit is FD_SETSIZE: bugst waits with select(2), which panics in Go for a
// descriptor from this number on.
const selectLimit = 1024

// bugstFiles is what bugst opens for one line: the line and a pipe.
const bugstFiles = 3

func openBugst(node string, baud int, g *guard) (library, error) {
	highest, err := g.highestDescriptor(bugstFiles)
	if err != nil {
		return nil, err
	}
	if highest >= selectLimit {
		return nil, fmt.Errorf("%w: next descriptor %d, limit %d", ErrDescriptors, highest, selectLimit-1)
	}
	p, err := bugst.Open(node, &bugst.Mode{BaudRate: baud, DataBits: 8})
	if err != nil {
		return nil, err
	}
	// Only a backstop: reads are made when there is something to read.
	if err := p.SetReadTimeout(backstop); err != nil {
		p.Close()
		return nil, err
	}
	return bugstLine{p}, nil
}

// backstop bounds a read that finds nothing after all, such as when another program
// on a shared line was quicker.
const backstop = 100 * time.Millisecond

// bugstLine turns select's panic, possible where files were opened behind our back
// while the line was opened, into an error.
type bugstLine struct{ bugst.Port }

func (l bugstLine) Read(p []byte) (n int, err error) {
	defer func() {
		if v := recover(); v != nil {
			n, err = 0, fmt.Errorf("%w (%v)", ErrDescriptors, v)
		}
	}()
	return l.Port.Read(p)
}

func openTarm(node string, baud int, _ *guard) (library, error) {
	// Without a time-out a read could hold up Close for good.
	p, err := serial.OpenPort(&serial.Config{Name: node, Baud: baud, ReadTimeout: backstop})
	if err != nil {
		return nil, err
	}
	return p, nil
}
