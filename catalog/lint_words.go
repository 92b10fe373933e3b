package catalog

import (
	"fmt"
	"strings"
)

// wordRules are about what a citizen reads.
var wordRules = []LintRule{
	{ID: "text-zh", Blocks: true, check: func(l *linter) {
		eachText(l.catalog, func(at string, t Text) {
			if strings.TrimSpace(t.Zh) == "" {
				l.report(at, "the Chinese text is missing")
			}
		})
	}, Doc: "every sentence that a citizen needs is there in Chinese"},

	{ID: "text-en", check: func(l *linter) {
		eachText(l.catalog, func(at string, t Text) {
			if t.Zh != "" && strings.TrimSpace(t.En) == "" {
				l.report(at, "the English text is missing: the Chinese is shown")
			}
		})
	}, Doc: "every sentence that a citizen needs is there in English"},

	{ID: "tile-fits", check: eachItem(func(l *linter, at string, it *Item) {
		if n := columns(it.Name.Zh); n > maxTileName {
			l.reportf(at+".task_name", "%d columns, a tile shows %d", n, maxTileName)
		}
		if n := columns(it.Summary.Zh); n > maxTileSummary {
			l.reportf(at+".summary", "%d columns, a tile shows %d", n, maxTileSummary)
		}
	}), Doc: "name and summary fit on a tile of the home screen"},

	{ID: "next-told", Blocks: true, check: eachItem(func(l *linter, at string, it *Item) {
		if len(it.Next) == 0 {
			l.report(at+".next", "say what happens next, and when")
		}
	}), Doc: "an item says what happens after it is handed in"},
}

// In columns: a Chinese character takes two.
const (
	maxTileName    = 24
	maxTileSummary = 40
)

// eachText visits the sentences that must be there. Hints and the like may be empty;
// one in English alone is a sentence that was forgotten in Chinese.
func eachText(c *Catalog, f func(at string, t Text)) {
	optional := func(at string, t Text) {
		if t != (Text{}) {
			f(at, t)
		}
	}
	for i, t := range c.Topics {
		f(fmt.Sprintf("topics[%d].name", i), t.Name)
	}
	for i, d := range c.Departments {
		f(fmt.Sprintf("departments[%d].dept_name", i), d.Name)
	}
	for i := range c.Items {
		it, at := &c.Items[i], fmt.Sprintf("items[%d]", i)
		f(at+".task_name", it.Name)
		f(at+".summary", it.Summary)
		if len(it.Reads) > 0 {
			f(at+".purpose", it.Purpose)
		}
		for j, m := range it.Materials {
			f(fmt.Sprintf("%s.materials[%d].material_name", at, j), m.Name)
		}
		for j, r := range it.Eligible {
			f(fmt.Sprintf("%s.eligible[%d].otherwise", at, j), r.Otherwise)
		}
		for j, t := range it.Next {
			f(fmt.Sprintf("%s.next[%d]", at, j), t)
		}
		for j, p := range it.Form.Pages {
			at := fmt.Sprintf("%s.form.pages[%d]", at, j)
			f(at+".title", p.Title)
			for k, q := range p.Questions {
				at := fmt.Sprintf("%s.questions[%d]", at, k)
				f(at+".label", q.Label)
				optional(at+".hint", q.Hint)
				if len(q.Schema) > 0 {
					f(at+".wrong", q.Wrong)
				}
				for n, o := range q.Options {
					f(fmt.Sprintf("%s.options[%d].label", at, n), o.Label)
				}
				for n, r := range q.Rules {
					f(fmt.Sprintf("%s.rules[%d].otherwise", at, n), r.Otherwise)
				}
			}
		}
	}
}
