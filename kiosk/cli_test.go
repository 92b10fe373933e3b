package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"yeban/devices/idcard"
)

// call runs the program in process.
func call(t *testing.T, in string, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(args, strings.NewReader(in), &o, &e)
	return code, o.String(), e.String()
}

// number is nobody's: its holder was born in 1900 and its check digit is set below.
var number = "34010319000101002?"

// fictitious is a reply of the reader with an invented card.
func fictitious(t *testing.T) []byte {
	t.Helper()
	digit, _ := idcard.CheckDigit(number[:17])
	number = number[:17] + string(digit)
	data, err := idcard.EncodeCard(idcard.Record{
		Type: idcard.Resident, Name: "徽小安", Sex: idcard.Female, Ethnic: "01", Birth: "19000101",
		Address: "安徽省合肥市庐阳区虚构路1号", IDNumber: number, Issuer: "合肥市公安局庐阳分局",
		From: "20200101", LongTerm: true, Photo: make([]byte, 1024),
	}, false)
	if err != nil {
		t.Fatal(err)
	}
	return idcard.EncodeReply(idcard.SAMV, idcard.SW{0, 0, 0x90}, data)
}

func TestCardDecode(t *testing.T) {
	reply := fictitious(t)
	binary := filepath.Join(t.TempDir(), "reply.bin")
	if err := os.WriteFile(binary, reply, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"binary file":     {binary},
		"hex on stdin":    {"-"},
		"binary on stdin": {"-"},
	} {
		in := hex.EncodeToString(reply)
		if name == "binary on stdin" {
			in = string(reply)
		}
		code, out, errs := call(t, in, append([]string{"card", "decode"}, args...)...)
		var got map[string]any
		if code != 0 || json.Unmarshal([]byte(out), &got) != nil {
			t.Fatalf("%s: exit %d: %s%s", name, code, out, errs)
		}
		if !strings.Contains(out, "徽小安") || !strings.Contains(out, number) {
			t.Errorf("%s: %s", name, out)
		}
	}
}

func TestCardDecodeRefusesInOneLine(t *testing.T) {
	reply := fictitious(t)
	broken := bytes.Clone(reply)
	broken[40] ^= 0xFF // in the name: the checksum no longer fits
	for name, in := range map[string]string{
		"nothing":      "",
		"garbage":      "this is not a frame",
		"checksum":     hex.EncodeToString(broken),
		"cut":          hex.EncodeToString(reply[:700]),
		"huge":         strings.Repeat("AA", maxReplyFile),
		"missing file": "",
	} {
		file := "-"
		if name == "missing file" {
			file = filepath.Join(t.TempDir(), "none")
		}
		code, out, errs := call(t, in, "card", "decode", file)
		if code != 1 || out != "" {
			t.Errorf("%s: exit %d, printed %q", name, code, out)
		}
		if strings.Count(errs, "\n") != 1 || strings.Contains(errs, "340103") || strings.Contains(errs, "徽") {
			t.Errorf("%s: stderr is %q", name, errs)
		}
	}
}

func TestOutboxVerbsRefuseWhatIsNone(t *testing.T) {
	empty := t.TempDir()
	garbage := t.TempDir()
	if err := os.WriteFile(filepath.Join(garbage, "outbox.db"), bytes.Repeat([]byte("no database "), 4000), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{empty, garbage, filepath.Join(empty, "none")} {
		for _, verb := range []string{"status", "verify"} {
			if code, _, errs := call(t, "", "outbox", verb, dir); code != 1 || strings.Count(errs, "\n") != 1 {
				t.Errorf("outbox %s %s: exit %d, %q", verb, filepath.Base(dir), code, errs)
			}
		}
	}
}

func TestHelpNamesEveryVerbFlagAndSetting(t *testing.T) {
	code, out, errs := call(t, "", "--help")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, errs)
	}
	for _, want := range []string{"card decode", "outbox status", "outbox verify", "bench", "--config", "--scenario",
		"devices.printer.width_mm", "timing.warning", "20s", "hub.platform_key"} {
		if !strings.Contains(out, want) {
			t.Errorf("help lacks %q", want)
		}
	}
}

func TestRunRefusesBadSettings(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"unknown key":  {"kiosk: a\nhal: b\n", "line 2"},
		"bad number":   {"number: 0\n", "number"},
		"bad language": {"language: fr\n", "language"},
		"bad zone":     {"zone: Moon/Far\n", "zone"},
		"bad width":    {"devices: {printer: {width_mm: 60}}\n", "width_mm"},
		"bad proof":    {"devices: {printer: {proof: faith}}\n", "proof"},
		"bad buffer":   {"devices: {printer: {buffer_bytes: 10}}\n", "buffer_bytes"},
		"zero idle":    {"timing: {idle: 0s}\n", "timing"},
	} {
		file := filepath.Join(t.TempDir(), "kiosk.yaml")
		if err := os.WriteFile(file, []byte(tc.text), 0o600); err != nil {
			t.Fatal(err)
		}
		code, _, errs := call(t, "", "run", "--config", file)
		if code != 1 || !strings.Contains(errs, tc.want) || strings.Count(errs, "\n") != 1 {
			t.Errorf("%s: exit %d, %q", name, code, errs)
		}
	}
}

func TestRunWithoutADisplaySaysSo(t *testing.T) {
	t.Setenv("DISPLAY", "")
	t.Setenv("WAYLAND_DISPLAY", "")
	if code, _, errs := call(t, "", "run"); code != 1 || !strings.Contains(errs, "no display") {
		t.Errorf("exit %d, %q", code, errs)
	}
}

func TestRunOnADisplayThatDoesNotAnswerSaysSo(t *testing.T) {
	t.Setenv("DISPLAY", ":4711")
	if code, _, errs := call(t, "", "run"); code != 1 || !strings.Contains(errs, "does not answer") || strings.Count(errs, "\n") != 1 {
		t.Errorf("exit %d, %q", code, errs)
	}
}
