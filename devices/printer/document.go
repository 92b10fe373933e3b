package printer

// Document is one receipt. It ends with a cut.
type Document struct {
	Lines []Line
	// VoidText is printed, with a cut of its own, after a job of which only a part may
	// have come out. It says to whoever finds the paper that it is not valid.
	VoidText string
}

// Line is one line of text, a QR code or a rule across the paper; the first of QR,
// Rule and Text that is set counts. Text too wide for the paper is wrapped.
type Line struct {
	Text  string
	QR    string
	Rule  bool
	Align Align
	Size  int // magnification 1 (also 0) to 4
	Bold  bool
	Feed  int // empty lines after it
}

// Align is where a line stands on the paper.
type Align int

const (
	Left Align = iota
	Center
	Right
)

// Profile is what a make of printer is and can do.
type Profile struct {
	Name        string // for error texts
	Columns     int    // of single-width characters
	DotsWide    int    // printable width
	BufferBytes int    // receive buffer; what is under way never exceeds it
	NearEnd     bool   // has a near-end sensor; without it the bits mean nothing
	Proof       Proof
	NoQR        bool // does not know GS ( k; codes are sent as pictures
	Nameless    bool // does not know GS I
	ASB         bool // switch automatic status on
}

// Proof is how a make of printer can show that a job came out.
type Proof string

const (
	BySensor Proof = ""     // answers GS r behind the data: nearly every make
	ByJobID  Proof = "job"  // answers GS ( H function 48 with the job's name
	Unproven Proof = "none" // answers neither: its receipts are never confirmed
)

// Paper58 is a common printer for rolls of 58 mm.
func Paper58() Profile {
	return Profile{Name: "paper58", Columns: 32, DotsWide: 384, BufferBytes: 4096, NearEnd: true, ASB: true}
}

// Paper80 is a common printer for rolls of 80 mm.
func Paper80() Profile {
	return Profile{Name: "paper80", Columns: 48, DotsWide: 576, BufferBytes: 4096, NearEnd: true, ASB: true}
}
