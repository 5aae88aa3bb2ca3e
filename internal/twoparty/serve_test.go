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

// They call, we serve.

func capClient[C ~capnp.ClientKind](c C) capnp.Client { return capnp.Client(c) }

// root is their reference to our bootstrap object.
func (w *world) root() graph.Node { return graph.Node(w.them.Bootstrap(context.Background())) }

// call makes a call of theirs.
func call(ctx context.Context, to graph.Node, id uint64, text string, nodes ...graph.Node) (graph.Node_call_Results_Future, capnp.ReleaseFunc) {
	return to.Call(ctx, func(p graph.Node_call_Params) error {
		p.SetId(id)
		if err := p.SetText(text); err != nil || len(nodes) == 0 {
			return err
		}
		l, err := p.NewNodes(int32(len(nodes)))
		for i, n := range nodes {
			if err == nil {
				err = l.Set(i, n.AddRef())
			}
		}
		return err
	})
}

// answerText waits for a call of theirs.
func answerText(f graph.Node_call_Results_Future) (string, error) {
	res, err := f.Struct()
	if err != nil {
		return "", err
	}
	return res.Text()
}

var bg = context.Background()

func TestServeCall(t *testing.T) {
	run(t, func(w *world) {
		root := w.root()
		defer root.Release()
		for i := range 5 {
			f, release := call(bg, root, uint64(i), fmt.Sprint("n", i))
			text, err := answerText(f)
			require.NoError(t, err)
			require.Equal(t, fmt.Sprint("ours:n", i), text)
			release()
		}
		require.Equal(t, []uint64{0, 1, 2, 3, 4}, w.ours.got)
	})
}

func TestServeErrors(t *testing.T) {
	run(t, func(w *world) {
		root := w.root()
		defer root.Release()
		for kind, want := range map[captp.Kind]exc.Type{
			captp.Failed: exc.Failed, captp.Overloaded: exc.Overloaded,
			captp.Disconnected: exc.Disconnected, captp.Unimplemented: exc.Unimplemented,
		} {
			w.ours.on = func(c *captp.Call) { c.Fail(&captp.Error{Kind: kind, Reason: "for a reason"}) }
			f, release := call(bg, root, 1, "")
			_, err := answerText(f)
			require.ErrorContains(t, err, "for a reason")
			require.Equal(t, want, exc.TypeOf(err))
			release()
		}
		f, release := root.Missing(bg, nil)
		_, err := f.Struct()
		require.Equal(t, exc.Unimplemented, exc.TypeOf(err))
		release()
	})
}

// We abort: the peer hears why.
func TestAbort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		root := w.root()
		f, release := call(bg, root, 1, "")
		_, err := answerText(f)
		require.NoError(t, err)
		w.do(func(_ *captp.Machine, s *captp.Session) { s.Abort(&captp.Error{Reason: "enough"}) })
		<-w.us.Done()
		<-w.them.Done()
		require.Equal(t, "enough", w.us.Err().Reason)
		require.NotEmpty(t, w.complaints())
		release()
		root.Release()
		w.close()
		synctest.Wait()
		require.Equal(t, 1, w.ours.dropped)
	})
}

// They pass an object of theirs; we call it, return it, keep it, drop it.
func TestServeCapabilities(t *testing.T) {
	run(t, func(w *world) {
		root := w.root()
		defer root.Release()
		mine := w.server("mine")
		node := graph.Node_ServerToClient(mine)
		var kept *captp.Ref
		back := &sent{}
		w.ours.on = func(c *captp.Call) {
			_, caps := c.Params()
			kept = caps[0].Retain()
			require.Equal(t, captp.Far, kept.State())
			back = send(w.m, kept, 7, "back")
			c.Return(results("took it", true, false), []*captp.Ref{caps[0].Retain()})
		}
		f, release := call(bg, root, 1, "", node)
		res, err := f.Struct()
		require.NoError(t, err)
		require.True(t, res.Node().IsSame(node), "it comes home as what it is")
		release()
		node.Release()
		w.settle()
		require.Equal(t, 1, back.settled)
		require.Equal(t, "mine:back", back.text)
		require.Equal(t, []uint64{7}, mine.seen())
		require.Zero(t, mine.downs(), "we hold it")
		w.do(func(*captp.Machine, *captp.Session) {
			kept.Release()
			back.call.Done()
		})
		w.settle()
		require.Equal(t, 1, mine.downs(), "we let go of it")
	})
}

// We return an object of ours; they call it and drop it.
func TestServeRelease(t *testing.T) {
	run(t, func(w *world) {
		root := w.root()
		defer root.Release()
		made := w.object("made")
		w.ours.on = func(c *captp.Call) {
			c.Return(results("", true, true), []*captp.Ref{w.near(made), w.near(made)})
		}
		f, release := call(bg, root, 1, "")
		res, err := f.Struct()
		require.NoError(t, err)
		a := res.Node().AddRef()
		in, err := res.Inner()
		require.NoError(t, err)
		b := in.Node().AddRef()
		require.True(t, a.IsSame(b))
		release()
		w.settle()
		a.Release()
		w.settle()
		require.Zero(t, made.dropped)
		g, release := call(bg, b, 2, "still here")
		text, err := answerText(g)
		require.NoError(t, err)
		require.Equal(t, "made:still here", text)
		release()
		b.Release()
		w.settle()
		require.Equal(t, 1, made.dropped)
	})
}

// Calls four levels deep leave before anything has been answered.
func TestServePipelining(t *testing.T) {
	run(t, func(w *world) {
		root := w.root()
		defer root.Release()
		var waiting *captp.Call
		deep := w.object("deep")
		var chain func(depth int) *object
		chain = func(depth int) *object {
			o := w.object(fmt.Sprint("level", depth))
			o.on = func(c *captp.Call) {
				if depth == 3 {
					c.Return(results("", false, true), []*captp.Ref{w.near(deep)})
					return
				}
				c.Return(results("", false, true), []*captp.Ref{w.near(chain(depth + 1))})
			}
			return o
		}
		w.ours.on = func(c *captp.Call) { waiting = c }
		to := root
		var last graph.Node_call_Results_Future
		for i := range 5 {
			f, release := call(bg, to, uint64(i), "x")
			defer release()
			to, last = f.Inner().Node(), f
		}
		f, release := call(bg, to, 9, "end") // deep answers data: there is no node in it
		defer release()
		synctest.Wait()
		require.Equal(t, []uint64{0}, w.ours.got)
		w.do(func(*captp.Machine, *captp.Session) {
			waiting.Return(results("", false, true), []*captp.Ref{w.near(chain(1))})
		})
		text, err := answerText(last)
		require.NoError(t, err)
		require.Equal(t, "deep:x", text)
		_, err = answerText(f)
		require.Error(t, err, "a call on nothing")
		require.Equal(t, []uint64{4}, deep.got)
	})
}

func TestServePipeliningOnFailures(t *testing.T) {
	run(t, func(w *world) {
		root := w.root()
		defer root.Release()
		for _, late := range []bool{false, true} {
			for name, answer := range map[string]func(c *captp.Call){
				"failure": func(c *captp.Call) { c.Fail(&captp.Error{Reason: "broken on purpose"}) },
				"null":    func(c *captp.Call) { c.Return(results("", false, false), nil) },
				"empty":   func(c *captp.Call) { c.Return(nil, nil) },
				"broken": func(c *captp.Call) {
					c.Return(results("", true, false), []*captp.Ref{w.m.BrokenRef(&captp.Error{Reason: "broken on purpose"})})
				},
			} {
				var waiting *captp.Call
				w.ours.on = func(c *captp.Call) {
					if waiting = c; !late {
						answer(c)
					}
				}
				f, release := call(bg, root, 1, "")
				g, release2 := call(bg, f.Node(), 2, "")
				h, release3 := call(bg, g.Node(), 3, "")
				synctest.Wait()
				if late {
					w.do(func(*captp.Machine, *captp.Session) { answer(waiting) })
				}
				_, err := answerText(g)
				require.Error(t, err, name)
				_, err = answerText(h)
				require.Error(t, err, name)
				release3()
				release2()
				w.settle()
				release()
			}
		}
	})
}

// We answer with a promise; they call it; it resolves late: to an object of ours, to
// one of theirs (and what they sent before arrives before what they send then), to
// nothing.
func TestServePromises(t *testing.T) {
	for _, to := range []string{"ours", "theirs", "broken"} {
		t.Run(to, func(t *testing.T) {
			run(t, func(w *world) {
				root := w.root()
				defer root.Release()
				mine, made := w.server("mine"), w.object("made")
				node := graph.Node_ServerToClient(mine)
				var promise, arg *captp.Ref
				w.ours.on = func(c *captp.Call) {
					_, caps := c.Params()
					arg = caps[0].Retain()
					promise = w.m.NewPromise()
					c.Return(results("", true, false), []*captp.Ref{promise.Retain()})
				}
				f, release := call(bg, root, 1, "", node)
				res, err := f.Struct()
				require.NoError(t, err)
				p := res.Node().AddRef()
				release()
				var answers []graph.Node_call_Results_Future
				for i := range 4 {
					if i == 2 {
						w.do(func(m *captp.Machine, _ *captp.Session) {
							switch to {
							case "ours":
								m.Resolve(promise, w.near(made))
							case "theirs":
								m.Resolve(promise, arg.Retain())
							case "broken":
								m.Break(promise, &captp.Error{Reason: "came to nothing"})
							}
						})
					}
					if i == 3 {
						w.settle()
					}
					f, release := call(bg, p, uint64(10+i), "x")
					defer release()
					answers = append(answers, f)
					if i == 0 {
						synctest.Wait()
					}
				}
				for _, f := range answers {
					text, err := answerText(f)
					switch to {
					case "ours":
						require.NoError(t, err)
						require.Equal(t, "made:x", text)
					case "theirs":
						require.NoError(t, err)
						require.Equal(t, "mine:x", text)
					case "broken":
						require.ErrorContains(t, err, "came to nothing")
					}
				}
				order := []uint64{10, 11, 12, 13}
				switch to {
				case "ours":
					require.Equal(t, order, made.got)
				case "theirs":
					require.Equal(t, order, mine.seen())
				}
				w.do(func(*captp.Machine, *captp.Session) {
					promise.Release()
					arg.Release()
				})
				p.Release()
				node.Release()
				w.settle()
				require.Equal(t, 1, mine.downs())
			})
		})
	}
}

// They cancel; our object hears of it, its late answer goes nowhere.
func TestServeCancel(t *testing.T) {
	run(t, func(w *world) {
		root := w.root()
		defer root.Release()
		made := w.object("made")
		var waiting *captp.Call
		w.ours.on = func(c *captp.Call) { waiting = c }
		ctx, cancel := context.WithCancel(bg)
		f, release := call(ctx, root, 1, "")
		synctest.Wait()
		require.Zero(t, w.ours.canceled)
		cancel()
		_, err := answerText(f)
		require.ErrorIs(t, errors.Unwrap(err), context.Canceled)
		w.settle()
		require.Equal(t, 1, w.ours.canceled)
		w.do(func(*captp.Machine, *captp.Session) {
			require.True(t, waiting.IsCanceled())
			waiting.Return(results("", true, false), []*captp.Ref{w.near(made)})
		})
		release()
		w.settle()
		require.Equal(t, 1, made.dropped)
	})
}

// They cancel; what we answer then is not for them, and neither is what becomes of it:
// go-capnp aborts on a Resolve for what its Finish has released.
func TestServeCanceledPromise(t *testing.T) {
	run(t, func(w *world) {
		root := w.root()
		defer root.Release()
		var waiting *captp.Call
		w.ours.on = func(c *captp.Call) { waiting = c }
		ctx, cancel := context.WithCancel(bg)
		_, release := call(ctx, root, 1, "")
		synctest.Wait()
		cancel()
		w.settle()
		w.do(func(m *captp.Machine, _ *captp.Session) {
			broken := m.BrokenRef(&captp.Error{Reason: "broken on purpose"})
			waiting.Return(results("", true, false), []*captp.Ref{broken})
		})
		w.settle()
		require.Nil(t, w.us.Err())
		release()
	})
}

// The stream breaks: both sides see every open call end, once.
func TestDisconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		root := w.root()
		var waiting *captp.Call
		w.ours.on = func(c *captp.Call) { waiting = c }
		w.theirs.on = func(ctx context.Context, c graph.Node_call) error {
			<-ctx.Done()
			return ctx.Err()
		}
		f, release := call(bg, root, 1, "")
		var s *sent
		var held *captp.Ref
		w.do(func(m *captp.Machine, ses *captp.Session) {
			held = ses.Bootstrap()
			s = send(m, held, 2, "")
		})
		w.settle()
		require.Equal(t, []uint64{1}, w.ours.got)
		require.Equal(t, []uint64{2}, w.theirs.seen())
		w.toUs.close()
		w.toThem.close()
		<-w.us.Done()
		_, err := answerText(f)
		require.Error(t, err)
		require.Equal(t, 1, s.settled)
		require.Equal(t, captp.OutcomeUnknown, s.err.Delivery)
		require.Equal(t, captp.PeerGone, w.us.Err().Outcome)
		require.Equal(t, 1, w.ours.canceled)
		w.do(func(m *captp.Machine, _ *captp.Session) {
			s.call.Done()
			require.Equal(t, captp.Broken, held.State())
			held.Release()
			waiting.Fail(&captp.Error{Reason: "too late"})
			require.Zero(t, m.Charged())
		})
		release()
		root.Release()
		w.close()
		synctest.Wait()
		require.Equal(t, 1, w.theirs.downs())
	})
}
