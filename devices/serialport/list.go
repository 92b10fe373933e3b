package serialport

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Info describes a serial line that the machine has.
type Info struct {
	// Path is the name to configure: the by-path link, which stays with the socket
	// that the cable is in, or the node where there is none.
	Path    string `json:"path"`
	Node    string `json:"node"`             // /dev/ttyUSB0; its number changes with every replug
	ByPath  string `json:"byPath,omitempty"` // link under /dev/serial/by-path
	ByID    string `json:"byId,omitempty"`   // link under /dev/serial/by-id; identical adapters share one
	Vendor  string `json:"vendor,omitempty"` // USB vendor id, four hex digits
	Product string `json:"product,omitempty"`
	Serial  string `json:"serial,omitempty"` // of the adapter, often empty
	Text    string `json:"text,omitempty"`   // what the adapter calls itself
}

// List names the machine's serial lines from sysfs and the links that udev made. It
// opens none of them: opening raises modem lines, and one may be a console.
func List() ([]Info, error) { return listUnder("/") }

func listUnder(root string) ([]Info, error) {
	class := filepath.Join(root, "sys/class/tty")
	entries, err := os.ReadDir(class)
	if err != nil {
		return nil, err
	}
	byPath, byID := links(root, "by-path"), links(root, "by-id")
	var list []Info
	for _, e := range entries {
		dir := filepath.Join(class, e.Name())
		if !hardware(dir) {
			continue
		}
		node := "/dev/" + e.Name()
		info := Info{Path: node, Node: node, ByPath: byPath[node], ByID: byID[node]}
		if info.ByPath != "" {
			info.Path = info.ByPath
		}
		describeUSB(dir, &info)
		list = append(list, info)
	}
	slices.SortFunc(list, func(a, b Info) int { return strings.Compare(a.Path, b.Path) })
	return list, nil
}

// hardware says whether a tty is a line with something behind it: virtual consoles
// have no device, and the four placeholders of the 8250 driver have type 0.
func hardware(dir string) bool {
	if _, err := os.Stat(filepath.Join(dir, "device")); err != nil {
		return false
	}
	return attribute(dir, "type") != "0"
}

// links maps nodes to the links that lead to them, in one folder of /dev/serial.
func links(root, kind string) map[string]string {
	dir := filepath.Join(root, "dev/serial", kind)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // no USB adapter, or no udev
	}
	found := map[string]string{}
	for _, e := range entries {
		target, err := os.Readlink(filepath.Join(dir, e.Name()))
		if err != nil {
			continue
		}
		node := "/dev/" + filepath.Base(target)
		link := "/dev/serial/" + kind + "/" + e.Name()
		// udev makes a second link with "usbv2" in it for the same socket.
		if old, ok := found[node]; !ok || len(link) < len(old) {
			found[node] = link
		}
	}
	return found
}

// describeUSB fills in what the adapter says of itself. Its attributes lie with one
// of the folders above the tty's device.
func describeUSB(dir string, info *Info) {
	device, err := filepath.EvalSymlinks(filepath.Join(dir, "device"))
	if err != nil {
		return
	}
	for up, levels := device, 0; levels < 4; up, levels = filepath.Dir(up), levels+1 {
		if info.Vendor = attribute(up, "idVendor"); info.Vendor == "" {
			continue
		}
		info.Product = attribute(up, "idProduct")
		info.Serial = attribute(up, "serial")
		info.Text = strings.TrimSpace(attribute(up, "manufacturer") + " " + attribute(up, "product"))
		return
	}
}

func attribute(dir, name string) string {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
