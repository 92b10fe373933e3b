package simulator

import "image"

// Printout is what commands put on paper.
type Printout struct {
	Receipts []Receipt // cut off; the last is what still hangs in the printer
	Image    image.Image
	Unknown  int // bytes that no command known here begins with
}

// Interpret gives what a printer for paper of 58 or 80 millimetres makes of commands that
// it gets whole. Answers that they ask for are dropped.
func Interpret(millimetres int, commands []byte) Printout {
	var p paper
	t := interpreter{
		dots: dotsFor(millimetres), paper: &p,
		say: func([]byte) {}, status: func() byte { return 0 }, asb: func(bool) {}, begin: func() {},
	}
	t.reset()
	for _, b := range commands {
		t.feed(b)
	}
	var bars typeface
	return Printout{Receipts: p.pieces(), Image: bars.render(p.marks, t.dots), Unknown: t.unknown}
}

// dotsFor is how wide the head of a printer prints.
func dotsFor(millimetres int) int {
	if millimetres == 58 {
		return 384
	}
	return 576
}
