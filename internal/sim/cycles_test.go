package sim

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/captp"
	"github.com/vatnet/vatnet/vat"
)

// circle is a world of n vats, each of which has a promise that is resolved to that of the next.
type circle struct {
	*world
	next []*handle // what each vat has of the next one's promise
}

// newCircle makes one: promises travel as arguments or, with results, are what the calls of the vat before will result
// in.
func newCircle(t *testing.T, n int, limits captp.Limits, results bool) *circle {
	w := &world{opts: Options{Verbose: true}, seen: map[string]int{}, limits: limits, calm: true}
	w.at(1, 0)
	w.furnish(n)
	c := &circle{world: w, next: make([]*handle, n)}
	for i, m := range w.vats {
		var root *handle
		for _, h := range m.handles {
			if h.means.thing == w.vats[(i+1)%n].root {
				root = h
			}
		}
		if results {
			c.next[i] = m.call(root, "later", nil).result
			continue
		}
		p, r := vat.NewPromise[*vat.Ref](m.self)
		h := m.add(&handle{promise: p, means: &meaning{}})
		m.resolvers = append(m.resolvers, &resolver{r, h})
		for _, h := range m.handles { // to the one before
			if h.means.thing == w.vats[(i+n-1)%n].root {
				root = h
			}
		}
		m.call(root, "take", m.resolvers[0].p)
	}
	c.rest(t)
	for i, m := range w.vats {
		if !results {
			c.next[i] = m.handles[len(m.handles)-1]
		}
		require.Len(t, m.resolvers, 1)
	}
	for i, m := range w.vats {
		x := m.resolvers[0]
		x.p.means.to, x.p.means.why = c.next[i], cycle|endless
		if results {
			x.r.Follow(c.next[i].promise)
		} else {
			require.NoError(t, x.r.Resolve(c.next[i].ref))
		}
		m.resolvers = nil
	}
	return c
}

// rest runs the world until nothing happens any more, and returns how many messages that took.
func (c *circle) rest(t *testing.T) (messages int) {
	for range 20000 {
		busy := false
		for _, m := range c.vats {
			for m.core.Step() {
				busy = true
			}
		}
		for _, a := range c.vats {
			for _, b := range c.vats {
				if a == b {
					continue
				}
				c.take(a, b, true)
				list, rest := frames(a.links[b.i].out)
				require.Empty(t, rest)
				messages += len(list)
				busy = c.deliver(a, b, true) || busy
			}
		}
		require.Empty(t, c.bad)
		if !busy {
			return messages
		}
	}
	t.Fatal("it does not come to rest")
	return 0
}

// A circle of promises through one vat or two breaks. Calls on a longer one go round until they have used up the credit
// of all, and rest; canceled, they are gone after as many messages again.
func TestCircles(t *testing.T) {
	for n := 1; n <= 4; n++ {
		for _, credit := range []int{8, 4096} {
			t.Run(fmt.Sprintf("%d vats, credit %d", n, credit), func(t *testing.T) {
				c := newCircle(t, n, captp.Limits{OpenCalls: credit}, false)
				require.LessOrEqual(t, c.rest(t), 4*n)
				x := c.vats[0].call(c.next[0], "note", nil)
				messages := c.rest(t)
				if n <= 2 {
					require.Equal(t, 1, x.settled)
					require.Equal(t, vat.BrokenRef, c.next[0].ref.State())
					require.ErrorIs(t, c.next[0].ref.Err(), vat.ErrCycle)
					require.LessOrEqual(t, messages, 4)
					return
				}
				require.Zero(t, x.settled)
				require.Equal(t, vat.PromiseRef, c.next[0].ref.State())
				require.Equal(t, n*credit, messages, "as many as there is credit for")
				x.giveUp()
				require.Equal(t, 2*n*credit, c.rest(t), "a Finish and a Return for each")
				require.Equal(t, 1, x.settled)
				for _, m := range c.vats {
					for _, e := range m.links {
						if e != nil {
							st := e.session.Stats()
							require.Zero(t, st.Questions+st.Answers+st.Held)
						}
					}
				}
			})
		}
	}
}

// A circle through the results of calls that are not returned yet is seen only if it lies within one vat. Nothing goes
// round: the calls rest, and so do those on their results, until one is canceled.
func TestCirclesOfResults(t *testing.T) {
	for n := 1; n <= 4; n++ {
		c := newCircle(t, n, captp.Limits{}, true)
		x := c.vats[0].call(c.next[0], "note", nil)
		require.LessOrEqual(t, c.rest(t), 2*n)
		if n == 1 {
			require.Equal(t, 1, x.settled)
			continue
		}
		require.Zero(t, x.settled)
		c.next[0].call.giveUp()
		require.LessOrEqual(t, c.rest(t), 5*n)
		for _, k := range c.calls {
			require.Equal(t, 1, k.settled, "call %d", k.id)
		}
	}
}
