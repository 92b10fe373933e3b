package catalog

import (
	"fmt"
	"regexp"
	"strings"
)

// areaCode begins every phone number that people outside the town can dial; 400 and
// the five-digit hotlines of a province (12345) are dialled with the area code too.
var areaCode = regexp.MustCompile(`^0\d{2,3}-\d{5,8}(-\d{1,5})?$`)

// nationalRules are those by which provinces check their guides (办事指南).
var nationalRules = []LintRule{
	{ID: "instant-or-promised", Blocks: true, check: eachItem(func(l *linter, at string, it *Item) {
		project, examine := Promised, "前审后批"
		if it.Promise.N == 0 {
			project, examine = Instant, "即审即办"
		}
		if it.Project != project {
			l.reportf(at+".project_type", "a promise of %d days asks for project_type %s", it.Promise.N, project)
		}
		if it.Examine != examine {
			l.reportf(at+".examine_type", "a promise of %d days asks for %s", it.Promise.N, examine)
		}
	}), Doc: "done at once (promise 0) is 即办件 and 即审即办, else 承诺件 and 前审后批"},

	{ID: "result-way", Blocks: true, check: eachItem(func(l *linter, at string, it *Item) {
		ways := []struct{ end, way string }{{"批复", "审批办结"}, {"证", "出证办结"}, {"文", "出文办结"}}
		for _, w := range ways {
			if strings.HasSuffix(it.Result.Name, w.end) {
				if it.Result.Way != w.way {
					l.reportf(at+".result.result_way", "a result whose name ends in %s is %s", w.end, w.way)
				}
				return
			}
		}
	}), Doc: "a result named …证 is 出证办结, …文 出文办结, …批复 审批办结"},

	{ID: "result-sample", Blocks: true, check: eachItem(func(l *linter, at string, it *Item) {
		if it.Result.Name != "" && it.Result.Sample == "" {
			l.report(at+".result", "a result needs a sample")
		}
	}), Doc: "a result has a sample that citizens can look at"},

	{ID: "visit-reason", Blocks: true, check: eachItem(func(l *linter, at string, it *Item) {
		switch v := it.Visits; {
		case v.Number < 0:
			l.report(at+".visits.limit_scene_num", "cannot be negative")
		case v.Number > 0 && v.Explain == "":
			l.report(at+".visits", "say why the citizen must come (limit_scene_explain)")
		case v.Number == 0 && v.Explain != "":
			l.report(at+".visits.limit_scene_explain", "nobody must come: there is nothing to explain")
		}
	}), Doc: "who must come is told why, and only then (到办事现场次数)"},

	{ID: "online-or-post", Blocks: true, check: eachItem(func(l *linter, at string, it *Item) {
		if v := it.Visits; v.Number == 0 && !v.Online && !v.Express {
			l.report(at+".visits", "without a visit it must be done online or by post")
		}
	}), Doc: "what needs no visit and is not online can be posted"},

	{ID: "full-online", Blocks: true, check: eachItem(func(l *linter, at string, it *Item) {
		if it.Visits.Depth == "IV" && it.Visits.Number != 0 {
			l.report(at+".visits.online_handle_depth", "全程网办 (IV) asks for no visit")
		}
	}), Doc: "what is called fully online (IV) asks for no visit"},

	{ID: "phones", Blocks: true, check: eachItem(func(l *linter, at string, it *Item) {
		for _, p := range []struct{ key, number string }{
			{"link_way", it.Contact.Phone}, {"supervise_way", it.Contact.Complaint},
		} {
			if !areaCode.MatchString(p.number) {
				l.reportf(at+".contact."+p.key, "%s must be a phone number with its area code, e.g. 0551-12345", p.key)
			}
		}
		if it.Contact.Phone == it.Contact.Complaint {
			l.report(at+".contact.supervise_way", "questions and complaints need two numbers")
		}
	}), Doc: "numbers for questions and for complaints are both there, differ and have an area code"},

	{ID: "address", Blocks: true, check: eachItem(func(l *linter, at string, it *Item) {
		if a := it.Contact.Address; !strings.Contains(a, "窗口") && !strings.Contains(a, "室") {
			l.report(at+".contact.transact_addr", "the address must go down to the window (窗口) or the room (室)")
		}
	}), Doc: "the address goes down to the window or the room"},

	{ID: "hours", Blocks: true, check: eachItem(func(l *linter, at string, it *Item) {
		if h := it.Contact.Hours; !strings.Contains(h, "工作日") && !strings.Contains(h, "24小时") {
			l.report(at+".contact.transact_time", "hours must say 工作日 or 24小时")
		}
	}), Doc: "the hours say 工作日 or 24小时"},

	{ID: "licence-faq", Blocks: true, check: eachItem(func(l *linter, at string, it *Item) {
		if it.Type == "01" && len(it.FAQ) == 0 {
			l.report(at+".faq", "an administrative licence (行政许可) needs at least one FAQ")
		}
	}), Doc: "行政许可 answers at least one question"},

	{ID: "licence-stages", Blocks: true, check: eachItem(func(l *linter, at string, it *Item) {
		if it.Type == "01" && len(it.Flow) == 0 {
			l.report(at+".handle_flow", "an administrative licence (行政许可) needs its stages (环节)")
		}
	}), Doc: "行政许可 lists its 环节"},

	{ID: "stage-limits", Blocks: true, check: eachItem(func(l *linter, at string, it *Item) {
		var sum float64
		for _, s := range it.Flow {
			sum += s.Limit.calendar()
		}
		if sum > it.Promise.calendar() {
			l.report(at+".handle_flow", "the stages together take longer than what is promised")
		}
	}), Doc: "the 环节 together take no longer than the promise"},

	{ID: "promise-within-law", Blocks: true, check: eachItem(func(l *linter, at string, it *Item) {
		if it.Anticipate.N > 0 && it.Promise.calendar() > it.Anticipate.calendar() {
			l.report(at+".promise", "the promise is longer than the law allows")
		}
	}), Doc: "承诺时限 is no longer than 法定时限"},

	{ID: "free-no-payment", Blocks: true, check: eachItem(func(l *linter, at string, it *Item) {
		if it.Fee.Fen == 0 && it.Fee.PayOnline {
			l.report(at+".fee.is_pay_online", "what is free is not paid for online")
		}
	}), Doc: "what is free offers no payment"},

	{ID: "fee-basis", Blocks: true, check: eachItem(func(l *linter, at string, it *Item) {
		switch {
		case it.Fee.Fen < 0:
			l.report(at+".fee.fen", "a fee cannot be negative")
		case it.Fee.Fen > 0 && it.Fee.Basis == "":
			l.report(at+".fee", "name the document that sets the fee")
		}
	}), Doc: "a fee names the document that sets it"},

	{ID: "e-licence", Blocks: true, check: eachItem(func(l *linter, at string, it *Item) {
		for i, m := range it.Materials {
			if m.ELicence && m.Need == "1" && m.Source == "10" {
				l.report(fmt.Sprintf("%s.materials[%d]", at, i),
					"is obtainable as 电子证照: it must not be asked of the citizen as necessary")
			}
		}
	}), Doc: "what is obtainable as 电子证照 is not asked of the citizen (必要 and 申请人自备)"},

	{ID: "next-level", Blocks: true, check: eachItem(func(l *linter, at string, it *Item) {
		if it.UseLevel != "7" {
			return
		}
		if len(it.Flow) == 0 {
			l.report(at+".handle_flow", "an item of several levels (分级管理) needs its stages")
		}
		for i, s := range it.Flow {
			if !taskShape.MatchString(s.TaskCode) || s.UseLevel == "" {
				l.report(fmt.Sprintf("%s.handle_flow[%d]", at, i),
					"name the level and the task_code (31 characters) that takes this stage over")
			}
		}
	}), Doc: "every 环节 of a 分级管理 item names who takes it over"},
}
