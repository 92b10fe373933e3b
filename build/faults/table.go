package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// row is what one trial came to.
type row struct {
	trial
	verdict
	runs      int
	conflicts int // contradictions that the hub has kept and raised
	recover   []time.Duration
	noticed   map[time.Duration]time.Duration // by the dead time that was set, how long a dead line stayed unnoticed at most
	notes     []string
	skipped   string // why this machine cannot run it
	err       error
	took      time.Duration
}

func (r *row) note(format string, args ...any) {
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

// passed says that the trial came out as it must. A control must lose or double.
func (r *row) passed() bool {
	switch {
	case r.skipped != "":
		return true
	case r.err != nil || r.runs == 0 || r.handed == 0:
		return false
	}
	return r.control != r.clean()
}

func (r *row) title() string {
	if r.control {
		return "control: " + r.name
	}
	return r.name
}

// remark is the last column.
func (r *row) remark() string {
	var all []string
	switch {
	case r.skipped != "":
		all = append(all, "not run here: "+r.skipped)
	case r.err != nil:
		all = append(all, "ENDED EARLY: "+r.err.Error())
	case !r.passed() && r.control:
		all = append(all, "CONTROL DID NOT FAIL")
	case !r.passed():
		all = append(all, "FAILED: "+r.first)
	}
	if r.extra > 0 && !r.control {
		all = append(all, fmt.Sprintf("%d unpromised", r.extra))
	}
	if r.carried > 0 {
		all = append(all, fmt.Sprintf("%d carried over and recognised", r.carried))
	}
	if r.conflicts > 0 {
		all = append(all, fmt.Sprintf("%d contradictions raised", r.conflicts))
	}
	for _, dead := range slices.Sorted(maps.Keys(r.noticed)) {
		all = append(all, fmt.Sprintf("dead after %s: both sides had noticed in %s", dead, seconds(r.noticed[dead])))
	}
	return strings.Join(append(all, r.notes...), "; ")
}

// cells are the columns after the fault's name.
func (r *row) cells() []string {
	if r.skipped != "" {
		return []string{"–", "–", "–", "–", "–", "–", "–"}
	}
	median, most := "–", "–"
	if len(r.recover) > 0 {
		sorted := slices.Sorted(slices.Values(r.recover))
		median, most = seconds(sorted[len(sorted)/2]), seconds(sorted[len(sorted)-1])
	}
	return []string{fmt.Sprint(r.runs), fmt.Sprint(r.handed), fmt.Sprint(r.lost), fmt.Sprint(r.doubled), fmt.Sprint(r.disorder), median, most}
}

func (r *row) line() string {
	return fmt.Sprintf("%2d %s: %s (%s) %s", r.fault, r.title(), strings.Join(r.cells(), " "), seconds(r.took), r.remark())
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

// table is all rows of a run.
type table struct {
	rows  []*row
	seed  uint64
	size  size
	begun time.Time
	took  time.Duration
}

var columns = []string{"", "fault", "runs", "handed in", "lost", "doubled", "out of order", "recovery, median", "max", "remarks"}

// passed says that every row did.
func (t *table) passed() bool {
	return len(t.rows) > 0 && !slices.ContainsFunc(t.rows, func(r *row) bool { return !r.passed() })
}

func (t *table) each(line func(cells []string)) {
	for _, r := range t.rows {
		line(slices.Concat([]string{fmt.Sprint(r.fault), r.title()}, r.cells(), []string{r.remark()}))
	}
}

func (t *table) summary() string {
	form := "short form"
	if t.size == long {
		form = "long form"
	}
	return fmt.Sprintf("%s, seed %d, %s", form, t.seed, t.took.Round(time.Second))
}

func (t *table) print(w io.Writer) {
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tw, strings.Join(columns, "\t"))
	t.each(func(cells []string) {
		fmt.Fprintln(tw, strings.ReplaceAll(strings.Join(cells, "\t"), "\n", " "))
	})
	_ = tw.Flush()
	fmt.Fprintln(w, t.summary())
}

const preface = `# Faults that must lose nothing

Made by ` + "`go run ./build/faults --long --jobs 2 --write`" + `. Handed in are records whose Append
was promised; lost, doubled and out of order are counted at the hub's store, and in what
staff see, against a file of promises that no fault touches. Recovery runs from the end of
the fault until the hub has acknowledged all that was handed in by then. Controls leave out what protects the records and must fail.
Unpromised are records that were durable in the moment of a crash, before anyone was told.

`

// markdown is the table as a page.
func (t *table) markdown() []byte {
	var b bytes.Buffer
	b.WriteString(preface)
	line := func(cells []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	line(columns)
	line(slices.Repeat([]string{"---"}, len(columns)))
	t.each(func(cells []string) {
		for i := range cells {
			cells[i] = strings.NewReplacer("\n", " ", "|", "\\|").Replace(cells[i])
		}
		line(cells)
	})
	fmt.Fprintf(&b, "\n%s: %s.\n", t.begun.UTC().Format("2006-01-02"), t.summary())
	return b.Bytes()
}
