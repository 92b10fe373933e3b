package catalog

import (
	"strings"
	"testing"

	"github.com/google/cel-go/cel"
)

func evaluate(t *testing.T, expression string) (holds, ok bool) {
	t.Helper()
	base, err := baseEnv()
	if err != nil {
		t.Fatal(err)
	}
	env, err := base.Extend(cel.Variable("today", cel.StringType))
	if err != nil {
		t.Fatal(err)
	}
	program, why := compileCondition(env, expression)
	if program == nil {
		t.Fatalf("%s: %s", expression, why)
	}
	return newFacts(&Item{}, testCard(), night).hold(program)
}

func TestConditions(t *testing.T) {
	for expression, want := range map[string]bool{
		`card.name == "测试"`:                        true,
		`card.sex in ["1", "2"]`:                   true,
		`card.validity == "长期"`:                    true,
		`today == "20261122"`:                      true,
		`age("20081122") == 18`:                    true,
		`age("20081123") == 17`:                    true,
		`age("20080229") == 18`:                    true,
		`age(card.birth) >= 126`:                   true,
		`days_since("20261121") == 1`:              true,
		`days_since("20261123") == -1`:             true,
		`days_since("20251122") == 365`:            true,
		`card.id_number.startsWith("3401")`:        true,
		`card.address.matches("^某市.*[0-9]+ 号$")`:   true,
		`int(card.sex) + 1 == 3 || today < "2000"`: false,
	} {
		if holds, ok := evaluate(t, expression); !ok || holds != want {
			t.Errorf("%s: %v, %v", expression, holds, ok)
		}
	}
}

func TestWhatCannotBeComputedDoesNotHold(t *testing.T) {
	for _, expression := range []string{
		`age("not a date") < 200`,
		`days_since(card.validity) < 0`,
		`int(card.name) == 1`,
		`1 / (age(card.birth) - 126) == 1`,
	} {
		if holds, ok := evaluate(t, expression); holds || ok {
			t.Errorf("%s: %v, %v", expression, holds, ok)
		}
	}
}

func TestConditionsAreBounded(t *testing.T) {
	base, err := baseEnv()
	if err != nil {
		t.Fatal(err)
	}
	for name, expression := range map[string]string{
		"too long":   strings.Repeat(" ", maxExpression) + "true",
		"too deep":   strings.Repeat("(", 300) + "true" + strings.Repeat(")", 300),
		"a loop":     `[1, 2].all(x, x > 0)`,
		"no boolean": `"yes"`,
		"no today":   `age(card.birth) > 1`,
		"no such":    `card.shoe_size == ""`,
	} {
		if program, why := compileCondition(base, expression); program != nil || why == "" {
			t.Errorf("%s compiles", name)
		}
	}
}

func TestACostlyConditionIsCutOff(t *testing.T) {
	base, err := baseEnv()
	if err != nil {
		t.Fatal(err)
	}
	long := "card.name" + strings.Repeat(" + card.name", 40)
	program, why := compileCondition(base, long+" != card.sex")
	if program == nil {
		t.Fatal(why)
	}
	for name, want := range map[string]bool{"a": true, strings.Repeat("a", 1<<16): false} {
		if _, ok := newFacts(&Item{}, Card{FieldName: name}, night).hold(program); ok != want {
			t.Errorf("a name of %d bytes: %v", len(name), ok)
		}
	}
}
