package main

import (
	"fmt"
	"io"
	"reflect"
	"strings"
	"text/tabwriter"

	"github.com/alecthomas/kong"
)

// help prints kong's help for a command, and for the program itself every command with
// its flags and every setting.
func help(o kong.HelpOptions, k *kong.Context) error {
	if k.Selected() != nil && k.Selected() != k.Model.Node.DefaultCmd {
		return kong.DefaultHelpPrinter(o, k)
	}
	w := k.Stdout
	fmt.Fprintf(w, "Usage: hub [--config FILE] [--data DIR] [command]\n\n%s\n\nFlags of every command:\n", k.Model.Help)
	flags(w, k.Model.Flags)
	fmt.Fprintln(w, "\nCommands:")
	for _, leaf := range k.Model.Leaves(true) {
		fmt.Fprintf(w, "\n  hub %s\n      %s\n", strings.TrimPrefix(leaf.Summary(), "hub "), leaf.Help)
		for _, p := range leaf.Positional {
			fmt.Fprintf(w, "      %-26s %s\n", p.Summary(), p.Help)
		}
		flags(w, leaf.Flags)
	}
	fmt.Fprint(w, "\nSettings (hub.yaml):\n\n")
	if err := settingsTable(w); err != nil {
		return err
	}
	fmt.Fprint(w, "\nExit codes: 0 fine, 1 failed, 2 wrong command line, 3 bad configuration, 4 port in use, 5 foreign, broken or newer database.\n")
	return nil
}

func flags(w io.Writer, all []*kong.Flag) {
	for _, f := range all {
		if f.Name == "help" {
			continue
		}
		name := "--" + f.Name
		if !f.IsBool() {
			name += " " + f.FormatPlaceHolder()
		}
		text := f.Help
		if f.HasDefault && f.Default != "" {
			text += " Default: " + f.Default + "."
		}
		fmt.Fprintf(w, "      %-26s %s\n", name, text)
	}
}

// settingsTable prints one line for each field of Config.
func settingsTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	describe(t, "  ", "", reflect.ValueOf(defaultConfig()))
	return t.Flush()
}

func describe(w io.Writer, indent, prefix string, v reflect.Value) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name := prefix + f.Tag.Get("yaml")
		if f.Tag.Get("help") == "" {
			describe(w, indent, name+".", v.Field(i))
			continue
		}
		value := fmt.Sprint(v.Field(i))
		if value == "" {
			value = `""`
		}
		fmt.Fprintf(w, "%s%s\t%s\t%s\n", indent, name, value, f.Tag.Get("help"))
	}
}
