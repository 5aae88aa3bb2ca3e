// Package simdisk simulates a disk beneath a whole program. It notes what the program asks of the file system while it
// runs, call by call, and makes of that what a machine that loses its power at some moment may have left:
//
//	r, err := simdisk.Record("/tmp/x")        // once for each process; its files are below /tmp/x
//	…                                         // the program runs, and notes what it has promised: r.Mark("told")
//	log, err := r.Log()
//	image := log.Crash(n, rnd)                // after n steps
//	err = image.Write("/tmp/y")               // and now start the program there
//
// What is certain is what was waited for, no more. The bytes of a file that were written since its last fsync are on the
// disk or not, sector by sector, some torn; and so is how long it is. A name in a folder that was made, taken away or
// given to another file since the folder's last fsync is so or not, each by itself. A disk that says of an fsync that it has
// been done, and has not done it, cannot be survived, and is not simulated; see Log.Lying, which shows that it would be
// noticed.
//
// The program is not changed, and does not know: the calls are those that it really makes, in their real order. On Linux the
// kernel has the recorder look at each call before it is done (seccomp), which can also refuse it: see Recorder.Refuse.
// It notes what the standard library uses, and knows no others; Log compares what it has noted with what is there.
package simdisk

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// kind is what a step does.
type kind uint8

const (
	mark    kind = iota // nothing: the program has said something
	create              // a new file, with a name
	folder              // a new folder, with a name
	write               // bytes of a file
	resize              // how long a file is
	link                // another name for a file
	rename              // a name becomes another one, of the same folder
	unlink              // a name is taken away
	syncing             // an fsync of a file or a folder
)

var kinds = [...]string{"mark", "create", "mkdir", "write", "truncate", "link", "rename", "unlink", "fsync"}

// step is one call of the program.
type step struct {
	kind kind
	path string // of what it is about, as text; of a mark, what was said
	node int    // the file or folder that it is about
	dir  int    // folder in which the name is
	name string
	old  string // rename: the name that it had
	at   int64  // write: where; resize: how long it is from now on
	data []byte
}

// Step is a call that is about to be made.
type Step struct {
	Call string // create, mkdir, write, truncate, link, rename, unlink, fsync
	Path string // of the file or the folder
}

// Log is what a program has done.
type Log struct {
	steps []step
	nodes int
}

// Len returns how many steps there are.
func (l *Log) Len() int { return len(l.steps) }

// Marks returns what the program had said before step n.
func (l *Log) Marks(n int) []string {
	var marks []string
	for _, s := range l.steps[:n] {
		if s.kind == mark {
			marks = append(marks, s.path)
		}
	}
	return marks
}

// String describes step n.
func (l *Log) String(n int) string {
	s := l.steps[n]
	return fmt.Sprintf("%s %q, %d bytes at %d", kinds[s.kind], s.path, len(s.data), s.at)
}

// Lying is the log of a disk on which an fsync does nothing, of files or of folders.
func (l *Log) Lying(files, folders bool) *Log {
	lie := &Log{nodes: l.nodes}
	isFolder := map[int]bool{root: true}
	for _, s := range l.steps {
		if s.kind == folder {
			isFolder[s.node] = true
		}
		if s.kind == syncing && (files && !isFolder[s.node] || folders && isFolder[s.node]) {
			s = step{kind: mark, path: "an fsync that was not done"}
		}
		lie.steps = append(lie.steps, s)
	}
	return lie
}

// root is the folder in which everything is. It is there from the beginning.
const root = 0

// names is what the recorder knows of where the program has what: the nodes by their paths.
type names struct {
	log   Log
	nodes map[string]int
}

// newNames knows what is below dir, and takes it for certain.
func newNames(dir string) (*names, error) {
	n := &names{log: Log{nodes: 1}, nodes: map[string]int{dir: root}}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == dir || entry.Type()&fs.ModeSocket != 0 {
			return err
		}
		kind := create
		if entry.IsDir() {
			kind = folder
		}
		s, _ := n.at(kind, path)
		n.add(s)
		if kind == create {
			s, _ = n.at(write, path)
			s.data, err = os.ReadFile(path)
			n.add(s)
		}
		for _, sure := range []string{path, filepath.Dir(path)} {
			s, _ = n.at(syncing, sure)
			n.add(s)
		}
		return err
	})
	return n, err
}

// at returns the step of a kind that is about what is at path.
func (n *names) at(k kind, path string) (s step, known bool) {
	s = step{kind: k, path: path, name: filepath.Base(path)}
	s.dir, known = n.nodes[filepath.Dir(path)]
	if path == "" {
		return s, false
	}
	if node, ok := n.nodes[path]; ok {
		s.node = node
		return s, true
	}
	return s, known && (k == create || k == folder)
}

// add appends a step, and follows what becomes of names.
func (n *names) add(s step) {
	switch s.kind {
	case create, folder:
		s.node = n.log.nodes
		n.log.nodes++
		n.nodes[s.path] = s.node
	case link:
		n.nodes[filepath.Join(filepath.Dir(s.path), s.name)] = s.node
	case rename:
		delete(n.nodes, s.path)
		n.nodes[filepath.Join(filepath.Dir(s.path), s.name)] = s.node
	case unlink:
		delete(n.nodes, s.path)
	}
	n.log.steps = append(n.log.steps, s)
}
