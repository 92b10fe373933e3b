package protocol

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// ErrFrame means that a message is not a frame of this protocol, or that a body does
// not fit its method. Its answer is FaultBadFrame.
var ErrFrame = errors.New("not a yeban.v1 frame")

// UnknownMethodError means a well-formed Call or Event with a method that this version
// does not know: the peer is newer. A Call is answered with FaultUnknown, an Event is
// passed over; neither ends the connection. (A Result or an Error belongs to a Call by
// its id, whatever its method.)
type UnknownMethodError struct {
	Type   FrameType
	ID     string
	Method Method
}

func (e *UnknownMethodError) Error() string {
	return fmt.Sprintf("method %.40q is not known", string(e.Method))
}

// Known tells a method of this version.
func (m Method) Known() bool {
	switch m {
	case MethodHello, MethodRecords, MethodAck, MethodStatus, MethodDrain,
		MethodCommand, MethodReport, MethodBlob, MethodProgress:
		return true
	}
	return false
}

// NewFrame makes a frame of a body, which is one of this package's types.
func NewFrame(t FrameType, id string, m Method, body any) (Frame, error) {
	raw, err := marshalBody(body)
	if err != nil {
		return Frame{}, fmt.Errorf("%s body: %w", m, err)
	}
	return Frame{Type: t, ID: id, Method: m, Body: raw}, nil
}

func marshalBody(body any) ([]byte, error) {
	switch r := body.(type) {
	case Records:
		return appendRecords(nil, &r)
	case *Records:
		return appendRecords(nil, r)
	}
	return json.Marshal(body)
}

// MarshalJSON gives [type,id,method,body].
func (f Frame) MarshalJSON() ([]byte, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	id, err := json.Marshal(f.ID)
	if err != nil {
		return nil, err
	}
	method, err := json.Marshal(f.Method)
	if err != nil {
		return nil, err
	}
	body := f.Body
	if len(body) == 0 {
		body = json.RawMessage("{}")
	}
	b := make([]byte, 0, len(id)+len(method)+len(body)+8)
	b = append(b, '[', '0'+byte(f.Type), ',')
	b = append(append(b, id...), ',')
	b = append(append(b, method...), ',')
	return append(append(b, body...), ']'), nil
}

// UnmarshalJSON accepts an array of exactly four: a known type, an id of at most
// MaxIDBytes (not empty unless the type is Event), a method, a JSON object. Anything
// else wraps ErrFrame. An unknown method is an *UnknownMethodError, with the frame
// filled in all the same.
func (f *Frame) UnmarshalJSON(text []byte) error {
	var parts []json.RawMessage
	if err := json.Unmarshal(text, &parts); err != nil {
		return fmt.Errorf("%w: not a JSON array", ErrFrame)
	}
	if len(parts) != 4 {
		return fmt.Errorf("%w: array of %d, want 4", ErrFrame, len(parts))
	}
	var got Frame
	if json.Unmarshal(parts[0], &got.Type) != nil {
		return fmt.Errorf("%w: type is not a number", ErrFrame)
	}
	// JSON null fits into a Go string, but is none.
	if parts[1][0] != '"' || json.Unmarshal(parts[1], &got.ID) != nil {
		return fmt.Errorf("%w: id is not a string", ErrFrame)
	}
	if parts[2][0] != '"' || json.Unmarshal(parts[2], &got.Method) != nil {
		return fmt.Errorf("%w: method is not a string", ErrFrame)
	}
	got.Body = bytes.Clone(parts[3])
	if err := got.check(); err != nil {
		return err
	}
	*f = got
	if !got.Method.Known() && (got.Type == Call || got.Type == Event) {
		return &UnknownMethodError{Type: got.Type, ID: got.ID, Method: got.Method}
	}
	return nil
}

func (f *Frame) check() error {
	switch {
	case f.Type < Call || f.Type > Event:
		return fmt.Errorf("%w: type %d", ErrFrame, int(f.Type))
	case len(f.ID) > MaxIDBytes:
		return fmt.Errorf("%w: id of %d bytes", ErrFrame, len(f.ID))
	case f.ID == "" && f.Type != Event:
		return fmt.Errorf("%w: id is empty", ErrFrame)
	case f.Method == "" || len(f.Method) > maxName:
		return fmt.Errorf("%w: method of %d bytes", ErrFrame, len(f.Method))
	case len(f.Body) > 0 && f.Body[0] != '{':
		return fmt.Errorf("%w: body is not an object", ErrFrame)
	}
	return nil
}

// Parse reads one text message, and may keep it. See Frame.UnmarshalJSON for the errors.
// Whether the body of a large one is JSON is for Decode to say.
func Parse(text []byte) (Frame, error) {
	var f Frame
	if len(text) > MaxFrameBytes {
		return f, fmt.Errorf("%w: %d bytes", ErrFrame, len(text))
	}
	if len(text) > splitAbove {
		if f, ok := split(text); ok {
			return f, f.check()
		}
	}
	if !json.Valid(text) {
		return f, fmt.Errorf("%w: not JSON", ErrFrame)
	}
	err := f.UnmarshalJSON(bytes.TrimSpace(text))
	return f, err
}

// splitAbove is the size from which reading a body once instead of four times is worth it.
const splitAbove = 8 << 10

// split takes the usual form of a known frame apart, without reading its body, which is
// nearly all of it. What it does not know is for UnmarshalJSON.
func split(text []byte) (f Frame, ok bool) {
	head, inner, ok := bytes.Cut(text, []byte(`,{`))
	if !ok || len(head) > MaxIDBytes+maxName || !bytes.HasSuffix(inner, []byte("}]")) {
		return f, false
	}
	// The beginning is a whole array of three when it is closed.
	var parts []json.RawMessage
	if json.Unmarshal(append(bytes.Clone(head), ']'), &parts) != nil || len(parts) != 3 {
		return f, false
	}
	if parts[1][0] != '"' || parts[2][0] != '"' { // null fits into a Go string
		return f, false
	}
	if json.Unmarshal(parts[0], &f.Type) != nil || json.Unmarshal(parts[1], &f.ID) != nil || json.Unmarshal(parts[2], &f.Method) != nil {
		return f, false
	}
	f.Body = text[len(head)+1 : len(text)-1]
	return f, f.Method.Known()
}

// validator is a body that knows what it may hold.
type validator interface{ Validate() error }

// Decode reads the frame's body into one of this package's types and validates it.
// Fields that this version does not know are passed over: a newer peer may add some.
// Errors wrap ErrFrame and quote nothing of the body.
func (f *Frame) Decode(body validator) error {
	if r, ok := body.(*Records); !ok || !readRecords(f.Body, r) {
		if err := json.Unmarshal(f.Body, body); err != nil {
			return fmt.Errorf("%w: body of %s does not fit", ErrFrame, f.Method)
		}
	}
	if err := body.Validate(); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrFrame, f.Method, err)
	}
	return nil
}
