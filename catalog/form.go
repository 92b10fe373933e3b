package catalog

import (
	"sort"
	"time"

	"github.com/google/cel-go/cel"
)

// Pages gives the pages that are asked, in order. A page is judged by the answers to
// the visible pages before it; answers to hidden pages count as empty.
func (it *Item) Pages(a Answers, c Card) []Page {
	pages := make([]Page, 0, len(it.Form.Pages))
	it.visit(a, c, time.Time{}, func(i int, _ facts) bool {
		pages = append(pages, it.Form.Pages[i])
		return true
	})
	return pages
}

// CheckPage says what is wrong with the answers to one page: nothing, and the citizen
// may go on. A page that is not in the form, or not asked, is a problem too.
func (it *Item) CheckPage(pageID string, a Answers, c Card, now time.Time) []Problem {
	problems := []Problem{problem("", Unknown, Text{})}
	for _, p := range it.Form.Pages {
		if p.ID == pageID {
			problems = []Problem{problem("", Hidden, Text{})}
		}
	}
	it.visit(a, c, now, func(i int, f facts) bool {
		if it.Form.Pages[i].ID != pageID {
			return true
		}
		problems = it.checkPage(i, a, f)
		return false
	})
	return problems
}

// Check judges a whole form, as a hub must that did not see it filled in: the person,
// every page that is asked, and that nothing else was answered. Nothing is wrong where
// it returns nothing.
func (it *Item) Check(a Answers, c Card, now time.Time) []Problem {
	known := map[string]bool{}
	for _, p := range it.Form.Pages {
		for _, q := range p.Questions {
			known[q.ID] = true
		}
	}
	if len(a) > len(known) {
		return []Problem{problem("", TooMany, Text{})}
	}
	problems := it.Ineligible(c, now)
	asked := map[string]bool{}
	it.visit(a, c, now, func(i int, f facts) bool {
		for _, q := range it.Form.Pages[i].Questions {
			asked[q.ID] = true
		}
		problems = append(problems, it.checkPage(i, a, f)...)
		return true
	})
	ids := make([]string, 0, len(a))
	for id := range a {
		ids = append(ids, id)
	}
	sort.Strings(ids)
	for _, id := range ids {
		switch {
		case !known[id]:
			// The id came with the answers: it is not repeated to anybody.
			problems = append(problems, problem("", Unknown, Text{}))
		case !asked[id]:
			problems = append(problems, problem(id, Hidden, Text{}))
		}
	}
	return problems
}

// Ineligible says why this person cannot have the item, as soon as their card is read.
func (it *Item) Ineligible(c Card, now time.Time) []Problem {
	f := newFacts(it, c, now)
	return failures("", it.Eligible, it.programs().eligible, f)
}

// Prefill gives the answers that the card knows. A value that would not be accepted is
// left out: the citizen is asked.
func (it *Item) Prefill(c Card) Answers {
	a := Answers{}
	programs := it.programs()
	for i, p := range it.Form.Pages {
		for j, q := range p.Questions {
			value := c[q.Prefill]
			if q.Prefill != "" && value != "" && checkAnswer(&p.Questions[j], &programs.pages[i].questions[j], value) == nil {
				a[q.ID] = value
			}
		}
	}
	return a
}

// visit calls f for every page that is asked, in order, with what its rules may know.
// It stops where f returns false.
func (it *Item) visit(a Answers, c Card, now time.Time, f func(page int, known facts) bool) {
	programs := it.programs()
	known := newFacts(it, c, now)
	for i := range it.Form.Pages {
		if it.Form.Pages[i].ShowIf != "" {
			if shown, ok := known.hold(programs.pages[i].showIf); ok && !shown {
				continue
			}
		}
		known.ask(&it.Form.Pages[i], a)
		if !f(i, known) {
			return
		}
	}
}

func (it *Item) checkPage(i int, a Answers, f facts) []Problem {
	var problems []Problem
	page := it.programs().pages[i]
	for j := range it.Form.Pages[i].Questions {
		q := &it.Form.Pages[i].Questions[j]
		value := a[q.ID]
		switch {
		case value == "" && q.Optional:
		case value == "":
			problems = append(problems, problem(q.ID, Missing, Text{}))
		default:
			if p := checkAnswer(q, &page.questions[j], value); p != nil {
				problems = append(problems, *p)
				continue
			}
			problems = append(problems, failures(q.ID, q.Rules, page.questions[j].rules, f)...)
		}
	}
	return problems
}

// failures are the sentences of the conditions that do not hold.
func failures(question string, rules []Rule, programs []cel.Program, f facts) []Problem {
	var problems []Problem
	for i, r := range rules {
		if holds, _ := f.hold(programs[i]); !holds {
			problems = append(problems, problem(question, Refused, r.Otherwise))
		}
	}
	return problems
}
