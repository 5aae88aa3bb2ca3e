package simdisk

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
)

// sector is what a disk writes at once, in bytes. Sometimes it does not.
const sector = 512

// node is a file or folder as it is on the disk, and what may become of it.
type node struct {
	data    []byte
	names   map[string]int
	pending []step // since it was synced last
}

// Image is what is on the disk after a crash.
type Image struct{ nodes []*node }

// Crash returns what may be on the disk when the machine has crashed after n steps. What was not waited for is
// there or not as rnd says.
func (l *Log) Crash(n int, rnd *rand.Rand) *Image {
	image := l.replay(n)
	keep := []float64{0, 0.1, 0.5, 0.9, 1}[rnd.IntN(5)]
	for _, x := range image.nodes {
		x.lose(keep, rnd)
	}
	return image
}

// Whole returns what the program has seen after all steps.
func (l *Log) Whole() *Image {
	image := l.replay(len(l.steps))
	for _, x := range image.nodes {
		x.flush()
	}
	return image
}

// replay makes the first n steps.
func (l *Log) replay(n int) *Image {
	image := &Image{make([]*node, l.nodes)}
	for i := range image.nodes {
		image.nodes[i] = &node{}
	}
	image.nodes[root].names = map[string]int{}
	for _, s := range l.steps[:n] {
		x := image.nodes[s.node]
		switch s.kind {
		case mark:
		case folder:
			x.names = map[string]int{}
			image.nodes[s.dir].pending = append(image.nodes[s.dir].pending, s)
		case write, resize:
			x.pending = append(x.pending, s)
		case create, link, rename, unlink:
			image.nodes[s.dir].pending = append(image.nodes[s.dir].pending, s)
		case syncing:
			x.flush()
		}
	}
	return image
}

// flush makes what is pending certain.
func (x *node) flush() {
	for _, s := range x.pending {
		switch s.kind {
		case write:
			x.grow(s.at + int64(len(s.data)))
			copy(x.data[s.at:], s.data)
		case resize:
			x.resize(s.at)
		default:
			x.rename(s)
		}
	}
	x.pending = nil
}

// lose makes each pending thing certain, or forgets it.
func (x *node) lose(keep float64, rnd *rand.Rand) {
	for _, s := range x.pending {
		switch s.kind {
		case write:
			x.scatter(s, keep, rnd)
		case resize:
			if rnd.Float64() < keep {
				x.resize(s.at)
			}
		default:
			if rnd.Float64() < keep {
				x.rename(s)
			}
		}
	}
	x.pending = nil
}

// scatter writes some sectors of a write, and some in part. What makes the file longer may have done that, and left no bytes.
func (x *node) scatter(s step, keep float64, rnd *rand.Rand) {
	if rnd.Float64() < keep {
		x.grow(s.at + int64(len(s.data)))
	}
	for done := 0; done < len(s.data); {
		at := s.at + int64(done)
		size := min(sector-int(at%sector), len(s.data)-done)
		part := s.data[done : done+size]
		done += size
		if rnd.Float64() >= keep {
			continue
		}
		if rnd.IntN(16) == 0 {
			part = part[:rnd.IntN(len(part))]
		}
		if at < int64(len(x.data)) {
			copy(x.data[at:], part)
		}
	}
}

func (x *node) resize(size int64) {
	x.grow(size)
	x.data = x.data[:size]
}

func (x *node) grow(size int64) {
	if more := size - int64(len(x.data)); more > 0 {
		x.data = append(x.data, make([]byte, more)...)
	}
}

// rename does what a step does to the names of the folder x.
func (x *node) rename(s step) {
	if s.kind == rename {
		delete(x.names, s.old)
	}
	if s.kind == unlink {
		delete(x.names, s.name)
		return
	}
	x.names[s.name] = s.node
}

// Write makes the image below dir, a new folder.
func (i *Image) Write(dir string) error { return i.write(root, dir) }

func (i *Image) write(at int, dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	names := i.nodes[at].names
	for _, name := range slices.Sorted(maps.Keys(names)) {
		path, x := filepath.Join(dir, name), i.nodes[names[name]]
		var err error
		if x.names != nil {
			err = i.write(names[name], path)
		} else {
			err = os.WriteFile(path, x.data, 0o600)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Same returns an error that says in what the files below dir are others than those of the image. Sockets do not
// count.
func (i *Image) Same(dir string) error { return i.same(root, dir) }

func (i *Image) same(at int, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	missing := maps.Clone(i.nodes[at].names)
	for _, entry := range entries {
		if entry.Type()&os.ModeSocket != 0 {
			continue
		}
		path := filepath.Join(dir, entry.Name())
		n, ok := missing[entry.Name()]
		if !ok {
			return fmt.Errorf("simdisk: %q was not seen to be made", path)
		}
		delete(missing, entry.Name())
		if entry.IsDir() {
			if err := i.same(n, path); err != nil {
				return err
			}
			continue
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if !bytes.Equal(data, i.nodes[n].data) {
			return fmt.Errorf("simdisk: %q was not seen to become what it is: %d bytes, %d were seen", path, len(data), len(i.nodes[n].data))
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("simdisk: %q has no %v", dir, slices.Sorted(maps.Keys(missing)))
	}
	return nil
}
