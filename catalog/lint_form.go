package catalog

import (
	"fmt"
	"regexp"
	"slices"
)

const (
	maxPages     = 5 // steps of a form
	maxQuestions = 4 // on one page without scrolling
	maxChoices   = 8
	minChoices   = 2
)

var namesCard = regexp.MustCompile(`\bcard\.([a-z_]+)`)

// formRules are about what is asked, and what is read for it.
var formRules = []LintRule{
	{ID: "form-steps", Blocks: true, check: eachItem(func(l *linter, at string, it *Item) {
		if n := len(it.Form.Pages); n < 1 || n > maxPages {
			l.reportf(at+".form.pages", "%d pages: a form has 1 to %d", n, maxPages)
		}
	}), Doc: "a form has one to five pages"},

	{ID: "first-page-shown", Blocks: true, check: eachItem(func(l *linter, at string, it *Item) {
		if len(it.Form.Pages) > 0 && it.Form.Pages[0].ShowIf != "" {
			l.report(at+".form.pages[0].showIf", "the first page is always shown")
		}
	}), Doc: "the first page is always shown"},

	{ID: "page-questions", Blocks: true, check: eachItem(func(l *linter, at string, it *Item) {
		for i, p := range it.Form.Pages {
			if n := len(p.Questions); n < 1 || n > maxQuestions {
				l.reportf(fmt.Sprintf("%s.form.pages[%d]", at, i), "%d questions: a page has 1 to %d", n, maxQuestions)
			}
		}
	}), Doc: "a page has one to four questions: it does not scroll"},

	{ID: "choice-options", Blocks: true, check: eachQuestion(func(l *linter, at string, q *Question) {
		switch n := len(q.Options); {
		case q.Kind == Choice && (n < minChoices || n > maxChoices):
			l.reportf(at+".options", "%d options: a choice has %d to %d", n, minChoices, maxChoices)
		case q.Kind != Choice && n > 0:
			l.report(at+".options", "only a choice has options")
		}
	}), Doc: "a choice has two to eight options"},

	{ID: "text-keyboard", check: eachQuestion(func(l *linter, at string, q *Question) {
		if q.Kind == Line && q.Keyboard == KeysAll {
			l.report(at, "asks for Chinese on a touch screen: can it be a choice, digits or letters?")
		}
		if q.Kind != Line && q.Keyboard != KeysAll {
			l.report(at+".keyboard", "only a text question has a keyboard")
		}
	}), Doc: "a text question can be answered with digits or letters"},

	{ID: "text-schema", check: eachQuestion(func(l *linter, at string, q *Question) {
		if q.Kind == Line && len(q.Schema) == 0 {
			l.report(at, "takes any text: give it a schema")
		}
	}), Doc: "a text question says what it takes"},

	{ID: "requires-reader", Blocks: true, check: eachItem(func(l *linter, at string, it *Item) {
		if it.usesCard() && !slices.Contains(it.Requires, NeedsReader) {
			l.report(at+".requires", "reads the card, and does not require a reader")
		}
	}), Doc: "what reads the card requires a reader"},

	{ID: "reads-declared", Blocks: true, check: eachItem(func(l *linter, at string, it *Item) {
		it.eachUse(func(path string, f CardField) {
			if slices.Contains(cardFields, f) && !slices.Contains(it.Reads, f) {
				l.reportf(at+"."+path, "uses %s of the card: say so in reads", f)
			}
		})
	}), Doc: "every field of the card that is used is told to the citizen in reads"},
}

func (it *Item) usesCard() bool {
	uses := len(it.Reads) > 0
	it.eachUse(func(string, CardField) { uses = true })
	return uses
}

// eachUse visits the fields of the card that conditions and prefills name.
func (it *Item) eachUse(f func(path string, field CardField)) {
	condition := func(path, expression string) {
		for _, m := range namesCard.FindAllStringSubmatch(expression, -1) {
			f(path, CardField(m[1]))
		}
	}
	for i, r := range it.Eligible {
		condition(fmt.Sprintf("eligible[%d].if", i), r.If)
	}
	for i, p := range it.Form.Pages {
		at := fmt.Sprintf("form.pages[%d]", i)
		condition(at+".showIf", p.ShowIf)
		for j, q := range p.Questions {
			at := fmt.Sprintf("%s.questions[%d]", at, j)
			if q.Prefill != "" {
				f(at+".prefill", q.Prefill)
			}
			for k, r := range q.Rules {
				condition(fmt.Sprintf("%s.rules[%d].if", at, k), r.If)
			}
		}
	}
}
