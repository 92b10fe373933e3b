package main

import (
	"context"
	"math/rand/v2"
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

const (
	sectorBytes  = 512                  // what a disk writes whole or not at all
	slowestFlush = 4 * time.Millisecond // of a good disk
)

// cutFile is a disk without a battery, as a file of a FUSE file system: it remembers which
// writes came after the last flush, and at a power cut these are dropped, kept or torn
// between sectors.
type cutFile struct {
	fs.Inode
	size uint64

	mu      sync.Mutex
	flushed []byte    // what survives for certain
	now     []byte    // what a reader sees
	pending []written // since the last flush, in order
	number  int       // of writes so far
	cut     bool
	flushes int
}

type written struct {
	number int
	off    int64
	data   []byte
}

var (
	_ fs.NodeOpener    = (*cutFile)(nil)
	_ fs.NodeGetattrer = (*cutFile)(nil)
	_ fs.NodeSetattrer = (*cutFile)(nil)
	_ fs.NodeReader    = (*cutFile)(nil)
	_ fs.NodeWriter    = (*cutFile)(nil)
	_ fs.NodeFsyncer   = (*cutFile)(nil)
)

func newCutFile(image []byte) *cutFile {
	return &cutFile{size: uint64(len(image)), flushed: append([]byte(nil), image...), now: append([]byte(nil), image...)}
}

// Open lets anyone in.
func (f *cutFile) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, 0, 0
}

// Getattr tells the size, which never changes.
func (f *cutFile) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	out.Mode, out.Size = syscall.S_IFREG|0o600, f.size
	return 0
}

// Setattr accepts times and modes, and keeps none.
func (f *cutFile) Setattr(ctx context.Context, h fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if size, ok := in.GetSize(); ok && size != f.size {
		return syscall.EPERM
	}
	return f.Getattr(ctx, h, out)
}

// Read gives what was written last, flushed or not.
func (f *cutFile) Read(_ context.Context, _ fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	if off < int64(len(f.now)) {
		n = copy(dest, f.now[off:])
	}
	return fuse.ReadResultData(dest[:n]), 0
}

// Write is only remembered.
func (f *cutFile) Write(_ context.Context, _ fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.cut:
		return 0, syscall.EIO
	case off < 0 || off+int64(len(data)) > int64(len(f.now)):
		return 0, syscall.ENOSPC
	}
	copy(f.now[off:], data)
	f.number++
	f.pending = append(f.pending, written{f.number, off, append([]byte(nil), data...)})
	return uint32(len(data)), 0
}

// Fsync makes durable what was written before. It takes its time, as disks do, so that a
// cut may come in the middle.
func (f *cutFile) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	f.mu.Lock()
	upTo := f.number
	f.mu.Unlock()
	time.Sleep(rand.N(slowestFlush))
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cut {
		return syscall.EIO
	}
	for len(f.pending) > 0 && f.pending[0].number <= upTo {
		copy(f.flushed[f.pending[0].off:], f.pending[0].data)
		f.pending = f.pending[1:]
	}
	f.flushes++
	return 0
}

// losses is what a power cut did to the writes that were not flushed.
type losses struct{ kept, dropped, torn, flushes int }

// pullPlug ends the disk's power and gives what is on it then. From here on every write
// and flush fails.
func (f *cutFile) pullPlug(r *rand.Rand) (image []byte, l losses) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cut = true
	l.flushes = f.flushes
	survive := r.Float64() // how many of the writes were on their way out of the cache
	if r.IntN(4) == 0 {
		survive = 0
	}
	image = append([]byte(nil), f.flushed...)
	for _, w := range f.pending {
		switch {
		case r.Float64() >= survive:
			l.dropped++
		case r.IntN(3) > 0:
			l.kept++
			copy(image[w.off:], w.data)
		default:
			l.torn++
			for at := 0; at < len(w.data); at += sectorBytes {
				if r.IntN(2) == 0 {
					copy(image[w.off+int64(at):], w.data[at:min(at+sectorBytes, len(w.data))])
				}
			}
		}
	}
	return image, l
}

// forget lets go of the content, which the kernel may know the name of for a while yet.
func (f *cutFile) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cut, f.flushed, f.now, f.pending = true, nil, nil, nil
}
