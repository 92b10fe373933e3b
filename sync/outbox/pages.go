package outbox

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
)

// bbolt's page format, in the machine's byte order: a header of id 8, flags 2, count
// 2, overflow 4; then the elements.
const (
	pageHeader  = 16
	pageElement = 16 // both kinds
	flagBranch  = 0x01
	flagLeaf    = 0x02
	flagList    = 0x10
	leafBucket  = 0x01            // an element whose value is a bucket: root 8, sequence 8, inline page
	noList      = ^uint64(0)      // no list of free pages is kept
	metaList    = pageHeader + 32 // place of the free list's page in a meta page, behind magic, version, page size, flags, root, sequence
	metaTx      = metaList + 16
)

// pageWalk follows the tree by reading the file, with every number in it doubted.
// bbolt follows it in mapped memory and believes the numbers: one flipped bit can
// make it touch what is not there, or count to four thousand million, in a goroutine
// of its own. After this walk it may be let loose on the file.
type pageWalk struct {
	file    io.ReaderAt
	size    uint64 // of a page
	pages   uint64 // up to the high-water mark
	visited map[uint64]struct{}

	element func(key, value []byte) // sees what is no bucket; may be nil
	alone   bool                    // look at single pages, follow nothing
	first   []byte                  // of a page, while it is looked at
}

func (w *pageWalk) tree(root uint64) error {
	head, span, count, flags, err := w.page(root)
	if err != nil {
		return err
	}
	switch flags {
	case flagBranch:
		head = bytes.Clone(head) // it is followed while other pages are looked at
		for i := range count {
			element := head[pageHeader+i*pageElement:]
			if err := w.inside(i, element[0:4], element[4:8], nil, span); err != nil {
				return corrupt("page %d: %w", root, err)
			}
			if err := w.tree(binary.NativeEndian.Uint64(element[8:])); err != nil {
				return err
			}
		}
		return nil
	case flagLeaf:
		return w.leaf(head, span, count, root)
	}
	return corrupt("page %d: flags %#x in the tree", root, flags)
}

var errOutside = errors.New("an element reaches outside")

// inside checks that key and value of element i lie within a page of so many bytes.
func (w *pageWalk) inside(i int, pos, keySize, valueSize []byte, span uint64) error {
	end := uint64(pageHeader+i*pageElement) + uint64(binary.NativeEndian.Uint32(pos)) + uint64(binary.NativeEndian.Uint32(keySize))
	if valueSize != nil {
		end += uint64(binary.NativeEndian.Uint32(valueSize))
	}
	if end > span {
		return errOutside
	}
	return nil
}

// leaf checks a leaf of span bytes. Of the page, no more than the elements need be there
// when nobody wants to see what they hold.
func (w *pageWalk) leaf(page []byte, span uint64, count int, id uint64) error {
	if len(page) < pageHeader+count*pageElement {
		return corrupt("page %d: %w", id, errOutside)
	}
	own := false
	for i := range count {
		element := page[pageHeader+i*pageElement:]
		if err := w.inside(i, element[4:8], element[8:12], element[12:16], span); err != nil {
			return corrupt("page %d: %w", id, err)
		}
		if w.element == nil && binary.NativeEndian.Uint32(element)&leafBucket == 0 {
			continue
		}
		if !own { // buckets are followed while it is looked at
			var err error
			if page, err = w.whole(page, id, span); err != nil {
				return err
			}
			element, own = page[pageHeader+i*pageElement:], true
		}
		key := element[binary.NativeEndian.Uint32(element[4:]):]
		keySize, valueSize := binary.NativeEndian.Uint32(element[8:]), binary.NativeEndian.Uint32(element[12:])
		key, value := key[:keySize], key[keySize:][:valueSize]
		if binary.NativeEndian.Uint32(element)&leafBucket == 0 {
			w.element(key, value)
			continue
		}
		bucket := value
		if len(bucket) < 16 {
			return corrupt("page %d: bucket of %d bytes", id, len(bucket))
		}
		if root := binary.NativeEndian.Uint64(bucket); root != 0 {
			if w.alone {
				continue
			}
			if err := w.tree(root); err != nil {
				return err
			}
			continue
		}
		inline := bucket[16:]
		if len(inline) < pageHeader || binary.NativeEndian.Uint16(inline[8:]) != flagLeaf {
			return corrupt("page %d: inline bucket is no leaf", id)
		}
		if err := w.leaf(inline, uint64(len(inline)), int(binary.NativeEndian.Uint16(inline[10:])), id); err != nil {
			return err
		}
	}
	return nil
}

// page reads a page, the first time that it is met: of a leaf that reaches over several,
// the first alone when that holds all elements, else all span bytes. What it gives is
// good until the next call.
func (w *pageWalk) page(id uint64) (page []byte, span uint64, count int, flags uint16, err error) {
	fail := func(form string, args ...any) ([]byte, uint64, int, uint16, error) {
		return nil, 0, 0, 0, corrupt(form, args...)
	}
	if _, again := w.visited[id]; again {
		return fail("page %d: reached twice", id)
	}
	w.visited[id] = struct{}{}
	if id < 2 || id >= w.pages {
		return fail("page %d of %d", id, w.pages)
	}
	if w.first == nil {
		w.first = make([]byte, w.size)
	}
	page = w.first
	if _, err := w.file.ReadAt(page, int64(id*w.size)); err != nil {
		return fail("page %d: %w", id, err)
	}
	overflow := uint64(binary.NativeEndian.Uint32(page[12:]))
	if binary.NativeEndian.Uint64(page) != id || overflow >= w.pages-id {
		return fail("page %d: header does not belong here", id)
	}
	count = int(binary.NativeEndian.Uint16(page[10:]))
	flags = binary.NativeEndian.Uint16(page[8:])
	span = (overflow + 1) * w.size
	elements := uint64(pageHeader + count*pageElement)
	if flags != flagList && elements > span {
		return fail("page %d: %d elements", id, count)
	}
	if span > w.size && (flags != flagLeaf || elements > w.size) {
		page, err = w.whole(page, id, span)
	}
	return page, span, count, flags, err
}

// whole is a copy of a page with its overflow, of which the beginning may be enough.
func (w *pageWalk) whole(page []byte, id, span uint64) ([]byte, error) {
	if uint64(len(page)) == span {
		return bytes.Clone(page), nil
	}
	page = make([]byte, span)
	if _, err := w.file.ReadAt(page, int64(id*w.size)); err != nil {
		return nil, corrupt("page %d: %w", id, err)
	}
	return page, nil
}

// freeList checks the list of free pages named by the meta page of a transaction.
func (w *pageWalk) freeList(txID uint64) error {
	for meta := range uint64(2) {
		var page [metaTx + 8]byte
		if _, err := w.file.ReadAt(page[:], int64(meta*w.size)); err != nil {
			return corrupt("meta page %d: %w", meta, err)
		}
		id := binary.NativeEndian.Uint64(page[metaList:])
		if binary.NativeEndian.Uint64(page[metaTx:]) != txID || id == noList {
			continue
		}
		list, _, count, flags, err := w.page(id)
		if err != nil {
			return err
		}
		ids := list[pageHeader:]
		n := uint64(count)
		if count == 0xffff {
			n, ids = binary.NativeEndian.Uint64(ids), ids[8:]
		}
		if flags != flagList || n > uint64(len(ids))/8 {
			return corrupt("page %d: not a list of %d free pages", id, n)
		}
		for i := range n {
			if free := binary.NativeEndian.Uint64(ids[i*8:]); free < 2 || free >= w.pages {
				return corrupt("page %d: %d is said to be free", id, free)
			}
		}
		return nil
	}
	return nil
}
