package main

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"yeban/hub/console"
)

const (
	shortestPassword = 10
	longestPassword  = 72 // bytes; bcrypt sees no more
)

type userAddCmd struct {
	Name          string `arg:"" help:"Name to log in with."`
	PasswordStdin bool   `help:"Read the password from the first line of standard input instead of making one."`
	Replace       bool   `help:"Give an existing person a new password and end their sessions."`
}

func (c *userAddCmd) Run(p *program) (err error) {
	name := strings.TrimSpace(c.Name)
	if name == "" || utf8.RuneCountInString(name) > 64 || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' }) {
		return errors.New("a user's name has 1 to 64 characters")
	}
	password, made := "", false
	if c.PasswordStdin {
		line, err := bufio.NewReader(io.LimitReader(p.stdin, 4096)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read password: %w", err)
		}
		password = strings.TrimRight(line, "\r\n")
		if utf8.RuneCountInString(password) < shortestPassword || len(password) > longestPassword {
			return fmt.Errorf("a password has at least %d characters and at most %d bytes", shortestPassword, longestPassword)
		}
	} else {
		text := strings.ToLower(rand.Text()) // 5 bits a character
		password, made = strings.Join([]string{text[:5], text[5:10], text[10:15], text[15:20]}, "-"), true
	}
	hash, err := console.HashPassword(password)
	if err != nil {
		return err
	}
	_, st, err := p.openStore()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	if err := st.AddUser(p.ctx, name, hash, c.Replace); err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "user %s\n", name)
	if made {
		fmt.Fprintf(p.stdout, "password %s\n", password)
	}
	return nil
}
