package main

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"yeban/devices"
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
	Config string `help:"Settings file; without it the defaults hold." placeholder:"FILE"`
	JSON   bool   `name:"json" help:"As a JSON array."`
}

// listedPort is a port of the machine and what the settings say of it.
type listedPort struct {
	serialport.Info
	For     []devices.Kind `json:"for,omitempty"`     // devices that belong on it
	Perhaps []devices.Kind `json:"perhaps,omitempty"` // devices that may be looked for there
}

// Run lists the ports from the system's own tables.
func (v devicesListVerb) Run(s *streams) error {
	cfg, err := loadConfig(v.Config)
	if err != nil {
		return err
	}
	list, err := serialport.List()
	if err != nil {
		return fmt.Errorf("list serial ports: %w", err)
	}
	ports := []listedPort{} // an empty array, not null
	for _, info := range list {
		ports = append(ports, listed(info, cfg.Ports))
	}
	if v.JSON {
		return writeJSON(s.out, ports)
	}
	if len(ports) == 0 {
		_, err := fmt.Fprintln(s.out, "no serial port on this machine")
		return err
	}
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PATH TO CONFIGURE\tNODE\tBY-PATH\tVENDOR\tADAPTER\tFOR")
	for _, p := range ports {
		vendor := strings.Trim(p.Vendor+":"+p.Product, ":")
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", p.Path, p.Node, dash(p.ByPath), dash(vendor), dash(p.Text), dash(p.uses()))
	}
	return w.Flush()
}

// listed finds out what a port is configured for.
func listed(info serialport.Info, all Ports) listedPort {
	p := listedPort{Info: info}
	for _, kind := range []devices.Kind{devices.IDCard, devices.Printer, devices.Evaluator} {
		port := portOf(all, kind)
		if port.Path != "" && samePort(port.Path, info.Node) {
			p.For = append(p.For, kind)
			continue
		}
		for _, pattern := range port.Candidates {
			for _, name := range []string{info.Path, info.Node, info.ByPath, info.ByID} {
				if ok, _ := filepath.Match(pattern, name); ok && !slices.Contains(p.Perhaps, kind) {
					p.Perhaps = append(p.Perhaps, kind)
				}
			}
		}
	}
	return p
}

// uses is the two lists in one: reader, printer?
func (p listedPort) uses() string {
	var names []string
	for _, kind := range p.For {
		names = append(names, string(kind))
	}
	for _, kind := range p.Perhaps {
		names = append(names, string(kind)+"?")
	}
	return strings.Join(names, ", ")
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
