package serialport

import (
	"os"
	"path/filepath"
	"testing"
)

func put(t *testing.T, root, path, content string) {
	t.Helper()
	path = filepath.Join(root, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, root, path, target string) {
	t.Helper()
	path = filepath.Join(root, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

func TestListTellsIdenticalAdaptersApartByPath(t *testing.T) {
	root := t.TempDir()
	for i, socket := range []string{"1-1", "1-2"} {
		tty := []string{"ttyUSB0", "ttyUSB1"}[i]
		usb := "sys/devices/pci/usb1/" + socket
		put(t, root, usb+"/idVendor", "1a86\n")
		put(t, root, usb+"/idProduct", "7523\n")
		put(t, root, usb+"/product", "USB Serial\n")
		put(t, root, usb+"/"+socket+":1.0/"+tty+"/tty/"+tty+"/dev", "188:0\n")
		link(t, root, usb+"/"+socket+":1.0/"+tty+"/tty/"+tty+"/device", "../..")
		link(t, root, "sys/class/tty/"+tty, "../../devices/pci/usb1/"+socket+"/"+socket+":1.0/"+tty+"/tty/"+tty)
		link(t, root, "dev/serial/by-path/pci-usb-0:"+socket+":1.0-port0", "../../"+tty)
		link(t, root, "dev/serial/by-path/pci-usbv2-0:"+socket+":1.0-port0", "../../"+tty)
	}
	link(t, root, "dev/serial/by-id/usb-1a86_USB_Serial-if00-port0", "../../ttyUSB1")
	put(t, root, "sys/class/tty/tty0/dev", "4:0")    // virtual console
	put(t, root, "sys/class/tty/ttyS1/type", "0\n")  // placeholder
	put(t, root, "sys/class/tty/ttyS1/device/x", "") //
	put(t, root, "sys/class/tty/ttyS0/type", "4\n")  // a real UART
	put(t, root, "sys/class/tty/ttyS0/device/x", "") //
	list, err := listUnder(root)
	if err != nil {
		t.Fatal(err)
	}
	want := []Info{
		{Path: "/dev/serial/by-path/pci-usb-0:1-1:1.0-port0", Node: "/dev/ttyUSB0", Vendor: "1a86", Product: "7523", Text: "USB Serial"},
		{Path: "/dev/serial/by-path/pci-usb-0:1-2:1.0-port0", Node: "/dev/ttyUSB1", Vendor: "1a86", Product: "7523", Text: "USB Serial",
			ByID: "/dev/serial/by-id/usb-1a86_USB_Serial-if00-port0"},
		{Path: "/dev/ttyS0", Node: "/dev/ttyS0"},
	}
	want[0].ByPath, want[1].ByPath = want[0].Path, want[1].Path
	if len(list) != len(want) {
		t.Fatalf("%+v", list)
	}
	for i := range want {
		if list[i] != want[i] {
			t.Errorf("got  %+v\nwant %+v", list[i], want[i])
		}
	}
	if _, err := List(); err != nil {
		t.Fatal(err)
	}
}
