package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"yeban/devices/serialport"
)

// devicesVerb is what a technician needs beside a terminal. All but list open ports, which
// a running kiosk holds: stop it first.
type devicesVerb struct {
	List  devicesListVerb  `cmd:"" help:"Name the machine's serial ports. Opens none of them."`
	Probe devicesProbeVerb `cmd:"" help:"Say what answers on a port, or on each configured port."`
	Watch devicesWatchVerb `cmd:"" help:"Print every change of the devices' condition until Ctrl-C."`
	Test  devicesTestVerb  `cmd:"" help:"Guided self-test: print a page, press a key, lay a card; ends in a report."`
}

type devicesListVerb struct {
	JSON bool `name:"json" help:"As a JSON array."`
}

// Run lists the ports from the system's own tables.
func (v devicesListVerb) Run(s *streams) error {
	ports, err := serialport.List()
	if err != nil {
		return fmt.Errorf("list serial ports: %w", err)
	}
	if v.JSON {
		if ports == nil {
			ports = []serialport.Info{} // an empty array, not null
		}
		return writeJSON(s.out, ports)
	}
	if len(ports) == 0 {
		_, err := fmt.Fprintln(s.out, "no serial port on this machine")
		return err
	}
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PATH TO CONFIGURE\tNODE\tBY-PATH\tVENDOR\tADAPTER")
	for _, p := range ports {
		vendor := strings.Trim(p.Vendor+":"+p.Product, ":")
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", p.Path, p.Node, dash(p.ByPath), dash(vendor), dash(p.Text))
	}
	return w.Flush()
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
