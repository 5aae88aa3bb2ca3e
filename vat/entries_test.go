package vat_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/vat"
)

// Cabinet has a list and maps.
type Cabinet struct {
	vat.Durable
	Name  string
	Books vat.List[string]
	Ages  vat.Map[string, int]
	Years vat.Map[int16, string]
	Pages vat.Map[uint8, *Page]
}

func init() { vat.Register[Cabinet]("cabinet") }

// Do does as it is told, and fails if there is anything that it does not know.
func (s *Cabinet) Do(what ...string) {
	for _, w := range what {
		f := strings.Fields(w)
		n := 0
		if len(f) > 1 {
			n, _ = strconv.Atoi(f[1])
		}
		switch f[0] {
		case "append":
			s.Books.Append(f[1:]...)
		case "set":
			s.Books.Set(n, f[2])
		case "drop":
			s.Books.DropFirst(n)
		case "age":
			s.Ages.Set(f[1], len(f[2]))
		case "forget":
			s.Ages.Delete(f[1])
		case "renew":
			s.Books, s.Ages = vat.List[string]{}, vat.Map[string, int]{}
			s.Books.Append("new")
			s.Ages.Set("new", 1)
		case "clear":
			s.Ages.Clear()
		default:
			panic(w)
		}
	}
}

func (s *Cabinet) Titles() (list []string) {
	for i, x := range s.Books.All() {
		if x != s.Books.At(i) || i >= s.Books.Len() {
			panic("All and At differ")
		}
		list = append(list, x)
	}
	return list
}

func (s *Cabinet) Old() map[string]int {
	old := map[string]int{}
	for k, v := range s.Ages.All() {
		if w, ok := s.Ages.Get(k); !ok || v != w {
			panic("All and Get differ")
		}
		old[k] = v
	}
	if len(old) != s.Ages.Len() {
		panic("All and Len differ")
	}
	return old
}

// Ordered tells in which order keys come.
func (s *Cabinet) Ordered(keys ...int16) (got []int16) {
	for _, k := range keys {
		s.Years.Set(k, fmt.Sprint(k))
	}
	for k, v := range s.Years.All() {
		if v != fmt.Sprint(k) {
			panic(v)
		}
		got = append(got, k)
	}
	return got
}

// Scribble writes into a page that it keeps in a map, by a pointer.
func (s *Cabinet) Scribble(k uint8, line string) int {
	p, ok := s.Pages.Get(k)
	if !ok {
		p = &Page{Title: line}
		s.Pages.Set(k, p)
	}
	return p.Write(line)
}

func (s *Cabinet) Page(k uint8) *Page {
	p, _ := s.Pages.Get(k)
	return p
}

func cabinet(t testing.TB, v *vat.Vat) *vat.Ref {
	t.Helper()
	r, err := vat.Root(v, "cabinet", func() *Cabinet {
		s := &Cabinet{Name: "new"}
		s.Books.Append("a", "b")
		s.Ages.Set("a", 7)
		return s
	})
	require.NoError(t, err)
	return r
}

// Lists and maps do what slices and maps do, over restarts and turns that are undone.
func TestListAndMapModel(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			d := newDisk(t)
			v, end := d.start(nil)
			defer func() { end() }()
			s := cabinet(t, v)
			books, ages := []string{"a", "b"}, map[string]int{"a": 7}
			for step := range 40 {
				var what []string
				b, a := slices.Clone(books), maps.Clone(ages)
				for range 1 + rnd.IntN(4) {
					x := string(byte('a' + rnd.IntN(26)))
					switch n := rnd.IntN(10); {
					case n < 3:
						what, b = append(what, "append "+x+" "+x), append(b, x, x)
					case n < 4 && len(b) > 0:
						i := rnd.IntN(len(b))
						what, b[i] = append(what, fmt.Sprint("set ", i, " ", x)), x
					case n < 5:
						what, b = append(what, fmt.Sprint("drop ", n)), b[min(n, len(b)):]
					case n < 7:
						y := strings.Repeat("y", rnd.IntN(9)+1)
						what, a[x] = append(what, "age "+x+" "+y), len(y)
					case n < 8:
						what = append(what, "forget "+x)
						delete(a, x)
					case step%10 == 1:
						what, b, a = append(what, "renew"), []string{"new"}, map[string]int{"new": 1}
					case step%10 == 0:
						what, a = append(what, "clear"), map[string]int{}
					}
				}
				if rnd.IntN(4) == 0 {
					require.ErrorIs(t, failure(t, vat.Send[any](s, "do", anys(append(what, "no"))...)), vat.ErrInternal)
				} else {
					call[any](t, s, "do", anys(what)...)
					books, ages = b, a
				}
				if rnd.IntN(8) == 0 {
					end()
					v, end = d.start(nil)
					s = cabinet(t, v)
				}
				require.Equal(t, append([]string{}, books...), call[[]string](t, s, "titles"), "seed %d", seed)
				require.Equal(t, ages, call[map[string]int](t, s, "old"), "seed %d", seed)
			}
		})
	}
}

func anys(list []string) (as []any) {
	for _, s := range list {
		as = append(as, s)
	}
	return as
}

func TestMapsAreInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, end := newDisk(t).start(nil)
		defer end()
		want := []int16{-32768, -300, -1, 0, 1, 256, 32767}
		require.Equal(t, want, call[[]int16](t, cabinet(t, v), "ordered", 1, -1, 256, 0, 32767, -300, -32768))
	})
}

// What is changed through a pointer that came out of a map is kept.
func TestEntriesPointToObjects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(t)
		v, end := d.start(nil)
		require.Equal(t, 1, call[int](t, cabinet(t, v), "scribble", 3, "x"))
		end()
		v, end = d.start(nil)
		require.Equal(t, 2, call[int](t, cabinet(t, v), "scribble", 3, "y"))
		end()
		v, end = d.start(nil)
		defer end()
		p := call[*vat.Ref](t, cabinet(t, v), "page", 3)
		require.Equal(t, []string{"x", "y"}, call[[]string](t, p, "read"))
		require.Equal(t, "x", call[string](t, p, "named"))
	})
}

// However long a list is, another entry is one change of the same size.
func TestAppendingCostsTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &slowStore{}
		v, end := newDisk(t).start(&vat.Config{Store: slow})
		defer end()
		s := cabinet(t, v)
		call[any](t, s, "do", "append x")
		require.Equal(t, 1, slow.ops)
		size := slow.size
		call[any](t, s, "do", "append"+strings.Repeat(" z", 20_000))
		require.Equal(t, 20_000, slow.ops)
		call[any](t, s, "do", "append x")
		require.Equal(t, 1, slow.ops)
		require.Equal(t, size, slow.size)
	})
}

// Where nothing is kept lists and maps are in memory.
func TestEntriesWithoutStore(t *testing.T) {
	alone(t, func(t *testing.T, v *vat.Vat, _ *logbook) {
		s := &Cabinet{}
		r, err := v.Ref(s)
		require.NoError(t, err)
		call[any](t, r, "do", "append a b c", "set 1 x", "drop 1", "age k 22", "age j 1", "forget k")
		require.Equal(t, []string{"x", "c"}, call[[]string](t, r, "titles"))
		require.Equal(t, map[string]int{"j": 1}, call[map[string]int](t, r, "old"))
		require.Equal(t, []int16{-2, 5}, call[[]int16](t, r, "ordered", 5, -2))
	})
}
