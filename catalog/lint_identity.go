package catalog

import (
	"fmt"
	"regexp"
	"slices"
)

var (
	versionShape = regexp.MustCompile(`^\d{4}\.\d{1,2}\.\d+$`)
	handleShape  = regexp.MustCompile(`^([0-9A-Z]{18})([1-7])([0-9]{12})([0-9]{2})$`)
	taskShape    = regexp.MustCompile(`^[0-9A-Z]{18}[1-7][0-9]{12}$`)
)

// identityRules are about codes and who answers for an item.
var identityRules = []LintRule{
	{ID: "version-shape", Blocks: true, check: func(l *linter) {
		if !versionShape.MatchString(l.catalog.Version) {
			l.report("version", "version must be year.month.number, e.g. 2026.11.1")
		}
	}, Doc: "the catalogue's version is year.month.number"},

	{ID: "has-items", Blocks: true, check: func(l *linter) {
		if len(l.catalog.Items) == 0 {
			l.report("items", "there is nothing to do at a terminal")
		}
	}, Doc: "a catalogue offers something"},

	{ID: "dept-code", Blocks: true, check: func(l *linter) {
		for i, d := range l.catalog.Departments {
			if err := CheckCreditCode(d.Code); err != nil {
				l.reportf(fmt.Sprintf("departments[%d].dept_code", i), "unified social credit code (GB 32100): %v", err)
			}
		}
	}, Doc: "a department's code is a unified social credit code with the right check character (GB 32100)"},

	{ID: "dept-known", Blocks: true, check: eachItem(func(l *linter, at string, it *Item) {
		if _, ok := l.catalog.Department(it.Dept); !ok {
			l.report(at+".dept_code", "no such department in the list")
		}
	}), Doc: "an item's department is in the list"},

	{ID: "handle-item", Blocks: true, check: eachItem(checkHandleItem),
		Doc: "task_handle_item is 33 characters: the department's code, use_level, 12 digits with the task_type, 2 digits"},

	{ID: "task-version", Blocks: true, check: eachItem(func(l *linter, at string, it *Item) {
		if it.Version < 1 {
			l.report(at+".task_version", "task_version must be 1 or more")
		}
	}), Doc: "an item has a version"},

	{ID: "topic-known", Blocks: true, check: eachItem(func(l *linter, at string, it *Item) {
		if !slices.ContainsFunc(l.catalog.Topics, func(t Topic) bool { return t.ID == it.Topic }) {
			l.report(at+".topic", "no such topic in the list")
		}
	}), Doc: "an item's topic is in the list"},

	{ID: "topic-serves", Blocks: true, check: eachItem(func(l *linter, at string, it *Item) {
		for _, t := range l.catalog.Topics {
			if t.ID != it.Topic || len(t.ServerType) == 0 {
				continue
			}
			for _, code := range it.ServerType {
				if !slices.Contains(t.ServerType, code) {
					l.reportf(at+".server_type", "topic %s does not serve %s", t.ID, code)
				}
			}
		}
	}), Doc: "whom an item serves fits its topic (自然人 or 法人)"},

	{ID: "code-known", Blocks: true, check: checkCodes,
		Doc: "every code is in its table (GB/T 39046 A.1, A.2, A.4, A.6 and those of this format)"},

	{ID: "icon-exists", check: eachItem(func(l *linter, at string, it *Item) {
		if l.icons != nil && !l.icons[it.Icon] {
			l.reportf(at+".icon", "no icon %q", it.Icon)
		}
	}), Doc: "an item's icon exists"},
}

func checkHandleItem(l *linter, at string, it *Item) {
	at += ".task_handle_item"
	m := handleShape.FindStringSubmatch(it.HandleItem)
	switch {
	case m == nil:
		l.reportf(at, "must be 33 characters (18 credit code, 1 level, 12 basic code, 2 serial), has %d or others", len(it.HandleItem))
	case m[1] != it.Dept:
		l.report(at, "does not begin with the item's dept_code")
	case m[2] != it.UseLevel:
		l.reportf(at, "level %s is not the item's use_level", m[2])
	case m[3][2:4] != it.Type:
		l.reportf(at, "basic code is of task_type %s, not the item's", m[3][2:4])
	}
}

// codeTables are the values that a coded field may have.
var codeTables = map[string][]string{
	"task_type":    {"00", "01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "20"},
	"use_level":    {"1", "2", "3", "4", "5", "6", "7"},
	"server_type":  {"1", "2", "3", "4", "5", "6"},
	"project_type": {"1", "2", "9"},
	"examine_type": {"即审即办", "前审后批"},
	"result_way":   {"", "出证办结", "出文办结", "审批办结"},
	"is_need":      {"1", "2", "3"},
	"source_type":  {"10", "20", "99"},
	"requires":     {string(NeedsReader), string(NeedsPrinter), string(NeedsNetwork)},
	"unit":         {string(Workday), string(CalendarDay)},
	"kind":         {string(Choice), string(Date), string(Line)},
	"keyboard":     {string(KeysAll), string(KeysDigits), string(KeysLetters)},
	"align":        {"", string(Left), string(Center)},
}

var depthShape = regexp.MustCompile(`^(|I|II|III|IV|[1-8](\^[1-8])*)$`)

func checkCodes(l *linter) {
	code := func(at, key, value string) {
		if !slices.Contains(codeTables[key], value) {
			l.reportf(at+"."+key, "%q is not a %s", value, key)
		}
	}
	limit := func(at string, d Days) {
		if d.N < 0 {
			l.report(at, "a time limit cannot be negative")
		}
		if d.N != 0 || d.Unit != "" {
			code(at, "unit", string(d.Unit))
		}
	}
	for i, t := range l.catalog.Topics {
		for _, s := range t.ServerType {
			code(fmt.Sprintf("topics[%d]", i), "server_type", s)
		}
	}
	eachItem(func(l *linter, at string, it *Item) {
		code(at, "task_type", it.Type)
		code(at, "use_level", it.UseLevel)
		code(at, "project_type", string(it.Project))
		code(at, "examine_type", it.Examine)
		code(at+".result", "result_way", it.Result.Way)
		limit(at+".promise", it.Promise)
		limit(at+".anticipate", it.Anticipate)
		if len(it.ServerType) == 0 {
			l.report(at+".server_type", "server_type is missing")
		}
		for _, s := range it.ServerType {
			code(at, "server_type", s)
		}
		for _, r := range it.Requires {
			code(at, "requires", string(r))
		}
		for _, f := range it.Reads {
			if !slices.Contains(cardFields, f) && f != FieldPhoto {
				l.reportf(at+".reads", "a card has no %q", f)
			}
		}
		for i, m := range it.Materials {
			code(fmt.Sprintf("%s.materials[%d]", at, i), "is_need", m.Need)
			code(fmt.Sprintf("%s.materials[%d]", at, i), "source_type", m.Source)
		}
		for i, s := range it.Flow {
			limit(fmt.Sprintf("%s.handle_flow[%d].limit", at, i), s.Limit)
		}
		if !depthShape.MatchString(it.Visits.Depth) {
			l.reportf(at+".visits.online_handle_depth", "%q is neither I–IV nor national codes joined by ^", it.Visits.Depth)
		}
	})(l)
	eachQuestion(func(l *linter, at string, q *Question) {
		code(at, "kind", string(q.Kind))
		code(at, "keyboard", string(q.Keyboard))
		if q.Prefill != "" && !slices.Contains(cardFields, q.Prefill) {
			l.reportf(at+".prefill", "a card has no %q", q.Prefill)
		}
	})(l)
	for i, r := range l.catalog.Receipt {
		code(fmt.Sprintf("receipt[%d]", i), "align", string(r.Align))
	}
}
