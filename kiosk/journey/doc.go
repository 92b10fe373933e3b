// Package journey is what one citizen is doing at a terminal: a state machine from
// the first tap to the farewell, and the runner that carries out what it asks for.
//
//	Home → Consent → Card → Form → Review → Submitting → Receipt → Rating → Farewell → Home
//	Home → Card → Asking → Progress → Home
//
// Machine is pure: it takes an event and the time, changes its state and returns the
// effects it wants. Runner owns the goroutines: it reads the card, appends to the
// log, prints and asks for a rating through the interfaces declared in ports.go, and
// feeds the outcomes back as events. Every outcome carries the number of the visit it
// belongs to; one that comes after its visit has ended is dropped.
//
// The rule that everything here serves: a receipt number is shown and printed only
// after Log.Append has returned without an error.
package journey
