package record

import (
	"fmt"
	"io"
	"log/slog"
)

const redactedPerson = "«person»"

// Format writes «person» under every verb and flag: what a card says of its holder
// cannot reach a log or an error text through fmt, neither alone nor as a part of
// something larger. (fmt cannot see this method through an unexported field.)
func (Person) Format(s fmt.State, _ rune) { io.WriteString(s, redactedPerson) }

// LogValue is «person».
func (Person) LogValue() slog.Value { return slog.StringValue(redactedPerson) }

// Format writes the application's id and no more under every verb: its answers are as
// personal as its applicant.
func (a Application) Format(s fmt.State, _ rune) { io.WriteString(s, a.redacted()) }

// LogValue is what Format writes. Without it a JSON log handler would marshal the
// application whole.
func (a Application) LogValue() slog.Value { return slog.StringValue(a.redacted()) }

func (a Application) redacted() string { return "«application " + a.ID + "»" }
