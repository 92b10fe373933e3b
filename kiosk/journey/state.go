package journey

// State is where in the visit a citizen is.
type State int

const (
	Home       State = iota // choosing an item
	Consent                 // what will be read and why
	Card                    // card on the reader
	Form                    // one page of questions
	Review                  // check your answers
	Submitting              // being written to the log
	Receipt                 // number on screen, paper on its way
	Rating                  // 好差评
	Farewell                // thanks; take your card and your paper
	Asking                  // the province is being asked how applications stand
	Progress                // how they stand
)

var stateNames = [...]string{"home", "consent", "card", "form", "review", "submitting", "receipt", "rating", "farewell", "asking", "progress"}

// String is the state's name in traces, status and logs.
func (s State) String() string {
	if s < 0 || int(s) >= len(stateNames) {
		return "invalid"
	}
	return stateNames[s]
}

// step is the number shown as 步骤 n/5, 0 where none is.
func (s State) step() int {
	switch s {
	case Consent:
		return 1
	case Card:
		return 2
	case Form:
		return 3
	case Review, Submitting:
		return 4
	case Receipt, Rating, Farewell:
		return 5
	default:
		return 0
	}
}

// Steps is how many steps a visit shows.
const Steps = 5

// CardPhase is what the reader is doing while the state is Card.
type CardPhase int

const (
	CardWaiting CardPhase = iota // lay your card
	CardReading                  // keep it there
	CardFailed                   // see View.CardTrouble
)

// CardTrouble is why a card could not be used. The citizen's sentence for it stands in
// the message catalogue under "card.<value>".
type CardTrouble string

const (
	CardOK         CardTrouble = ""
	CardMoved      CardTrouble = "moved"      // lift it and lay it again
	CardUnreadable CardTrouble = "unreadable" // not an identity card, or damaged
	CardExpired    CardTrouble = "expired"
	CardRefused    CardTrouble = "refused" // an eligibility rule; see View.Problems
	ReaderFailed   CardTrouble = "reader"  // the reader does not answer
	CardTooSlow    CardTrouble = "slow"    // nothing laid in time
)

// PrintPhase is what the printer is doing while the state is Receipt.
type PrintPhase int

const (
	PrintIdle     PrintPhase = iota // nothing asked for
	Printing                        // paper on its way
	Printed                         // proven to be out
	PrintFailed                     // nothing usable came out
	PrintUnproven                   // written, but the printer did not confirm
)

// Trouble is why handing in did not work. The sentence stands in the message
// catalogue under "submit.<value>".
type Trouble string

const (
	NoTrouble     Trouble = ""
	TroubleFull   Trouble = "full"   // no room for a durable record
	TroubleFailed Trouble = "failed" // the disk refused
	TroubleUnsure Trouble = "unsure" // the disk may have taken it: only the same again tells
	TroubleNumber Trouble = "number" // the number is taken; the machine takes the next by itself
)
