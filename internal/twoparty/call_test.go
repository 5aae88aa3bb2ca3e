package twoparty_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"capnproto.org/go/capnp/v3"
	"capnproto.org/go/capnp/v3/exc"
	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/captp"
	"github.com/vatnet/vatnet/internal/twoparty/testdata/graph"
)

// We call, they serve.

// calls runs f in a world in which we hold their bootstrap object.
func calls(t *testing.T, f func(w *world, root *captp.Ref)) {
	t.Helper()
	run(t, func(w *world) {
		var root *captp.Ref
		w.do(func(_ *captp.Machine, s *captp.Session) { root = s.Bootstrap() })
		f(w, root)
		w.do(func(_ *captp.Machine, s *captp.Session) {
			root.Release()
			s.ForgetBootstrap()
		})
	})
}

// send is send in a step of its own.
func (w *world) send(to *captp.Ref, id uint64, text string, caps ...*captp.Ref) (s *sent) {
	w.do(func(m *captp.Machine, _ *captp.Session) { s = send(m, to, id, text, caps...) })
	return s
}

// forget gives handles and references of ours back.
func (w *world) forget(refs []*captp.Ref, calls ...*sent) {
	w.do(func(*captp.Machine, *captp.Session) {
		for _, r := range refs {
			r.Release()
		}
		for _, s := range calls {
			require.Equal(w.t, 1, s.settled)
			s.call.Done()
		}
	})
}

// answer fills in the results of a call of theirs.
func answer(c graph.Node_call, node, inner graph.Node) error {
	res, err := c.AllocResults()
	if err == nil && node.IsValid() {
		err = res.SetNode(node)
	}
	if err == nil && inner.IsValid() {
		var in graph.Inner
		if in, err = res.NewInner(); err == nil {
			err = in.SetNode(inner)
		}
	}
	return err
}

// argument returns a node that came with a call of theirs, held.
func argument(c graph.Node_call, i int) graph.Node {
	l, err := c.Args().Nodes()
	if err != nil {
		return graph.Node{}
	}
	n, err := l.At(i)
	if err != nil {
		return graph.Node{}
	}
	return n.AddRef()
}

func TestCall(t *testing.T) {
	calls(t, func(w *world, root *captp.Ref) {
		var all []*sent
		for i := range 5 {
			all = append(all, w.send(root, uint64(i), fmt.Sprint("n", i)))
		}
		synctest.Wait()
		for i, s := range all {
			require.Nil(t, s.err)
			require.Equal(t, fmt.Sprint("theirs:n", i), s.text)
		}
		require.Equal(t, []uint64{0, 1, 2, 3, 4}, w.theirs.seen())
		require.Equal(t, captp.Far, root.State())
		w.forget(nil, all...)
	})
}

func TestCallErrors(t *testing.T) {
	calls(t, func(w *world, root *captp.Ref) {
		for kind, want := range map[exc.Type]captp.Kind{
			exc.Failed: captp.Failed, exc.Overloaded: captp.Overloaded,
			exc.Disconnected: captp.Disconnected, exc.Unimplemented: captp.Unimplemented,
		} {
			w.theirs.on = func(context.Context, graph.Node_call) error {
				return exc.New(kind, "", "for a reason")
			}
			s := w.send(root, 1, "")
			synctest.Wait()
			require.Contains(t, s.err.Reason, "for a reason")
			require.Equal(t, want, s.err.Kind)
			require.Equal(t, captp.Answered, s.err.Delivery)
			w.forget(nil, s)
		}
		s := &sent{}
		w.do(func(m *captp.Machine, _ *captp.Session) {
			o := args(1, "")
			o.Interface++
			o.Sink = s
			s.call = m.Send(root, &o)
		})
		synctest.Wait()
		require.Equal(t, captp.Unimplemented, s.err.Kind)
		w.forget(nil, s)
	})
}

// We pass an object of ours; they call it, return it, keep it, drop it.
func TestCallCapabilities(t *testing.T) {
	calls(t, func(w *world, root *captp.Ref) {
		mine := w.object("mine")
		var kept graph.Node
		text := make(chan string, 1)
		w.theirs.on = func(ctx context.Context, c graph.Node_call) error {
			kept = argument(c, 0)
			f, release := call(ctx, kept, 7, "back")
			defer release()
			got, err := answerText(f)
			text <- got
			return errors.Join(err, answer(c, kept.AddRef(), graph.Node{}))
		}
		var s *sent
		var home *captp.Ref
		w.do(func(m *captp.Machine, _ *captp.Session) {
			s = send(m, root, 1, "", w.near(mine))
			home = s.call.Pipe(0)
		})
		require.Equal(t, "mine:back", <-text)
		w.settle()
		require.Nil(t, s.err)
		w.do(func(*captp.Machine, *captp.Session) {
			o, _ := home.Object()
			require.Same(t, mine, o, "it comes home as what it is")
		})
		w.forget([]*captp.Ref{home}, s)
		w.settle()
		require.Zero(t, mine.dropped, "they hold it")
		kept.Release()
		w.settle()
		require.Equal(t, 1, mine.dropped, "they let go of it")
	})
}

// They return an object of theirs, twice; we call it and drop it. (Twice, not two in
// one answer: go-capnp never lets go of any but the last capability of an answer.)
func TestCallRelease(t *testing.T) {
	calls(t, func(w *world, root *captp.Ref) {
		made := w.server("made")
		node := graph.Node_ServerToClient(made)
		w.theirs.on = func(_ context.Context, c graph.Node_call) error {
			if c.Args().Id() == 1 {
				return answer(c, node.AddRef(), graph.Node{})
			}
			return answer(c, graph.Node{}, node)
		}
		var one, two *sent
		var a, b *captp.Ref
		w.do(func(m *captp.Machine, _ *captp.Session) {
			one, two = send(m, root, 1, ""), send(m, root, 2, "")
			a, b = one.call.Pipe(0), two.call.Pipe(1, 0)
		})
		w.settle()
		w.do(func(*captp.Machine, *captp.Session) { require.Same(t, a.Settled(), b.Settled()) })
		w.forget([]*captp.Ref{a}, one, two)
		s := w.send(b, 3, "still here")
		w.settle()
		require.Equal(t, "made:still here", s.text)
		require.Zero(t, made.downs())
		w.forget([]*captp.Ref{b}, s)
		w.settle()
		require.Equal(t, 1, made.downs())
	})
}

// Calls four levels deep leave before anything has been answered.
func TestCallPipelining(t *testing.T) {
	calls(t, func(w *world, root *captp.Ref) {
		release := make(chan struct{})
		deep := w.server("deep")
		var chain func(depth int) *server
		chain = func(depth int) *server {
			s := w.server(fmt.Sprint("level", depth))
			s.on = func(_ context.Context, c graph.Node_call) error {
				if depth == 3 {
					return answer(c, graph.Node{}, graph.Node_ServerToClient(deep))
				}
				return answer(c, graph.Node{}, graph.Node_ServerToClient(chain(depth+1)))
			}
			return s
		}
		w.theirs.on = func(_ context.Context, c graph.Node_call) error {
			<-release
			return answer(c, graph.Node{}, graph.Node_ServerToClient(chain(1)))
		}
		var all []*sent
		refs := []*captp.Ref{root}
		w.do(func(m *captp.Machine, _ *captp.Session) {
			for i := range 5 {
				s := send(m, refs[i], uint64(i), "x")
				all = append(all, s)
				refs = append(refs, s.call.Pipe(1, 0))
			}
		})
		synctest.Wait()
		require.Equal(t, []uint64{0}, w.theirs.seen())
		w.hush(func() { close(release) })
		w.settle()
		require.Nil(t, all[4].err)
		require.Equal(t, "deep:x", all[4].text)
		require.Equal(t, []uint64{4}, deep.seen())
		w.do(func(*captp.Machine, *captp.Session) {
			require.Equal(t, captp.Broken, refs[5].State(), "deep answers data")
		})
		w.forget(refs[1:], all...)
		w.settle()
		require.Equal(t, 1, deep.downs())
	})
}

// go-capnp panics when a call that it queued on an unresolved answer meets a null
// there (AnswerQueue.Fulfill), so nulls are called after they have returned only.
func TestCallPipeliningOnFailures(t *testing.T) {
	calls(t, func(w *world, root *captp.Ref) {
		w.theirs.on = func(context.Context, graph.Node_call) error { return errors.New("broken on purpose") }
		var a, b, c *sent
		var x, y *captp.Ref
		w.do(func(m *captp.Machine, _ *captp.Session) {
			a = send(m, root, 1, "")
			x = a.call.Pipe(0)
			b = send(m, x, 2, "")
			y = b.call.Pipe(1, 0)
			c = send(m, y, 3, "")
		})
		w.settle()
		for _, s := range []*sent{a, b, c} {
			require.ErrorContains(t, s.err, "broken on purpose")
		}
		w.forget([]*captp.Ref{x, y}, a, b, c)

		w.theirs.on = nil // text, and a null where a node might be
		w.toUs.tap(0)     // what they say does not arrive: we go on pipelining
		w.do(func(m *captp.Machine, _ *captp.Session) {
			a = send(m, root, 1, "")
			x = a.call.Pipe(0)
		})
		synctest.Wait()
		b = w.send(x, 2, "")
		synctest.Wait()
		w.toUs.tap(-1)
		w.settle()
		require.Nil(t, a.err)
		require.NotNil(t, b.err)
		require.Equal(t, captp.Broken, x.State())
		w.forget([]*captp.Ref{x}, a, b)
	})
}

// They answer with a promise; we call it; it resolves late: to an object of theirs, to
// one of ours (and what we sent before arrives before what we send then), to nothing.
func TestCallPromises(t *testing.T) {
	for _, to := range []string{"theirs", "ours", "broken"} {
		t.Run(to, func(t *testing.T) {
			calls(t, func(w *world, root *captp.Ref) {
				mine, made := w.object("mine"), w.server("made")
				var arg graph.Node
				var promise graph.Node
				var resolver capnp.Resolver[graph.Node]
				w.theirs.on = func(_ context.Context, c graph.Node_call) error {
					arg = argument(c, 0)
					promise, resolver = capnp.NewLocalPromise[graph.Node]()
					// go-capnp forgets to let go of what a promise is fulfilled with if the
					// client that NewLocalPromise gave was released before.
					return answer(c, promise.AddRef(), graph.Node{})
				}
				var first *sent
				var p *captp.Ref
				w.do(func(m *captp.Machine, _ *captp.Session) {
					first = send(m, root, 1, "", w.near(mine))
					p = first.call.Pipe(0)
				})
				w.settle()
				w.do(func(*captp.Machine, *captp.Session) { require.Equal(t, captp.Promise, p.State()) })
				var all []*sent
				for i := range 4 {
					if i == 2 {
						switch to {
						case "theirs":
							resolver.Fulfill(graph.Node_ServerToClient(made))
						case "ours":
							w.hush(func() { resolver.Fulfill(arg.AddRef()) })
						case "broken":
							resolver.Reject(errors.New("came to nothing"))
						}
					}
					if i == 3 {
						w.settle()
					}
					all = append(all, w.send(p, uint64(10+i), "x"))
					if i == 0 {
						synctest.Wait()
					}
				}
				w.settle()
				for _, s := range all {
					switch to {
					case "theirs":
						require.Nil(t, s.err)
						require.Equal(t, "made:x", s.text)
					case "ours":
						require.Nil(t, s.err)
						require.Equal(t, "mine:x", s.text)
					case "broken":
						require.ErrorContains(t, s.err, "came to nothing")
					}
				}
				order := []uint64{10, 11, 12, 13}
				switch to {
				case "theirs":
					require.Equal(t, order, made.seen())
				case "ours":
					require.Equal(t, order, mine.got)
				}
				w.forget([]*captp.Ref{p}, append(all, first)...)
				arg.Release()
				promise.Release()
				w.settle()
				require.Equal(t, 1, mine.dropped)
			})
		})
	}
}

// We cancel; their method's context ends, its late results are released.
func TestCallCancel(t *testing.T) {
	calls(t, func(w *world, root *captp.Ref) {
		made := w.server("made")
		ended := make(chan error, 1)
		w.theirs.on = func(ctx context.Context, c graph.Node_call) error {
			<-ctx.Done()
			ended <- ctx.Err()
			return answer(c, graph.Node_ServerToClient(made), graph.Node{})
		}
		s := w.send(root, 1, "")
		synctest.Wait()
		require.Zero(t, s.settled)
		w.do(func(*captp.Machine, *captp.Session) {
			s.call.Cancel()
			require.Equal(t, 1, s.settled)
			require.NotNil(t, s.err)
		})
		require.ErrorIs(t, <-ended, context.Canceled)
		w.settle()
		w.forget(nil, s)
		require.Equal(t, 1, made.downs())
	})
}
