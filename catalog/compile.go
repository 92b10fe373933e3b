package catalog

import (
	"fmt"
	"regexp"

	"github.com/google/cel-go/cel"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// compiled is an item's conditions and schemas, in the order of its definition. A nil
// program stands for a condition that does not compile.
type compiled struct {
	eligible []cel.Program
	pages    []compiledPage
}

type compiledPage struct {
	showIf    cel.Program // nil where the page has none
	questions []compiledQuestion
}

type compiledQuestion struct {
	schema *jsonschema.Schema // nil where the question has none
	broken bool               // has one that does not compile
	rules  []cel.Program
}

// programs are the item's own, or compiled now for an item that was made in code.
func (it *Item) programs() *compiled {
	if it.compiled != nil {
		return it.compiled
	}
	c, _ := compileItem(it)
	return c
}

var questionID = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

// compileItem prepares what it can and says what it cannot; paths are relative to the
// item.
func compileItem(it *Item) (*compiled, []Issue) {
	var issues []Issue
	condition := func(env *cel.Env, expression, path string) cel.Program {
		program, why := compileCondition(env, expression)
		if program == nil {
			issues = append(issues, Issue{path, why})
		}
		return program
	}
	asked, err := baseEnv()
	if err != nil {
		return &compiled{pages: make([]compiledPage, len(it.Form.Pages))}, []Issue{{"", err.Error()}}
	}
	withToday := func() *cel.Env {
		env, err := asked.Extend(cel.Variable("today", cel.StringType))
		if err != nil {
			panic(err) // a constant declaration
		}
		return env
	}
	c := &compiled{}
	env := withToday()
	for i, r := range it.Eligible {
		c.eligible = append(c.eligible, condition(env, r.If, fmt.Sprintf("eligible[%d].if", i)))
	}
	for i := range it.Form.Pages {
		p, at := &it.Form.Pages[i], fmt.Sprintf("form.pages[%d]", i)
		var page compiledPage
		if p.ShowIf != "" {
			page.showIf = condition(asked, p.ShowIf, at+".showIf")
		}
		var answers []cel.EnvOption
		for j, q := range p.Questions {
			if !questionID.MatchString(q.ID) {
				issues = append(issues, Issue{fmt.Sprintf("%s.questions[%d].id", at, j),
					"question id must be a small letter, then small letters, digits or _"})
				continue
			}
			answers = append(answers, cel.Variable("answers."+q.ID, cel.StringType))
		}
		if extended, err := asked.Extend(answers...); err == nil {
			asked = extended
		} else {
			issues = append(issues, Issue{at, "question ids clash"})
		}
		env := withToday()
		for j, q := range p.Questions {
			at := fmt.Sprintf("%s.questions[%d]", at, j)
			var question compiledQuestion
			if question.schema, err = compileSchema(q.Schema); err != nil {
				question.broken = true
				issues = append(issues, Issue{at + ".schema", err.Error()})
			}
			for k, r := range q.Rules {
				question.rules = append(question.rules, condition(env, r.If, fmt.Sprintf("%s.rules[%d].if", at, k)))
			}
			page.questions = append(page.questions, question)
		}
		c.pages = append(c.pages, page)
	}
	return c, issues
}
