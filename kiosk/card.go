package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"yeban/devices/idcard"
)

type cardVerb struct {
	Decode cardDecodeVerb `cmd:"" help:"Decode one reader reply, hex or binary, to JSON."`
}

type cardDecodeVerb struct {
	File string `arg:"" help:"File with the reply; - for standard input."`
}

// maxReplyFile is well above the hex of the largest reply with any spacing.
const maxReplyFile = 1 << 20

// Run prints the reply as JSON, or fails with one line that holds no personal data.
func (v cardDecodeVerb) Run(s *streams) error {
	raw, err := readInput(v.File, s.in)
	if err != nil {
		return err
	}
	reply, err := idcard.ParseHexOrBinary(raw)
	if err != nil {
		return fmt.Errorf("decode card: %w", err)
	}
	decoded, err := idcard.Decode(reply)
	if err != nil {
		return fmt.Errorf("decode card: %w", err)
	}
	e := json.NewEncoder(s.out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(decoded)
}

// readInput reads a small file or standard input.
func readInput(name string, in io.Reader) ([]byte, error) {
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	raw, err := io.ReadAll(io.LimitReader(in, maxReplyFile+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(raw) > maxReplyFile {
		return nil, fmt.Errorf("%s is larger than %d bytes: not one reader reply", name, maxReplyFile)
	}
	return raw, nil
}
