package twoparty_test

import (
	"context"
	"testing"
	"testing/synctest"

	"capnproto.org/go/capnp/v3"
	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/captp"
	"github.com/vatnet/vatnet/internal/twoparty/testdata/graph"
)

// The echo: a peer is asked for what it was just given. Calls on its answer go out
// and come back; later ones could go straight home, and must not overtake them.

// What they say arrives a word at a time, so that we call before, while and after
// the embargo lasts.
func TestCallEcho(t *testing.T) {
	calls(t, func(w *world, root *captp.Ref) {
		mine := w.object("mine")
		w.theirs.on = func(_ context.Context, c graph.Node_call) error {
			return answer(c, argument(c, 0), graph.Node{})
		}
		var echo *sent
		var home *captp.Ref
		w.toUs.tap(0)
		w.do(func(m *captp.Machine, _ *captp.Session) {
			echo = send(m, root, 1, "", w.near(mine))
			home = echo.call.Pipe(0)
		})
		all := []*sent{echo}
		embargoed := false
		for id := uint64(10); w.toUs.waiting() > 0 || id < 20; id++ {
			all = append(all, w.send(home, id, "x"))
			synctest.Wait()
			w.toUs.tap(8) // a word at a time
			synctest.Wait()
			w.do(func(_ *captp.Machine, s *captp.Session) {
				embargoed = embargoed || s.Stats().Embargoes > 0
			})
			if id > 400 {
				w.toUs.tap(-1)
				synctest.Wait()
			}
		}
		w.toUs.tap(-1)
		w.settle()
		require.True(t, embargoed)
		var want []uint64
		for i := range all[1:] {
			want = append(want, uint64(10+i))
		}
		require.Equal(t, want, mine.got)
		w.forget([]*captp.Ref{home}, all...)
	})
}

func TestServeEcho(t *testing.T) {
	run(t, func(w *world) {
		root := w.root()
		defer root.Release()
		mine := w.server("mine")
		node := graph.Node_ServerToClient(mine)
		var waiting *captp.Call
		w.ours.on = func(c *captp.Call) { waiting = c }
		f, release := call(bg, root, 1, "", node)
		home := f.Node().AddRef()
		var releases []capnp.ReleaseFunc
		for id := uint64(10); id < 13; id++ {
			_, r := call(bg, home, id, "early")
			releases = append(releases, r)
		}
		synctest.Wait()
		w.toThem.tap(0)
		w.do(func(*captp.Machine, *captp.Session) {
			_, caps := waiting.Params()
			waiting.Return(results("", true, false), []*captp.Ref{caps[0].Retain()})
		})
		synctest.Wait()
		require.Empty(t, mine.seen())
		w.toThem.tap(-1)
		synctest.Wait()
		for id := uint64(20); id < 23; id++ {
			_, r := call(bg, home, id, "late")
			releases = append(releases, r)
		}
		w.settle()
		require.Equal(t, []uint64{10, 11, 12, 20, 21, 22}, mine.seen())
		for _, r := range releases {
			r()
		}
		home.Release()
		release()
		node.Release()
		w.settle()
		require.Equal(t, 1, mine.downs())
	})
}
