// Package projector turns committed entries into what staff see. It follows the store in
// the order of commits with its own durable position, opens each entry with the
// platform's private key, and checks it by the catalogue. An entry that cannot be read
// is parked with a reason and never stands in the way of the next one. What became of a
// person's applications is told at the Desk.
//
// Acknowledgements do not wait for it.
package projector

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/emmansun/gmsm/sm3"
	"github.com/prometheus/client_golang/prometheus"

	"yeban/catalog"
	"yeban/hub/bus"
	"yeban/hub/store"
	"yeban/sync/record"
)

const follower = store.Projector

const run = 64 // entries in one transaction; on SQLite the next group commit waits for it

// Store is what the projector needs of the hub's store.
type Store interface {
	After(ctx context.Context, pos int64, limit int) ([]store.Committed, error)
	Position(ctx context.Context, follower string) (int64, error)
	Newest(ctx context.Context) (int64, error)
	Project(ctx context.Context, follower string, from int64, all []store.Projection) error
	At(ctx context.Context, pos int64) (store.Committed, error)
	Release(ctx context.Context, p store.Projection) error
	Untagged(ctx context.Context, limit int) ([]store.Committed, error)
	Tag(ctx context.Context, tags map[int64]string) error
}

// Bus is where the projector hears of commits and tells of changes.
type Bus interface {
	Hint(subject string)
	Watch(subject string) (hints <-chan string, stop func(), err error)
}

// Catalogs gives a published version of the catalogue.
type Catalogs interface {
	Version(version string) (*catalog.Catalog, bool)
}

// Projector follows one store.
type Projector struct {
	Store    Store
	Bus      Bus
	Key      *record.PrivateKey
	Tagger   *Tagger  // nil: made from Key
	Catalogs Catalogs // nil: answers are not judged
	Log      *slog.Logger
	Poll     time.Duration // look at the store at least this often; 0 means 1 s

	// Busy says that terminals are sending as fast as they can. Then there is a rest of
	// GiveWay after each run: acknowledgements come before what staff see. nil: never.
	Busy    func() bool
	GiveWay time.Duration // 0 means 250 ms, in which a run is still projected
}

// Run projects until ctx ends. It returns nil then; a store that is away is tried again.
func (p *Projector) Run(ctx context.Context) error {
	hints, stop, err := p.Bus.Watch(bus.Committed)
	if err != nil {
		return err
	}
	defer stop()
	every := p.Poll
	if every <= 0 {
		every = time.Second
	}
	poll := time.NewTicker(every)
	defer poll.Stop()
	tagged := false
	for {
		n, err := p.Step(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && !errors.Is(err, store.ErrFenced) {
			p.Log.Error("project", "err", err)
		}
		if p.Busy != nil && p.Busy() {
			rest(ctx, p.GiveWay)
			continue
		}
		if n == run {
			continue
		}
		if !tagged {
			some, err := p.retag(ctx)
			if some > 0 {
				continue
			}
			if tagged = err == nil; !tagged && ctx.Err() == nil {
				p.Log.Error("tag applications", "err", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-hints:
		case <-poll.C:
		}
	}
}

// rest waits for d, or 250 ms where that is nothing.
func rest(ctx context.Context, d time.Duration) {
	if d <= 0 {
		d = 250 * time.Millisecond
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// Step projects the next run of entries and says how many there were. ErrFenced means
// that another hub was quicker.
func (p *Projector) Step(ctx context.Context) (int, error) {
	if err := p.ready(); err != nil {
		return 0, err
	}
	from, err := p.Store.Position(ctx, follower)
	if err != nil {
		return 0, err
	}
	entries, err := p.Store.After(ctx, from, run)
	if err != nil || len(entries) == 0 {
		return 0, err
	}
	all := make([]store.Projection, len(entries))
	for i, c := range entries {
		all[i] = p.project(c)
	}
	if err := p.Store.Project(ctx, follower, from, all); err != nil {
		return 0, err
	}
	p.Bus.Hint(bus.Projected)
	return len(entries), nil
}

// Again looks at a parked entry once more, as it is to be read now, and has it released when
// nothing is wrong with it any more; otherwise why says what is.
func (p *Projector) Again(ctx context.Context, pos int64) (why Reason, err error) {
	if err := p.ready(); err != nil {
		return "", err
	}
	c, err := p.Store.At(ctx, pos)
	if err != nil {
		return "", err
	}
	out := p.project(c)
	if out.Parked != nil {
		why = Reason(out.Parked.Reason)
	}
	return why, p.Store.Release(ctx, out)
}

// RegisterMetrics adds how far the projector is behind.
func (p *Projector) RegisterMetrics(reg prometheus.Registerer) {
	reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "yeban_projector_behind_records", Help: "Committed entries that are not projected yet; -1 when the store is away."},
		func() float64 {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			newest, err := p.Store.Newest(ctx)
			pos, err2 := p.Store.Position(ctx, follower)
			if err != nil || err2 != nil {
				return -1
			}
			return float64(newest - pos)
		}))
}

func (p *Projector) project(c store.Committed) store.Projection {
	// A record that is carried over into a later log keeps its sealed bytes.
	sum := sm3.Sum(c.Entry.Sealed)
	out := store.Projection{Entry: c, BodyHash: record.Hash(sum).String()}
	r, why := Read(p.Key, &c)
	if why == nil {
		switch r := r.(type) {
		case *record.Application:
			out.Application, why = p.application(c, r)
		case *record.Rating:
			if r.Level < record.VeryUnsatisfied || r.Level > record.VerySatisfied {
				why = &Unreadable{ReasonRating, fmt.Errorf("level %d", r.Level)}
				break
			}
			out.Rating = r
		case *record.Trace:
			out.Trace = r
		case *record.DeviceEvent:
			out.Device = r
		}
	}
	if why != nil {
		var h record.Header
		_ = json.Unmarshal(c.Entry.Header, &h) // what cannot be read has no receipt number
		out.Parked = &store.Parked{Reason: string(why.Reason), Detail: clip(why.Err.Error(), 500), Receipt: clip(h.ReceiptNumber, 40)}
		p.Log.Warn("record parked", "kiosk", c.Kiosk, "seq", c.Entry.Seq, "pos", c.Pos, "reason", why.Reason, "err", why.Err)
	}
	return out
}

// application is shown to staff even when its answers need a person, and then has both.
func (p *Projector) application(c store.Committed, a *record.Application) (*store.Application, *Unreadable) {
	if a.Kiosk != c.Kiosk {
		return nil, &Unreadable{ReasonForeign, errors.New("names another terminal than the one that sent it")}
	}
	if err := record.CheckReceiptNumber(a.ReceiptNumber); err != nil {
		return nil, &Unreadable{ReasonReceipt, err}
	}
	out := &store.Application{
		ID: a.ID, ReceiptNumber: a.ReceiptNumber, Item: a.Item, ItemName: a.ItemName, TaskHandleItem: a.TaskHandleItem,
		ItemVersion: a.ItemVersion, CatalogVersion: a.CatalogVersion, Language: a.Language,
		MaskedName: MaskName(a.Applicant.Name), MaskedID: MaskID(a.Applicant.IDNumber),
		Applicant: p.tag(a), Steps: a.Trace, Submitted: a.Clock.Wall,
	}
	problems, why := p.judge(a)
	out.Problems = problems
	return out, why
}

// judge checks the answers by the version of the catalogue that they were given under.
// A version that this hub does not have judges nothing.
func (p *Projector) judge(a *record.Application) (problems []string, why *Unreadable) {
	if p.Catalogs == nil {
		return nil, nil
	}
	c, ok := p.Catalogs.Version(a.CatalogVersion)
	if !ok {
		return nil, nil
	}
	item, ok := c.Item(a.Item)
	if !ok {
		return nil, &Unreadable{ReasonItem, fmt.Errorf("catalogue %s has no item %.40q", a.CatalogVersion, a.Item)}
	}
	person := a.Applicant
	card := catalog.Card{
		catalog.FieldName: person.Name, catalog.FieldSex: person.Sex, catalog.FieldEthnic: person.Ethnic,
		catalog.FieldBirth: person.Birth, catalog.FieldAddress: person.Address, catalog.FieldIDNumber: person.IDNumber,
		catalog.FieldIssuer: person.Issuer, catalog.FieldValidity: person.ValidTo,
	}
	for _, found := range item.Check(a.Answers, card, a.Clock.Wall) {
		problems = append(problems, found.Question+":"+string(found.Code))
	}
	if len(problems) > 0 {
		why = &Unreadable{ReasonAnswers, fmt.Errorf("%d answers do not fit, first %.80q", len(problems), problems[0])}
	}
	return problems, why
}

func clip(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "")
	}
	return s
}
