package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"yeban/hub/store"
	"yeban/sync/record"
)

type kioskAddCmd struct {
	ID        string `arg:"" help:"Id of the terminal: a–z, 0–9 and hyphens, at most 63."`
	Number    int    `required:"" help:"Number in receipt numbers, 1 to 99999, one for each terminal." placeholder:"N"`
	Name      string `required:"" help:"Name for staff, e.g. 政务大厅南门一号." placeholder:"NAME"`
	Region    string `help:"Region code, six digits (GB/T 2260)." placeholder:"CODE"`
	TokenFile string `help:"Write the token here, readable by the owner only, instead of printing it." placeholder:"FILE"`
	Replace   bool   `help:"Change a terminal that is registered already. A token in the token file is kept; otherwise a new one is made."`
}

var (
	kioskID    = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
	regionCode = regexp.MustCompile(`^([0-9]{6})?$`)
	tokenText  = regexp.MustCompile(`^[A-Z0-9]{26,64}$`)
)

func (c *kioskAddCmd) Run(p *program) (err error) {
	switch {
	case !kioskID.MatchString(c.ID):
		return errors.New("a terminal's id is made of a–z, 0–9 and hyphens, at most 63")
	case c.Number < 1 || c.Number > record.MaxKioskNumber:
		return fmt.Errorf("a terminal's number is 1 to %d", record.MaxKioskNumber)
	case strings.TrimSpace(c.Name) == "" || len(c.Name) > 200:
		return errors.New("a terminal's name has 1 to 200 bytes")
	case !regionCode.MatchString(c.Region):
		return errors.New("a region code has six digits")
	}
	token, keep := rand.Text()+rand.Text(), false
	if c.TokenFile != "" && c.Replace {
		if text, err := os.ReadFile(c.TokenFile); err == nil && tokenText.MatchString(strings.TrimSpace(string(text))) {
			token, keep = strings.TrimSpace(string(text)), true
		}
	}
	_, st, err := p.openStore()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	// The file first: a token that is stored and written nowhere is lost.
	if c.TokenFile != "" && !keep {
		if _, err := st.Kiosk(p.ctx, c.ID); err == nil && !c.Replace {
			return fmt.Errorf("kiosk %s: %w", c.ID, store.ErrExists)
		}
		if err := writeWhole(c.TokenFile, []byte(token+"\n"), 0o600); err != nil {
			return fmt.Errorf("write token file: %w", err)
		}
	}
	k := store.Kiosk{ID: c.ID, Number: c.Number, Name: strings.TrimSpace(c.Name), Region: c.Region}
	if err := st.AddKiosk(p.ctx, k, token, c.Replace); err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "kiosk %s\n", c.ID)
	if c.TokenFile == "" {
		fmt.Fprintf(p.stdout, "token %s\n", token)
	} else {
		fmt.Fprintf(p.stdout, "token file %s\n", c.TokenFile)
	}
	return nil
}
