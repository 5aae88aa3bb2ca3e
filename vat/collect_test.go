package vat_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/vat"
)

// Node is a part of a tree whose parts are moved about.
type Node struct {
	vat.Durable
	Name  string
	Kids  map[string]*vat.Ref
	Notes vat.List[string]
	Also  vat.Map[string, *vat.Ref]
}

func init() { vat.Register[Node]("node") }

// walk returns the node at a path.
func (n *Node) walk(p string) *Node {
	for _, name := range strings.FieldsFunc(p, func(r rune) bool { return r == '/' || r == '.' }) {
		kid, ok := n.Also.Get(name)
		if !ok {
			kid = n.Kids[name]
		}
		n, _ = vat.Near[*Node](kid)
	}
	return n
}

// Make makes a node at a path; Drop and Move are the rest of what a file system does.
func (n *Node) Make(p string) error {
	kid := &Node{Name: p}
	for i := range 300 {
		kid.Notes.Append(fmt.Sprint(p, i))
	}
	r, err := n.Vat().Ref(kid)
	n.walk(path.Dir(p)).set(path.Base(p), r)
	return err
}

// set puts a kid into a field, or an entry.
func (n *Node) set(name string, kid *vat.Ref) {
	if name < "e" {
		n.Also.Set(name, kid)
		return
	}
	if n.Kids == nil {
		n.Kids = map[string]*vat.Ref{}
	}
	n.Kids[name] = kid
}

func (n *Node) take(name string) *vat.Ref {
	kid, ok := n.Also.Get(name)
	if !ok {
		kid = n.Kids[name]
	}
	n.Also.Delete(name)
	delete(n.Kids, name)
	return kid
}

func (n *Node) Drop(p string) { n.walk(path.Dir(p)).take(path.Base(p)) }

func (n *Node) Move(from, to string) {
	kid := n.walk(path.Dir(from)).take(path.Base(from))
	n.walk(path.Dir(to)).set(path.Base(to), kid)
}

// Hop is Move some turns later. Behind that the memory has nothing but n.
func (n *Node) Hop(turns int, from, to string) error {
	self, err := n.Vat().Ref(n)
	switch {
	case turns == 0:

		n.Move(from, to)
	case turns < 0:
		vat.Evict(n)
	}
	if turns >= 0 {
		self.SendOnly("hop", turns-1, from, to)
	}
	return err
}

func (n *Node) Evict() { vat.Evict(n) }

// Made returns by what name the node at a path was made, if all of it is there.
func (n *Node) Made(p string) string {
	n = n.walk(p)
	if n.Name != "" && (n.Notes.Len() != 300 || n.Notes.At(299) != fmt.Sprint(n.Name, 299)) {
		return "notes are missing"
	}
	return n.Name
}

// Circle makes two nodes that know only each other.
func (n *Node) Circle() error {
	a, b := &Node{Name: "a"}, &Node{Name: "b"}
	ra, err := n.Vat().Ref(a)
	a.set("b", nil)
	b.set("z", ra)
	rb, _ := n.Vat().Ref(b)
	a.set("b", rb)
	n.set("circle", ra)
	return err
}

func tree(t testing.TB, v *vat.Vat) *vat.Ref {
	t.Helper()
	r, err := vat.Root(v, "tree", func() *Node { return &Node{} })
	require.NoError(t, err)
	return r
}

// kept counts what is in the store.
func (d *disk) kept(t *testing.T) (objects, entries int) {
	t.Helper()
	s, err := d.Open()
	require.NoError(t, err)
	shot, err := s.Snapshot()
	require.NoError(t, err)
	for c := shot.Cursor("objects"); c.Next(); {
		objects++
	}
	for c := shot.Cursor("entries"); c.Next(); {
		entries++
	}
	require.NoError(t, shot.Close())
	require.NoError(t, s.Close())
	return objects, entries
}

// What no way leads to goes, circles too, with its entries; the rest stays.
func TestCollect(t *testing.T) {
	spec.Covers(t, "KEEP-9")
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(t)
		v, end := d.start(nil)
		r := tree(t, v)
		call[any](t, r, "make", "a")
		call[any](t, r, "make", "a/x")
		call[any](t, r, "make", "d")
		call[any](t, r, "circle")
		call[any](t, r, "drop", "a")
		call[any](t, r, "drop", "circle")
		end()
		objects, entries := d.kept(t)
		require.Equal(t, 1+3+2, objects)
		require.Greater(t, entries, 900)

		v, end = d.start(nil)
		removed, err := v.Collect(t.Context())
		require.NoError(t, err)
		require.Equal(t, 4, removed)
		require.Equal(t, "d", call[string](t, tree(t, v), "made", "d"))
		removed, err = v.Collect(t.Context())
		require.NoError(t, err)
		require.Zero(t, removed)
		end()
		objects, entries = d.kept(t)
		require.Equal(t, 2, objects)
		require.Equal(t, 300+2, entries, "and the map that it is in")
	})
}

// An alarm, and what is in memory, keep an object.
func TestCollectKeepsWhatIsInUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(t)
		v, end := d.start(nil)
		p := page(t, v)
		held := call[*vat.Ref](t, p, "chain")
		call[any](t, p, "link", "third", nil)
		call[any](t, p, "link", "back", nil)
		_, err := v.Collect(t.Context())
		require.NoError(t, err)
		_, err = v.After(time.Hour, held, "write", "x")
		require.NoError(t, err)
		end()
		v, end = d.start(nil)
		defer func() { end() }()
		removed, err := v.Collect(t.Context())
		require.NoError(t, err)
		require.Zero(t, removed, "the alarm leads to it")
		p = page(t, v)
		held = call[*vat.Ref](t, p, "chain") // another one
		call[any](t, p, "link", "third", nil)
		call[any](t, p, "link", "back", nil)
		_, err = v.Collect(t.Context())
		require.NoError(t, err)
		call[any](t, p, "link", "third", held)
		end()
		v, end = d.start(nil)
		require.Equal(t, "third", call[string](t, call[*vat.Ref](t, page(t, v), "follow", "third"), "named"))
		_, err = d.net.Vat(t, "other", quiet()).Collect(t.Context())
		require.ErrorIs(t, err, vat.ErrNoStore)
	})
}

// Whatever is moved about while a collection runs, nothing goes that could be reached, and
// everything else does in the end.
func TestCollectModel(t *testing.T) {
	defer vat.CollectInSlices(1)()
	for seed := range uint64(5) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 2))
			d := newDisk(t)
			v, end := d.start(nil)
			defer func() { end() }()
			r := tree(t, v)
			made := map[string]string{} // path → the path that the node was made at
			for range 6 {
				for range 5 {
					done := make(chan error, 1)
					go func() {
						_, err := v.Collect(context.Background())
						done <- err
					}()
					for range 8 {
						mutate(t, r, rnd, made)
					}
					require.NoError(t, <-done)
				}
				for p, name := range made {
					require.Equal(t, name, call[string](t, r, "made", p), "seed %d: %s", seed, p)
				}
				end()
				v, end = d.start(nil)
				r = tree(t, v)
			}
			_, err := v.Collect(t.Context())
			require.NoError(t, err)
			end()
			objects, _ := d.kept(t)
			require.Equal(t, 1+len(made), objects, "seed %d", seed)
			v, end = d.start(nil)
		})
	}
}

// A node that moves, at any moment of a collection, from where that has not looked yet to where it
// has, and is in nobody's memory, stays.
func TestCollectWhileObjectsMove(t *testing.T) {
	defer vat.CollectInSlices(1)()
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(t)
		v, end := d.start(nil)
		defer func() { end() }()
		r := tree(t, v)
		for _, p := range []string{"a", "b", "ba", "bb", "c", "d", "a/c"} {
			call[any](t, r, "make", p)
		}
		at, to := "a/c", "d/c"
		for moment := range 24 {
			call[any](t, r, "evict")
			done := make(chan error, 1)
			go func() {
				_, err := v.Collect(context.Background())
				done <- err
			}()
			r.SendOnly("hop", moment, at, to)
			at, to = to, at
			require.NoError(t, <-done)
			synctest.Wait()
			require.Equal(t, "a/c", call[string](t, r, "made", at), "moment %d", moment)
		}
	})
}

// mutate makes, drops or moves a node of the tree, and of the map that says what it has.
func mutate(t *testing.T, r *vat.Ref, rnd *rand.Rand, made map[string]string) {
	t.Helper()
	name := string(byte('a' + rnd.IntN(5)))
	paths := slices.Sorted(maps.Keys(made))
	into := ""
	if len(paths) > 0 {
		into = paths[rnd.IntN(len(paths))]
	}
	switch p := path.Join(into, name); {
	case made[p] == "" && strings.Count(p, "/") < 5 && rnd.IntN(2) == 0:
		call[any](t, r, "make", p)
		made[p] = p
	case into != "" && rnd.IntN(5) == 0:
		call[any](t, r, "drop", into)
		maps.DeleteFunc(made, func(q, _ string) bool { return under(q, into) })
	case into != "":
		to := path.Join(paths[rnd.IntN(len(paths))], name)
		if rnd.IntN(3) == 0 {
			to = name
		}
		if made[to] != "" || under(to, into) {
			return
		}
		call[any](t, r, "move", into, to)
		for q, name := range maps.Clone(made) {
			if under(q, into) {
				delete(made, q)
				made[to+strings.TrimPrefix(q, into)] = name
			}
		}
	}
}

func under(p, top string) bool { return p == top || strings.HasPrefix(p, top+"/") }
