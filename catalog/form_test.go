package catalog

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// night is three in the morning in China, and still the day before in Greenwich.
var night = time.Date(2026, 11, 22, 3, 0, 0, 0, chinaTime)

func testCard() Card {
	return Card{
		FieldName: "测试", FieldSex: "1", FieldEthnic: "01", FieldBirth: "19000101", FieldAddress: "某市某路 1 号",
		FieldIDNumber: testID, FieldIssuer: "某公安局", FieldValidity: "长期",
	}
}

func loadGood(t testing.TB) *Item {
	t.Helper()
	c, err := Parse("good.yaml", readTestFile(t, "good.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return &c.Items[0]
}

func codes(problems []Problem) string {
	var all []string
	for _, p := range problems {
		all = append(all, strings.TrimPrefix(p.Question+":"+string(p.Code), ":"))
	}
	return strings.Join(all, " ")
}

func pageIDs(pages []Page) string {
	var all []string
	for _, p := range pages {
		all = append(all, p.ID)
	}
	return strings.Join(all, " ")
}

func TestPagesFollowTheAnswers(t *testing.T) {
	it := loadGood(t)
	for reason, want := range map[string]string{"": "first last", "worn": "first last", "lost": "first loss last"} {
		if got := pageIDs(it.Pages(Answers{"reason": reason}, testCard())); got != want {
			t.Errorf("%q: %s", reason, got)
		}
	}
}

func TestAnswersToHiddenPagesDoNotShowOthers(t *testing.T) {
	it := &Item{Form: Form{Pages: []Page{
		{ID: "a", Questions: []Question{{ID: "x", Kind: Line}}},
		{ID: "b", ShowIf: "answers.x == '1'", Questions: []Question{{ID: "y", Kind: Line}}},
		{ID: "c", ShowIf: "answers.y == '1'", Questions: []Question{{ID: "z", Kind: Line}}},
	}}}
	if got := pageIDs(it.Pages(Answers{"x": "1", "y": "1"}, nil)); got != "a b c" {
		t.Errorf("all shown: %s", got)
	}
	if got := pageIDs(it.Pages(Answers{"y": "1"}, nil)); got != "a" {
		t.Errorf("b hidden: %s", got)
	}
}

func TestCheckPage(t *testing.T) {
	it := loadGood(t)
	own := testCard()[FieldIDNumber]
	for _, c := range []struct {
		page string
		a    Answers
		want string
	}{
		{"first", Answers{}, "reason:missing phone:missing"},
		{"first", Answers{"reason": "eaten", "phone": "1390000111"}, "reason:option phone:format"},
		{"first", Answers{"reason": "worn", "phone": "13900001111"}, ""},
		{"first", Answers{"reason": "worn", "phone": "139OOOO1111"}, "phone:format"},
		{"first", Answers{"reason": "worn", "phone": "１３９００００１１１１"}, "phone:format"},
		{"first", Answers{"reason": "worn", "phone": "1390000111\x1b"}, "phone:characters"},
		{"first", Answers{"reason": "worn", "phone": "\xff"}, "phone:characters"},
		{"first", Answers{"reason": "worn", "phone": strings.Repeat("1", MaxAnswer+1)}, "phone:long"},
		{"first", Answers{"reason": "lost\u202e", "phone": "13900001111"}, "reason:characters"},
		{"loss", Answers{"reason": "worn"}, "hidden"},
		{"loss", Answers{"reason": "lost"}, "lost_on:missing"},
		{"loss", Answers{"reason": "lost", "lost_on": "20261122"}, ""},
		{"loss", Answers{"reason": "lost", "lost_on": "20261123"}, "lost_on:rule"},
		{"loss", Answers{"reason": "lost", "lost_on": "20260230"}, "lost_on:format"},
		{"loss", Answers{"reason": "lost", "lost_on": "2026-11-22"}, "lost_on:format"},
		{"loss", Answers{"reason": "lost", "lost_on": "00010101"}, "lost_on:format"},
		{"last", Answers{}, ""},
		{"last", Answers{"member": own}, "member:rule"},
		{"last", Answers{"member": own[:17] + "5"}, "member:format"},
		{"last", Answers{"member": withIDCheck("34010419000102002")}, ""},
		{"nowhere", Answers{}, "unknown"},
	} {
		problems := it.CheckPage(c.page, c.a, testCard(), night)
		if got := codes(problems); got != c.want {
			t.Errorf("%s %v: %q, want %q", c.page, c.a, got, c.want)
		}
		tellsTheCitizen(t, problems)
	}
}

func tellsTheCitizen(t rapid.TB, problems []Problem) {
	t.Helper()
	for _, p := range problems {
		if p.Text.Zh == "" || p.Text.En == "" {
			t.Errorf("%s %s says %+v", p.Question, p.Code, p.Text)
		}
	}
}

func TestCheckJudgesTheWholeForm(t *testing.T) {
	it := loadGood(t)
	child := testCard()
	child[FieldBirth] = "20200101"
	for _, c := range []struct {
		name string
		card Card
		a    Answers
		want string
	}{
		{"whole", testCard(), Answers{"reason": "lost", "phone": "13900001111", "lost_on": "20261101"}, ""},
		{"nothing", testCard(), nil, "reason:missing phone:missing"},
		{"hidden", testCard(), Answers{"reason": "worn", "phone": "13900001111", "lost_on": "20261101"}, "lost_on:hidden"},
		{"unknown", testCard(), Answers{"reason": "worn", "phone": "13900001111", "shoe": "43"}, "unknown"},
		{"many", testCard(), Answers{"a": "", "b": "", "c": "", "d": "", "e": ""}, "many"},
		{"child", child, Answers{"reason": "worn", "phone": "13900001111"}, "rule"},
		{"no card", nil, Answers{"reason": "worn", "phone": "13900001111"}, "rule"},
	} {
		problems := it.Check(c.a, c.card, night)
		if got := codes(problems); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		tellsTheCitizen(t, problems)
	}
}

func TestTodayIsChinasWhateverTheZoneOfTheMachine(t *testing.T) {
	it := loadGood(t)
	a := Answers{"reason": "lost", "lost_on": "20261122"}
	for _, zone := range []*time.Location{time.UTC, chinaTime, time.FixedZone("", -8*3600)} {
		if p := it.CheckPage("loss", a, testCard(), night.In(zone)); len(p) > 0 {
			t.Errorf("%v: %v", zone, codes(p))
		}
	}
}

func TestPrefillTakesOnlyWhatWouldBeAccepted(t *testing.T) {
	it := loadGood(t)
	if a := it.Prefill(testCard()); len(a) != 1 || a["lost_on"] != "19000101" {
		t.Errorf("%v", a)
	}
	for _, birth := range []string{"", "长期", "1900", "19000132", "1900\x0001"} {
		if a := it.Prefill(Card{FieldBirth: birth}); len(a) != 0 {
			t.Errorf("%q: %v", birth, a)
		}
	}
}

func TestIneligibleIsSaidInTheCataloguesWords(t *testing.T) {
	it := loadGood(t)
	card := testCard()
	for birth, refused := range map[string]bool{"20101122": false, "20101123": true, "19000101": false, "": true} {
		card[FieldBirth] = birth
		problems := it.Ineligible(card, night)
		if (len(problems) > 0) != refused {
			t.Errorf("born %q: %v", birth, codes(problems))
		}
		if refused && problems[0].Text.Zh != "未满 16 周岁。" {
			t.Errorf("born %q: %+v", birth, problems[0])
		}
	}
}

func TestWhatDoesNotCompileNeverHolds(t *testing.T) {
	it := &Item{
		Eligible: []Rule{{If: "card.nothing"}},
		Form: Form{Pages: []Page{{ID: "a", ShowIf: "((", Questions: []Question{
			{ID: "x", Kind: Line, Schema: map[string]any{"type": "nonsense"}},
			{ID: "y", Kind: Line, Rules: []Rule{{If: "1"}}},
			{ID: "Z-", Kind: Line},
		}}}},
	}
	got := codes(it.Check(Answers{"x": "1", "y": "1", "Z-": "1"}, nil, night))
	if got != "rule x:format y:rule" {
		t.Errorf("%q", got)
	}
}

// completing draws answers until every page is accepted.
func completing(t *rapid.T, it *Item, card Card) Answers {
	answers := it.Prefill(card)
	for i := 0; ; i++ {
		pages := it.Pages(answers, card)
		if i >= len(pages) {
			break
		}
		for _, q := range pages[i].Questions {
			var fine []string
			if q.Optional {
				fine = append(fine, "")
			}
			for _, value := range candidates(&q) {
				answers[q.ID] = value
				if !about(it.CheckPage(pages[i].ID, answers, card, night), q.ID) {
					fine = append(fine, value)
				}
			}
			if len(fine) == 0 {
				t.Fatalf("%s: nothing answers %s", it.ID, q.ID)
			}
			answers[q.ID] = rapid.SampledFrom(fine).Draw(t, q.ID)
		}
		if p := it.CheckPage(pages[i].ID, answers, card, night); len(p) > 0 {
			t.Fatalf("%s: page %s: %v", it.ID, pages[i].ID, codes(p))
		}
	}
	asked := map[string]bool{}
	for _, p := range it.Pages(answers, card) {
		for _, q := range p.Questions {
			asked[q.ID] = true
		}
	}
	for id := range answers {
		if !asked[id] || answers[id] == "" {
			delete(answers, id)
		}
	}
	return answers
}

func candidates(q *Question) []string {
	switch q.Kind {
	case Choice:
		var values []string
		for _, o := range q.Options {
			values = append(values, o.Value)
		}
		return values
	case Date:
		var days []string
		for _, d := range []int{-40000, -4000, -400, -340, -200, -20, -1, 0, 1, 10, 300} {
			days = append(days, today(night.AddDate(0, 0, d)))
		}
		return days
	}
	return []string{"13900001111", "19912345678", "A23456789", "B123456789", "11310000MB2F30661Y",
		"2026340100012345", testID, withIDCheck("34010419000102002")}
}

func about(problems []Problem, question string) bool {
	for _, p := range problems {
		if p.Question == question {
			return true
		}
	}
	return false
}

func TestEveryFormCanBeCompleted(t *testing.T) {
	c := loadSample(t)
	for i := range c.Items {
		it := &c.Items[i]
		t.Run(it.ID, func(t *testing.T) {
			t.Parallel()
			if p := it.Ineligible(testCard(), night); len(p) > 0 {
				t.Fatal(codes(p))
			}
			if n := len(it.Form.Pages); n < 2 {
				t.Fatalf("%d pages", n)
			}
			rapid.Check(t, func(t *rapid.T) {
				answers := completing(t, it, testCard())
				if p := it.Check(answers, testCard(), night); len(p) > 0 {
					t.Fatalf("%v: %v", answers, codes(p))
				}
			})
		})
	}
}

func TestGarbledAnswersAreToldInBothLanguages(t *testing.T) {
	c := loadSample(t)
	rapid.Check(t, func(t *rapid.T) {
		it := &c.Items[rapid.IntRange(0, len(c.Items)-1).Draw(t, "item")]
		answers := Answers{}
		for _, p := range it.Form.Pages {
			for _, q := range p.Questions {
				if rapid.Bool().Draw(t, "answered") {
					answers[q.ID] = rapid.OneOf(rapid.String(), rapid.SampledFrom(candidates(&q))).Draw(t, q.ID)
				}
			}
		}
		tellsTheCitizen(t, it.Check(answers, testCard(), night))
	})
}

func TestAnItemIsReadByManyAtOnce(t *testing.T) {
	it := loadGood(t)
	done := make(chan string)
	for i := range 8 {
		go func() {
			a := Answers{"reason": "lost", "phone": fmt.Sprintf("1390000111%d", i), "lost_on": "20261101"}
			done <- codes(it.Check(a, testCard(), night))
		}()
	}
	for range 8 {
		if got := <-done; got != "" {
			t.Error(got)
		}
	}
}
