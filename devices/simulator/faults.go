package simulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.yaml.in/yaml/v3"
)

// Duration is a time.Duration that scenarios and the control socket write as "900ms".
type Duration time.Duration

// D is the duration as Go counts it.
func (d Duration) D() time.Duration { return time.Duration(d) }

// MarshalJSON writes the duration as Go prints it.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(d.D().String()) }

// UnmarshalJSON reads "900ms", or nanoseconds.
func (d *Duration) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil {
		return d.parse(s)
	}
	var n time.Duration
	if err := json.Unmarshal(b, &n); err != nil {
		return err
	}
	return d.set(n)
}

// UnmarshalYAML reads 900ms.
func (d *Duration) UnmarshalYAML(n *yaml.Node) error { return d.parse(n.Value) }

func (d *Duration) parse(s string) error {
	v, err := time.ParseDuration(s)
	if err != nil {
		return fmt.Errorf("simulator: %q is no duration", s)
	}
	return d.set(v)
}

// longest is more than anything on the bench takes.
const longest = 24 * time.Hour

func (d *Duration) set(v time.Duration) error {
	if v < 0 || v > longest {
		return fmt.Errorf("simulator: %v is not within 0 and %v", v, longest)
	}
	*d = Duration(v)
	return nil
}

// ReaderFaults is what a reader can do to its host. The zero value is a good reader.
type ReaderFaults struct {
	Latency       Duration `json:"latency,omitempty" yaml:"latency"`             // before every reply
	Chunk         int      `json:"chunk,omitempty" yaml:"chunk"`                 // long replies in pieces of this size
	PhotoGap      Duration `json:"photoGap,omitempty" yaml:"photoGap"`           // pause in the middle of the photo
	LateReply     bool     `json:"lateReply,omitempty" yaml:"lateReply"`         // next reply comes with the one after it
	Noise         int      `json:"noise,omitempty" yaml:"noise"`                 // noise bytes and two extra AA before each frame
	FrameInPhoto  bool     `json:"frameInPhoto,omitempty" yaml:"frameInPhoto"`   // a valid frame inside the photo
	HugeLength    bool     `json:"hugeLength,omitempty" yaml:"hugeLength"`       // a header with LEN = FFFF before each frame
	BadChecksum   bool     `json:"badChecksum,omitempty" yaml:"badChecksum"`     // last byte wrong
	LiftOnRead    bool     `json:"liftOnRead,omitempty" yaml:"liftOnRead"`       // card gone between select and read
	UnplugAfter   int      `json:"unplugAfter,omitempty" yaml:"unplugAfter"`     // cable out after n bytes of the next reply
	BootBaud      int      `json:"bootBaud,omitempty" yaml:"bootBaud"`           // the rate it really has
	DeafFor       Duration `json:"deafFor,omitempty" yaml:"deafFor"`             // hears nothing after plugging in
	SelfTest      byte     `json:"selfTest,omitempty" yaml:"selfTest"`           // 0x60 or 0x66 to reset and status
	TimeoutNotice bool     `json:"timeoutNotice,omitempty" yaml:"timeoutNotice"` // AA AA AA 96 69 00 05 05 05 05 to everything
	Mute          bool     `json:"mute,omitempty" yaml:"mute"`                   // never answers
}

// PrinterFaults is what a printer can do to its host. The zero value is a good printer.
type PrinterFaults struct {
	StopsReading   bool `json:"stopsReading,omitempty" yaml:"stopsReading"`     // reads nothing: writes block once the wire is full
	StopsWhenFull  bool `json:"stopsWhenFull,omitempty" yaml:"stopsWhenFull"`   // reads nothing while its buffer is full
	PaperOutAfter  int  `json:"paperOutAfter,omitempty" yaml:"paperOutAfter"`   // paper ends after n more lines, once
	CoverAfter     int  `json:"coverAfter,omitempty" yaml:"coverAfter"`         // cover opened after n more lines, once
	PowerOffAfter  int  `json:"powerOffAfter,omitempty" yaml:"powerOffAfter"`   // power lost after n more lines, once
	UnplugAfter    int  `json:"unplugAfter,omitempty" yaml:"unplugAfter"`       // cable out after n more lines, once
	ChattyASB      bool `json:"chattyASB,omitempty" yaml:"chattyASB"`           // automatic status before and after each reply
	DoubledReplies bool `json:"doubledReplies,omitempty" yaml:"doubledReplies"` // every reply twice
	StatusMute     bool `json:"statusMute,omitempty" yaml:"statusMute"`         // DLE EOT never answered
	MarkerMute     bool `json:"markerMute,omitempty" yaml:"markerMute"`         // GS r and GS ( H never answered
	IgnoresClear   bool `json:"ignoresClear,omitempty" yaml:"ignoresClear"`     // DLE DC4 not known
	LateReply      bool `json:"lateReply,omitempty" yaml:"lateReply"`           // next answer comes during the next exchange (a marker's: the next job), once
	CutterStuck    bool `json:"cutterStuck,omitempty" yaml:"cutterStuck"`
	HeadHot        bool `json:"headHot,omitempty" yaml:"headHot"`
	Broken         bool `json:"broken,omitempty" yaml:"broken"` // unrecoverable error
	BootBaud       int  `json:"bootBaud,omitempty" yaml:"bootBaud"`
	Mute           bool `json:"mute,omitempty" yaml:"mute"` // says nothing at all
}

// EvaluatorFaults is what an evaluator can do to its host. The zero value is a good
// evaluator.
type EvaluatorFaults struct {
	LateBy   Duration `json:"lateBy,omitempty" yaml:"lateBy"`     // a key's result is said so much later, whatever window is open then
	Twice    bool     `json:"twice,omitempty" yaml:"twice"`       // every result is said twice
	Unasked  bool     `json:"unasked,omitempty" yaml:"unasked"`   // keys are said outside a window, too
	Reversed bool     `json:"reversed,omitempty" yaml:"reversed"` // 1 is the best
	FromZero bool     `json:"fromZero,omitempty" yaml:"fromZero"` // keys are said as 0 to 4
	Mute     bool     `json:"mute,omitempty" yaml:"mute"`         // never answers
	BootBaud int      `json:"bootBaud,omitempty" yaml:"bootBaud"`
}

func (f ReaderFaults) check() error {
	return errors.Join(checkBaud(f.BootBaud), checkCounts(f.Chunk, f.Noise, f.UnplugAfter))
}

func (f PrinterFaults) check() error {
	return errors.Join(checkBaud(f.BootBaud), checkCounts(f.PaperOutAfter, f.CoverAfter, f.PowerOffAfter, f.UnplugAfter))
}

func (f EvaluatorFaults) check() error { return checkBaud(f.BootBaud) }

// checkBaud refuses a rate that no serial line has; 0 is the device's own.
func checkBaud(baud int) error {
	if baud != 0 && (baud < 50 || baud > 4_000_000) {
		return fmt.Errorf("%d baud are not within 50 and 4000000", baud)
	}
	return nil
}

// checkCounts refuses more bytes or lines than anybody needs.
func checkCounts(counts ...int) error {
	for _, n := range counts {
		if n < 0 || n > 1<<16 {
			return fmt.Errorf("a count of %d is not within 0 and 65536", n)
		}
	}
	return nil
}
