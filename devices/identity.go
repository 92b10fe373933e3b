package devices

import "context"

// Identifier is a Driver that can ask its device which one of its kind it is: the same
// text from one device at any time and on any port, another from any other. A device that
// has none to tell gives the empty text.
type Identifier interface {
	Identity(ctx context.Context) (string, error)
}
