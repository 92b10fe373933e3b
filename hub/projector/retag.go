package projector

import (
	"context"

	"yeban/sync/record"
)

// noTag stands where an application's entry cannot be opened any more: it is found by
// nobody, and is not looked at again.
const noTag = "-"

// retag gives some of the applications that were projected before there were tags
// theirs, and says of how many. It is work for when there is no other.
func (p *Projector) retag(ctx context.Context) (int, error) {
	if err := p.ready(); err != nil {
		return 0, err
	}
	all, err := p.Store.Untagged(ctx, run)
	if err != nil || len(all) == 0 {
		return 0, err
	}
	tags := make(map[int64]string, len(all))
	for _, c := range all {
		tags[c.Pos] = noTag
		if r, why := Read(p.Key, &c); why == nil {
			if a, ok := r.(*record.Application); ok {
				tags[c.Pos] = p.tag(a)
			}
		}
	}
	if err := p.Store.Tag(ctx, tags); err != nil {
		return 0, err
	}
	p.Log.Info("older applications tagged by applicant", "applications", len(all))
	return len(all), nil
}

// tag is never empty: that would mean that nobody has looked.
func (p *Projector) tag(a *record.Application) string {
	if tag := p.Tagger.Tag(a.Applicant.IDNumber); tag != "" {
		return tag
	}
	return noTag
}

func (p *Projector) ready() (err error) {
	if p.Tagger == nil {
		p.Tagger, err = NewTagger(p.Key)
	}
	return err
}
