package outbox

import (
	"cmp"
	"os"
	"slices"

	"yeban/sync/record"
)

// carried is an entry with the log it comes from.
type carried struct {
	epoch record.Epoch
	entry record.Entry
}

// salvage searches files page by page for entries, without trusting any link between
// them: each proves itself by its own hash under an epoch that one of the files names.
// What was acknowledged comes along where it is found, because the mark that says so
// cannot be trusted either; the hub knows it by its id. Of a file that tells nothing,
// nothing is saved.
func salvage(paths []string, pageSize int) []carried {
	epochs := map[record.Epoch]bool{}
	scan(paths, pageSize, func(key, value []byte) {
		if string(key) == string(keyEpoch) && len(value) == len(record.Epoch{}) {
			epochs[record.Epoch(value)] = true
		}
	})
	// One record may be found several times: in pages that were since written anew, in
	// an ended log and in the one that followed, in a backup. Any of them is the record.
	found := map[string]carried{}
	scan(paths, pageSize, func(key, value []byte) {
		e, err := unmarshalEntry(key, value)
		if err != nil || found[e.ID].entry.ID != "" {
			return
		}
		for epoch := range epochs {
			if e.Hash == e.Sum(epoch) {
				found[e.ID] = carried{epoch, e}
				return
			}
		}
	})

	// Logs by when they began, each in its own order.
	saved := make([]carried, 0, len(found))
	began := map[record.Epoch]int64{}
	for _, c := range found {
		saved = append(saved, c)
		if at, ok := began[c.epoch]; !ok || c.entry.AtMs < at {
			began[c.epoch] = c.entry.AtMs
		}
	}
	slices.SortFunc(saved, func(a, b carried) int {
		return cmp.Or(
			cmp.Compare(began[a.epoch], began[b.epoch]),
			slices.Compare(a.epoch[:], b.epoch[:]),
			cmp.Compare(a.entry.Seq, b.entry.Seq))
	})
	return saved
}

// scan shows every element of every page of the files that is, or once was, a leaf.
func scan(paths []string, pageSize int, element func(key, value []byte)) {
	for _, path := range paths {
		file, err := os.Open(path)
		if err != nil {
			continue
		}
		if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
			w := pageWalk{file: file, size: uint64(pageSize), pages: uint64(info.Size()) / uint64(pageSize), alone: true, element: element}
			w.leaves()
		}
		file.Close()
	}
}

func (w *pageWalk) leaves() {
	for id := range w.pages {
		w.visited = map[uint64]struct{}{}
		if page, span, count, flags, err := w.page(id); err == nil && flags == flagLeaf {
			_ = w.leaf(page, span, count, id) // what lies before the damage has been seen
		}
	}
}
