package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"yeban/devices/evaluator"
	"yeban/devices/serialport"
	"yeban/kiosk/journey"
	"yeban/sync/settings"
)

// Config is all that a terminal can be told. Its file is YAML; see kiosk.yaml.
type Config struct {
	Kiosk    string  `yaml:"kiosk" help:"identity at the hub"`
	Number   int     `yaml:"number" help:"1-99999, the end of this terminal's receipt numbers"`
	Hall     string  `yaml:"hall" help:"name of the hall, shown and printed"`
	Hotline  string  `yaml:"hotline" help:"telephone number shown on every page"`
	Language string  `yaml:"language" help:"language a visit begins in: zh or en"`
	Zone     string  `yaml:"zone" help:"time zone of dates and receipt numbers"`
	Data     string  `yaml:"data" help:"folder of the outbox"`
	MinFree  int64   `yaml:"min_free_mb" help:"with less free on the data folder's disk, in MiB, nobody may begin"`
	Catalog  string  `yaml:"catalog" help:"file or folder of the item catalogue"`
	Hub      Hub     `yaml:"hub"`
	Ports    Ports   `yaml:"devices"`
	Screen   Display `yaml:"screen"`
	Timing   Timing  `yaml:"timing"`
	Log      Log     `yaml:"log"`
}

// Hub is where records go.
type Hub struct {
	URL         string `yaml:"url" help:"websocket of the hub; empty keeps records here"`
	TokenFile   string `yaml:"token_file" help:"file with this terminal's token"`
	PlatformKey string `yaml:"platform_key" help:"PEM file of the platform's public SM2 key"`
	CA          string `yaml:"ca" help:"PEM file of who vouches for the hub; empty: the system's roots"`
	Cert        string `yaml:"cert" help:"PEM file of this terminal's certificate, where the hub demands one"`
	Key         string `yaml:"key" help:"PEM file of the certificate's key"`
}

// Ports is what hangs where. An empty path is a device that this terminal does not have.
type Ports struct {
	IDCard    ReaderPort    `yaml:"idcard"`
	Printer   PrinterPort   `yaml:"printer"`
	Evaluator EvaluatorPort `yaml:"evaluator"`
}

// Port is one serial port.
type Port struct {
	Path   string            `yaml:"path" help:"device file, best one under /dev/serial/by-path"`
	Baud   int               `yaml:"baud" help:"bits a second"`
	Driver serialport.Driver `yaml:"driver" help:"serial library: bugst or tarm"`

	Identity   string   `yaml:"identity" help:"which one of its kind it must be, as 'kiosk devices probe' tells; empty: any"`
	Candidates []string `yaml:"candidates" help:"ports or patterns, such as /dev/serial/by-path/*, among which it is looked for when it is not on its own"`
}

// ReaderPort is the ID-card reader.
type ReaderPort struct {
	Port   `yaml:",inline"`
	Family string `yaml:"family" help:"how it wraps its messages: samv (AA AA AA 96 69 …) or stx (02 … 03)"`
}

// PrinterPort is the receipt printer.
type PrinterPort struct {
	Port    `yaml:",inline"`
	WidthMM int `yaml:"width_mm" help:"paper width, 58 or 80"`

	Proof       string `yaml:"proof" help:"how it proves that paper came out: sensor (answers GS r), job (answers GS ( H) or none"`
	BufferBytes int    `yaml:"buffer_bytes" help:"its receive buffer, 45 to 65536"`
	NearEnd     bool   `yaml:"near_end" help:"it has a sensor for paper near its end"`
}

// EvaluatorPort is the rating device.
type EvaluatorPort struct {
	Port  `yaml:",inline"`
	Model string `yaml:"model" help:"ev1, pj06 or jt905"`

	BestKey int   `yaml:"best_key" help:"its key for very satisfied: 5 (1 is the worst), 1 (5 is the worst), or with jt905 also 0 (4 is the worst)"`
	JT905   JT905 `yaml:"jt905"`
}

// JT905 is the vendor of a JT/T 905 evaluator, in numbers as its manual has them.
type JT905 struct {
	Device code `yaml:"device" help:"device byte of its frames"`
	Vendor code `yaml:"vendor" help:"vendor byte of its frames; frames of another vendor are not listened to"`
	Status code `yaml:"status" help:"command that asks how it is"`
	Ask    code `yaml:"ask" help:"command that opens a question"`
	Idle   code `yaml:"idle" help:"command that closes a question"`
	Result code `yaml:"result" help:"command by which it tells the key"`
}

// code is a number that people read in hexadecimal.
type code uint16

func (c code) String() string { return fmt.Sprintf("0x%02X", uint16(c)) }

// Display is the touch screen.
type Display struct {
	Width      int    `yaml:"width" help:"pixels; taller than wide is portrait"`
	Height     int    `yaml:"height" help:"pixels"`
	Fullscreen bool   `yaml:"fullscreen" help:"take the whole screen"`
	Targets    string `yaml:"targets" help:"file that is kept up to date with what can be tapped where, for tests"`
}

// Timing is how long a terminal waits for a citizen.
type Timing struct {
	Idle    time.Duration `yaml:"idle" help:"without a touch, before the warning"`
	Form    time.Duration `yaml:"form" help:"the same on forms"`
	Result  time.Duration `yaml:"result" help:"the same on the receipt and the rating"`
	Warning time.Duration `yaml:"warning" help:"countdown, then everything is wiped"`
}

// Log is the program's own log. It holds no personal data.
type Log struct {
	Level string `yaml:"level" help:"debug, info, warn or error"`
}

// defaultConfig is a demonstration terminal beside a hub on the same machine.
func defaultConfig() Config {
	t := journey.DefaultTiming()
	return Config{
		Kiosk: "340103-0017", Number: 17, Hall: "合肥市庐阳区政务服务大厅", Hotline: "12345",
		Language: "zh", Zone: "Asia/Shanghai", Data: "var/kiosk", MinFree: 64, Catalog: "assets/catalog",
		Hub: Hub{URL: "ws://127.0.0.1:8340/kiosk/v1", TokenFile: "var/kiosk/token", PlatformKey: "var/hub/platform.pub"},
		Ports: Ports{
			IDCard: ReaderPort{
				Port:   Port{Path: "var/devices/idcard", Baud: 115200, Driver: serialport.Bugst},
				Family: familySAMV,
			},
			Printer: PrinterPort{
				Port:    Port{Path: "var/devices/printer", Baud: 115200, Driver: serialport.Bugst},
				WidthMM: 80, Proof: proofSensor, BufferBytes: 4096, NearEnd: true,
			},
			Evaluator: EvaluatorPort{
				Port:  Port{Path: "var/devices/evaluator", Baud: 9600, Driver: serialport.Bugst},
				Model: string(evaluator.EV1), BestKey: 5, JT905: defaultJT905(),
			},
		},
		Screen: Display{Width: 1080, Height: 1920, Fullscreen: false},
		Timing: Timing{Idle: t.Idle, Form: t.Form, Result: t.Result, Warning: t.Warning},
		Log:    Log{Level: "info"},
	}
}

// loadConfig reads the file over the defaults; no file means the defaults.
func loadConfig(path string) (Config, error) {
	c := defaultConfig()
	if path != "" {
		if err := settings.Read(path, &c); err != nil {
			return c, err
		}
	}
	return c, c.check()
}

func (c *Config) check() error {
	var errs []error
	refuse := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	refuse(c.Kiosk == "", "kiosk: an identity is needed")
	refuse(c.Number < 1 || c.Number > 99999, "number: %d is not within 1-99999", c.Number)
	refuse(c.Language != "zh" && c.Language != "en", "language: %q is neither zh nor en", c.Language)
	refuse(c.Data == "", "data: a folder is needed")
	refuse(c.MinFree < 1, "min_free_mb: %d is not above zero", c.MinFree)
	refuse((c.Hub.Cert == "") != (c.Hub.Key == ""), "hub.cert and hub.key: one is of no use without the other")
	refuse((c.Hub.CA != "" || c.Hub.Cert != "") && !c.Hub.secured(), "hub.url: certificates need wss://")
	refuse(c.Screen.Width < 600 || c.Screen.Height < 600, "screen: %d×%d is too small", c.Screen.Width, c.Screen.Height)
	refuse(c.Ports.Printer.WidthMM != 58 && c.Ports.Printer.WidthMM != 80, "devices.printer.width_mm: %d is neither 58 nor 80", c.Ports.Printer.WidthMM)
	_, known := proofs[c.Ports.Printer.Proof]
	refuse(!known, "devices.printer.proof: %q is neither sensor, job nor none", c.Ports.Printer.Proof)
	refuse(c.Ports.Printer.BufferBytes < 45 || c.Ports.Printer.BufferBytes > 64<<10, "devices.printer.buffer_bytes: %d is not within 45-65536", c.Ports.Printer.BufferBytes)
	refuse(c.Timing.Idle <= 0 || c.Timing.Form <= 0 || c.Timing.Result <= 0 || c.Timing.Warning <= 0, "timing: every time is above zero")
	errs = append(errs, c.Ports.IDCard.check(), c.Ports.Evaluator.check())
	for _, port := range []Port{c.Ports.IDCard.Port, c.Ports.Printer.Port, c.Ports.Evaluator.Port} {
		for _, pattern := range port.Candidates {
			_, err := filepath.Match(pattern, "")
			refuse(err != nil, "devices.candidates: %q is no pattern of ports", pattern)
		}
	}
	if _, err := time.LoadLocation(c.Zone); err != nil {
		errs = append(errs, fmt.Errorf("zone: %w", err))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	return nil
}
