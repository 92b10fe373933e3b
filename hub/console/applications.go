package console

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"yeban/catalog"
	"yeban/hub/projector"
	"yeban/hub/store"
	"yeban/sync/record"
)

const applicationsOnPage = 25

type applicationsPage struct {
	Filter       store.Filter
	Filtered     bool
	Terminals    []store.Kiosk
	Items        []store.ItemName
	Applications []store.Application
	Older        string // link to the next page; empty on the last one
	Newest       string // link back; empty on the first page
}

// TerminalName is for templates.
func (p applicationsPage) TerminalName(id string) string {
	for _, k := range p.Terminals {
		if k.ID == id {
			return k.Name
		}
	}
	return id
}

func (c *Console) applications(v *view) error {
	q := v.r.URL.Query()
	before, _ := strconv.ParseInt(q.Get("before"), 10, 64) // nonsense means the newest
	f := store.Filter{
		Kiosk: q.Get("terminal"), Item: q.Get("item"), Receipt: q.Get("receipt"), Rating: q.Get("rating"),
		Before: max(before, 0), Limit: applicationsOnPage + 1,
	}
	if !slices.Contains([]string{"", "rated", "bad", "none"}, f.Rating) {
		f.Rating = ""
	}
	p := applicationsPage{Filter: f, Filtered: f.Kiosk+f.Item+f.Receipt+f.Rating != ""}
	var err error
	if p.Terminals, err = c.Store.Kiosks(v.r.Context()); err != nil {
		return err
	}
	if p.Items, err = c.Store.ItemNames(v.r.Context()); err != nil {
		return err
	}
	if p.Applications, err = c.Store.Applications(v.r.Context(), f); err != nil {
		return err
	}
	link := func(before int64) string {
		next := url.Values{}
		for key, value := range map[string]string{"terminal": f.Kiosk, "item": f.Item, "receipt": f.Receipt, "rating": f.Rating} {
			if value != "" {
				next.Set(key, value)
			}
		}
		if before > 0 {
			next.Set("before", strconv.FormatInt(before, 10))
		}
		return "/applications?" + next.Encode()
	}
	if len(p.Applications) > applicationsOnPage {
		p.Applications = p.Applications[:applicationsOnPage]
		p.Older = link(p.Applications[applicationsOnPage-1].Pos)
	}
	if f.Before > 0 {
		p.Newest = link(0)
	}
	return v.render(http.StatusOK, "applications", "applications.title", p)
}

// happening is one line of an application's trace.
type happening struct {
	At   time.Time
	Text string
	Note string
	Hub  bool // by the hub's clock; otherwise by the terminal's
}

type applicationPage struct {
	store.Application
	Terminal store.Kiosk
	Trace    []happening
	Audits   []store.Audit
	Blobs    []store.AttachedBlob
	Personal *personal // nil: masked
}

// personal is what stands in the sealed record of its citizen.
type personal struct {
	Failed  bool
	Person  record.Person
	Answers []answer
}

type answer struct{ Question, Value string }

func (c *Console) application(v *view) error { return c.showApplication(v, false) }

// reveal shows the personal data too, after the look has been written to the audit log.
func (c *Console) reveal(v *view) error { return c.showApplication(v, true) }

func (c *Console) showApplication(v *view, reveal bool) error {
	ctx, id := v.r.Context(), v.r.PathValue("id")
	a, err := c.Store.Application(ctx, id)
	if err != nil {
		return err
	}
	p := applicationPage{Application: a}
	if p.Terminal, err = c.Store.Kiosk(ctx, a.Kiosk); err != nil {
		return err
	}
	if p.Blobs, err = c.Store.AttachedBlobs(ctx, a.Kiosk, a.ID); err != nil {
		return err
	}
	steps, err := c.Store.TraceSteps(ctx, id)
	if err != nil {
		return err
	}
	p.Trace = v.trace(&a, steps)
	if reveal {
		look := store.Audit{User: v.session.User, Action: store.ActionPersonalShown, Subject: id, Remote: remoteHost(v.r)}
		if err := c.Store.AddAudit(ctx, look); err != nil {
			return err
		}
		if p.Personal, err = c.open(v, &a); err != nil {
			return err
		}
	}
	if p.Audits, err = c.Store.Audits(ctx, id, 20); err != nil {
		return err
	}
	return v.render(http.StatusOK, "application", "applications.title", p)
}

// trace puts what the terminal and the hub did into one order. The clocks differ by
// little, and equal moments keep the order in which things are known to happen.
func (v *view) trace(a *store.Application, after []record.Step) []happening {
	var all []happening
	step := func(s record.Step) {
		all = append(all, happening{At: s.At, Text: v.console.messages.textOr(v.lang, "step.", s.Name, ""), Note: s.Note})
	}
	for _, s := range a.Steps {
		step(s)
	}
	all = append(all, happening{At: a.Queued, Text: v.t("step.queued")})
	for _, s := range after {
		step(s)
	}
	all = append(all, happening{At: a.Received, Text: v.t("step.received"), Hub: true},
		happening{At: a.Committed, Text: v.t("step.committed"), Hub: true})
	slices.SortStableFunc(all, func(x, y happening) int { return cmp.Compare(x.At.UnixMilli(), y.At.UnixMilli()) })
	return all
}

// open unseals an application's record.
func (c *Console) open(v *view, a *store.Application) (*personal, error) {
	sealed, err := c.Store.At(v.r.Context(), a.Pos)
	if err != nil {
		return nil, err
	}
	r, why := projector.Read(c.Key, &sealed)
	full, ok := r.(*record.Application)
	if why != nil || !ok {
		c.Log.Warn("a projected record does not open", "pos", a.Pos, "err", why)
		return &personal{Failed: true}, nil
	}
	out := &personal{Person: full.Applicant}
	labels, values := c.labels(v.lang, full)
	for id, value := range full.Answers {
		one := answer{cmp.Or(labels[id], id), cmp.Or(values[id+"="+value], value)}
		out.Answers = append(out.Answers, one)
	}
	slices.SortFunc(out.Answers, func(x, y answer) int { return cmp.Compare(x.Question, y.Question) })
	return out, nil
}

// labels are the sentences of an application's questions (by id) and of the options
// (by id=value), where the hub has the catalogue that it was made under.
func (c *Console) labels(l Language, a *record.Application) (questions, options map[string]string) {
	questions, options = map[string]string{}, map[string]string{}
	if c.Catalogs == nil {
		return
	}
	version, ok := c.Catalogs.Version(a.CatalogVersion)
	if !ok {
		return
	}
	item, ok := version.Item(a.Item)
	if !ok {
		return
	}
	for _, page := range item.Form.Pages {
		for _, q := range page.Questions {
			questions[q.ID] = q.Label.In(string(l))
			if q.Kind != catalog.Choice {
				continue
			}
			for _, o := range q.Options {
				options[q.ID+"="+o.Value] = o.Label.In(string(l))
			}
		}
	}
	return
}
