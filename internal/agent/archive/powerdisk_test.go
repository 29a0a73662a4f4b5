package archive

import (
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
)

const block = 4096 // what a disk writes whole, or drops

// disk is what a machine has when its power fails: what was synced, and of the rest what luck has written.
type disk struct {
	names map[string]*inode // as the process saw them
	moves []*move           // changes of names, in order
}

type inode struct{ writes []*written }

type written struct {
	deed
	safe bool
}

type move struct {
	do    func(names map[string]*inode)
	ended int
	safe  bool
}

// before replays what was asked for before a line of the log; acked are the turns that were told before it.
func before(all []deed, cut int) (d *disk, acked []string) {
	d = &disk{names: map[string]*inode{}}
	for _, e := range all {
		if e.begun >= cut {
			break
		}
		answered := e.ended >= 0 && e.ended < cut
		switch e.kind {
		case "ack":
			acked = append(acked, strings.TrimSuffix(string(e.data), "\n"))
		case "create":
			n := &inode{}
			d.move(e, func(names map[string]*inode) { names[e.path] = n })
		case "unlink":
			d.move(e, func(names map[string]*inode) { delete(names, e.path) })
		case "rename":
			d.move(e, func(names map[string]*inode) { names[e.to] = names[e.path]; delete(names, e.path) })
		case "syncdir":
			for _, m := range d.moves {
				m.safe = m.safe || answered && m.ended <= e.begun
			}
		case "sync":
			if n := d.names[e.path]; n != nil && answered {
				for _, w := range n.writes {
					w.safe = w.safe || w.ended >= 0 && w.ended <= e.begun
				}
			}
		default:
			if n := d.names[e.path]; n != nil { // what goes into a deleted file is lost anyway
				n.writes = append(n.writes, &written{deed: e})
			}
		}
	}
	return d, acked
}

func (d *disk) move(e deed, do func(map[string]*inode)) {
	do(d.names)
	d.moves = append(d.moves, &move{do: do, ended: e.ended})
}

// luck says what of the unsynced reaches the disk.
type luck int

const (
	nothing luck = iota
	everything
	some  // each block by itself: any of its versions
	torn  // as some, and the last version may be there in part
	lucks = 4
)

// image is the content of the files that are found. Changes of names reach a disk in their order, so that
// of those unsynced the first few are found.
func (d *disk) image(rng *rand.Rand, l luck) map[string][]byte {
	found := map[string]*inode{}
	last := -1
	for i, m := range d.moves {
		if m.safe {
			last = i
		}
	}
	switch l {
	case nothing:
	case everything:
		last = len(d.moves) - 1
	default:
		last += rng.IntN(len(d.moves) - last)
	}
	for _, m := range d.moves[:last+1] {
		m.do(found)
	}
	out := map[string][]byte{}
	for path, n := range found {
		if n != nil {
			out[filepath.Base(path)] = n.content(rng, l)
		}
	}
	return out
}

func (n *inode) content(rng *rand.Rand, l luck) (b []byte) {
	versions := map[int64]int{} // unsynced ones of a block
	for _, w := range n.writes {
		if w.kind == "write" && !w.safe {
			for at := w.off / block; at*block < w.off+int64(len(w.data)); at++ {
				versions[at]++
			}
		}
	}
	keep := map[int64]int{}
	for _, at := range slices.Sorted(maps.Keys(versions)) {
		switch l {
		case nothing:
		case everything:
			keep[at] = versions[at]
		default:
			keep[at] = rng.IntN(versions[at] + 1)
		}
	}
	for _, w := range n.writes {
		switch {
		case w.kind == "truncate":
			if w.safe || l == everything || l != nothing && rng.IntN(2) == 0 {
				b = append(b, make([]byte, max(0, w.off-int64(len(b))))...)[:w.off]
			}
		case w.safe:
			b = laid(b, w.off, w.data)
		default:
			for at := w.off / block; at*block < w.off+int64(len(w.data)); at++ {
				if keep[at] == 0 {
					continue
				}
				keep[at]--
				from, to := max(w.off, at*block), min(w.off+int64(len(w.data)), (at+1)*block)
				if l == torn && keep[at] == 0 && rng.IntN(4) == 0 {
					to = min(to, at*block+512*rng.Int64N(block/512)) // whole sectors
				}
				if to > from {
					b = laid(b, from, w.data[from-w.off:to-w.off])
				}
			}
		}
	}
	return b
}

func laid(b []byte, off int64, data []byte) []byte {
	if end := off + int64(len(data)); end > int64(len(b)) {
		b = append(b, make([]byte, end-int64(len(b)))...)
	}
	copy(b[off:], data)
	return b
}
