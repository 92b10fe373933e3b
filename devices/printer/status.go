package printer

import "errors"

// Errors that say why a printer does not print. They are wrapped together with
// ErrNotPrinted or ErrUnconfirmed.
var (
	ErrPaperOut  = errors.New("paper out")
	ErrCoverOpen = errors.New("cover open")
	ErrOffline   = errors.New("printer offline")
	ErrFault     = errors.New("printer fault")
	ErrSilent    = errors.New("printer does not answer")
)

// Errors that say what became of a job.
var (
	// ErrNotPrinted: it is proven that nothing of the job came out.
	ErrNotPrinted = errors.New("not printed")
	// ErrUnconfirmed: the job, or a part of it, may have come out. It must not be
	// printed again unless a person asks for it.
	ErrUnconfirmed = errors.New("printing not confirmed")
	// ErrUncut, with ErrUnconfirmed: the whole receipt is on paper and valid, but it is
	// not proven that it was cut off.
	ErrUncut = errors.New("receipt not cut off")
	// ErrNoProof: the printer answers no marker. With ErrUnconfirmed all of the job was
	// sent and no fault was told; with ErrNotPrinted none of it was.
	ErrNoProof = errors.New("printer gives no proof")
	// ErrJournal: the Journal failed. Alone, the receipt is proven, but if the program
	// ends before the note is ended, a slip will say that a receipt is void.
	ErrJournal = errors.New("print journal")
)

// Status is what a printer says of itself. Where the printer did not answer one of the
// questions, the matching Known field is false and the rest of that group means nothing.
type Status struct {
	OnlineKnown bool
	Offline     bool

	CauseKnown bool
	CoverOpen  bool
	Feeding    bool
	Stopped    bool // by the end of the paper
	Error      bool

	ErrorKnown bool
	Cutter     bool
	Broken     bool // does not recover
	Hot        bool // recovers by itself

	PaperKnown bool
	NearEnd    bool
	PaperEnd   bool
}

// set takes the answer to DLE EOT n.
func (s *Status) set(n, b byte) {
	bit := func(i int) bool { return b>>i&1 != 0 }
	switch n {
	case 1:
		s.OnlineKnown, s.Offline = true, bit(3)
	case 2:
		s.CauseKnown = true
		s.CoverOpen, s.Feeding, s.Stopped, s.Error = bit(2), bit(3), bit(5), bit(6)
	case 3:
		s.ErrorKnown = true
		s.Cutter, s.Broken, s.Hot = bit(3), bit(5), bit(6)
	case 4:
		s.PaperKnown = true
		s.NearEnd, s.PaperEnd = b&0x0C != 0, b&0x60 != 0
	}
}

// setASB takes four bytes of automatic status.
func (s *Status) setASB(b [4]byte) {
	bit := func(v byte, i int) bool { return v>>i&1 != 0 }
	s.OnlineKnown, s.Offline = true, bit(b[0], 3)
	s.CauseKnown, s.CoverOpen, s.Feeding = true, bit(b[0], 5), bit(b[0], 6)
	s.ErrorKnown, s.Cutter, s.Broken, s.Hot = true, bit(b[1], 3), bit(b[1], 5), bit(b[1], 6)
	s.Error = s.Cutter || s.Broken || s.Hot
	s.PaperKnown, s.NearEnd, s.PaperEnd = true, b[2]&0x03 != 0, b[2]&0x0C != 0
	s.Stopped = s.PaperEnd
}

// Err is why the printer cannot print, nil if it can.
func (s Status) Err() error {
	switch {
	case s.CoverOpen:
		return ErrCoverOpen
	case s.PaperEnd || s.Stopped:
		return ErrPaperOut
	case s.Cutter || s.Broken || s.Error:
		return ErrFault
	case !s.OnlineKnown:
		return ErrSilent
	case s.Offline:
		return ErrOffline
	}
	return nil
}
