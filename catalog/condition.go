package catalog

import (
	"fmt"
	"sync"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
)

// Conditions are written in CEL and must give true or false. They may name
//
//	card.name, card.sex …  the fields of CardField, "" where the card has none
//	answers.<question>     "" where it is not answered or not asked
//	today                  YYYYMMDD in China
//	age(card.birth)        whole years at today
//	days_since(date)       days from a date to today, negative for one to come
//
// eligible sees the card and today. showIf sees the card and the answers of the pages
// before its own, and no date: what is asked must not change at midnight. The rules of
// a question see everything up to its own page.
//
// A condition that cannot be computed (a date that is none, too costly) does not hold;
// a page whose showIf cannot be computed is shown.

const (
	maxExpression = 2000   // code points
	maxCost       = 10_000 // of one evaluation, in CEL's units; a comparison is about 1
)

// chinaTime is the one clock of the country, without summer time. Both a terminal and
// a hub judge by it, whatever zone their machine is set to.
var chinaTime = time.FixedZone("Asia/Shanghai", 8*60*60)

const dateLayout = "20060102"

func today(now time.Time) string { return now.In(chinaTime).Format(dateLayout) }

// baseEnv knows the card and the functions, not yet today nor any answer.
var baseEnv = sync.OnceValues(func() (*cel.Env, error) {
	options := []cel.EnvOption{
		cel.ClearMacros(), // no loops: there is nothing to loop over
		cel.Macros(withToday("age"), withToday("days_since")),
		cel.ParserExpressionSizeLimit(maxExpression),
		cel.ParserRecursionLimit(50),
		dateFunction("age", ageAt),
		dateFunction("days_since", daysSince),
	}
	for _, f := range cardFields {
		options = append(options, cel.Variable("card."+string(f), cel.StringType))
	}
	return cel.NewCustomEnv(append([]cel.EnvOption{cel.StdLib()}, options...)...)
})

// withToday makes f(date) mean f(date, today), so that a compiled condition holds no
// clock.
func withToday(name string) cel.Macro {
	return cel.GlobalMacro(name, 1, func(f cel.MacroExprFactory, _ ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
		return f.NewCall(name, args[0], f.NewIdent("today")), nil
	})
}

func dateFunction(name string, f func(date, today time.Time) int64) cel.EnvOption {
	return cel.Function(name, cel.Overload(name+"_string_string",
		[]*cel.Type{cel.StringType, cel.StringType}, cel.IntType,
		cel.BinaryBinding(func(date, today ref.Val) ref.Val {
			a, errA := time.Parse(dateLayout, string(date.(types.String)))
			b, errB := time.Parse(dateLayout, string(today.(types.String)))
			if errA != nil || errB != nil {
				return types.NewErr("%s: not a date", name)
			}
			return types.Int(f(a, b))
		})))
}

func ageAt(birth, today time.Time) int64 {
	years := today.Year() - birth.Year()
	if today.Month() < birth.Month() || today.Month() == birth.Month() && today.Day() < birth.Day() {
		years--
	}
	return int64(years)
}

func daysSince(date, today time.Time) int64 { return int64(today.Sub(date).Hours() / 24) }

// compileCondition returns nil and why for what is not a condition.
func compileCondition(env *cel.Env, expression string) (cel.Program, string) {
	tree, wrong := env.Compile(expression)
	if wrong.Err() != nil {
		return nil, fmt.Sprintf("condition does not compile: %s", wrong.Errors()[0].Message)
	}
	if !tree.OutputType().IsExactType(cel.BoolType) {
		return nil, fmt.Sprintf("condition gives %s, not true or false", tree.OutputType())
	}
	program, err := env.Program(tree, cel.CostLimit(maxCost), cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		return nil, fmt.Sprintf("condition does not compile: %v", err)
	}
	return program, ""
}

// facts is what a condition is judged by.
type facts map[string]any

// newFacts knows the card and, unless now is zero, today. Answers are put in by ask.
func newFacts(it *Item, card Card, now time.Time) facts {
	f := facts{}
	for _, field := range cardFields {
		f["card."+string(field)] = card[field]
	}
	if !now.IsZero() {
		f["today"] = today(now)
	}
	for _, p := range it.Form.Pages {
		for _, q := range p.Questions {
			f["answers."+q.ID] = ""
		}
	}
	return f
}

// ask puts in the answers to a page that is shown.
func (f facts) ask(p *Page, a Answers) {
	for _, q := range p.Questions {
		f["answers."+q.ID] = a[q.ID]
	}
}

// hold evaluates a compiled condition; ok is false where it cannot be computed.
func (f facts) hold(program cel.Program) (holds, ok bool) {
	if program == nil {
		return false, false
	}
	out, _, err := program.Eval(map[string]any(f))
	if err != nil {
		return false, false
	}
	return out == types.True, true
}
