package vat_test

import (
	"errors"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/vat"
)

// Relay stands for another object, and does with messages what a test asks for.
type Relay struct {
	vat.Object
	to      vat.Target
	verbs   []string
	decline string
	in, out func(*vat.Ref) (any, error)
	after   func(*vat.Reply) error
	kept    *vat.Message
}

func (r *Relay) Unmatched(m *vat.Message) (*vat.Promise[any], error) {
	r.verbs = append(r.verbs, m.Verb())
	r.kept = m
	if m.Verb() == r.decline {
		return nil, vat.ErrNoSuchVerb
	}
	if r.in != nil {
		if err := m.Replace(r.in); err != nil {
			return nil, err
		}
	}
	if r.out == nil && r.after == nil {
		return m.Forward(r.to), nil
	}
	p, res := vat.NewPromise[any](r.Vat())
	m.Relay(r.to, res, func(reply *vat.Reply) error {
		if r.after != nil {
			return r.after(reply)
		}
		return reply.Replace(r.out)
	})
	return p, nil
}

// Own is a verb of its own.
func (r *Relay) Own() string { return "own" }

// Doubter is a Relay for what may be data.
type Doubter struct{ Relay }

func (d *Doubter) Unsettled(m *vat.Message) *vat.Promise[any] { return m.Forward(d.to) }

// relayed gives a Recorder and a relay to it: in the vat of the relay, or in that of the caller.
func relayed(p *place, home bool) (target *Recorder, r *Relay, ref *vat.Ref) {
	target = &Recorder{}
	r = &Relay{}
	if home {
		sr, err := p.here.Export(target, nil)
		require.NoError(p.t, err)
		r.to = p.there.Enliven(sr)
	} else {
		to, err := p.there.Ref(target)
		require.NoError(p.t, err)
		r.to = to
	}
	return target, r, p.give(r)
}

// TestForward: whatever is sent arrives, and what comes back comes back.
func TestForward(t *testing.T) {
	spec.Covers(t, "OBJ-17")
	for name, home := range map[string]bool{"to its own vat": false, "to the caller's": true} {
		t.Run(name, func(t *testing.T) {
			nearAndFar(t, func(t *testing.T, p *place) {
				_, r, ref := relayed(p, home)
				for _, v := range []any{
					nil, true, int64(-7), uint64(1 << 63), 2.5, "text", []byte("data"), new(big.Int).Lsh(big.NewInt(1), 200),
					time.Unix(1, 2).UTC(), time.Second, []any{"a", []any{int64(1)}}, map[string]any{"k": "v"},
					vat.Record{{Name: "a", Value: int64(1)}, {Name: "b", Value: []any{}}},
				} {
					require.Equal(t, v, call[any](t, ref, "echo", v))
				}
				me, err := p.here.Ref(&Log{})
				require.NoError(t, err)
				back := call[map[string][]*vat.Ref](t, ref, "echo", map[string][]*vat.Ref{"me": {me}})["me"][0]
				back.SendOnly("log", "foo")
				require.Len(t, call[[]Entry](t, me, "search", "foo"), 1, "it is the one that was sent")

				require.Equal(t, "own", call[string](t, ref, "own"))
				require.Equal(t, []string{"echo", "echo"}, r.verbs[:2])
				require.NotContains(t, r.verbs, "own")
			})
		})
	}
}

// TestForwardErrors: a failure comes back as it does when it is passed on.
func TestForwardErrors(t *testing.T) {
	nearAndFar(t, func(t *testing.T, p *place) {
		_, r, ref := relayed(p, false)
		err := failure(t, ref.Send("len", 3))
		require.ErrorContains(t, err, "arguments do not fit")
		require.NotErrorIs(t, err, vat.ErrBadArguments, "it is another vat's word")

		r.decline = "secret"
		err = failure(t, ref.Send("secret"))
		require.ErrorIs(t, err, vat.ErrNoSuchVerb, "its own vat's word")
		require.ErrorContains(t, err, `Relay has no verb "secret"`)

		r.after = func(reply *vat.Reply) error {
			if reply.Err() != nil {
				return errRelay
			}
			return nil
		}
		require.ErrorIs(t, failure(t, ref.Send("len", 3)), errRelay)
		require.Equal(t, "x", call[string](t, ref, "echo", "x"))
		r.after = func(*vat.Reply) error { panic("planned by the test") }
		require.ErrorIs(t, failure(t, ref.Send("echo", "x")), vat.ErrInternal)
	})
}

var errRelay = vat.RegisterError("vattest.relay", errors.New("so says the relay"))

// TestForwardDescribes: who has no verbs of his own is described as the one he stands for.
func TestForwardDescribes(t *testing.T) {
	nearAndFar(t, func(t *testing.T, p *place) {
		_, r, ref := relayed(p, false)
		d, err := vat.Describe(t.Context(), ref)
		require.NoError(t, err)
		require.Equal(t, "Recorder", d.Type)
		r.decline = "__describe"
		d, err = vat.Describe(t.Context(), ref)
		require.NoError(t, err)
		require.Equal(t, "Relay", d.Type)
	})
}

// TestForwardPromises: promises arrive as promises, those for data where data is wanted, and what is
// sent to the outcome of a message does not wait for it where that was passed on.
func TestForwardPromises(t *testing.T) {
	far(t, nil, func(t *testing.T, p *place) {
		target, _, ref := relayed(p, false)
		text, res := vat.NewPromise[string](p.here)
		kept := vat.Send[string](ref, "keep", text)
		noted := ref.Send("note", text)
		require.Equal(t, "kept", await(t, kept))
		require.Empty(t, target.seen)
		require.NoError(t, res.Resolve("late"))
		await(t, noted)
		require.ElementsMatch(t, []string{"got late", "late"}, target.seen)

		before := p.net.Stats().RoundTrips
		require.Contains(t, call[string](t, ref.Send("me").Send("me"), "join"), "late")
		require.Equal(t, 1, p.net.Stats().RoundTrips-before)
	})
}

// TestReplace: others stand where references were, in arguments and outcomes; and null.
func TestReplace(t *testing.T) {
	nearAndFar(t, func(t *testing.T, p *place) {
		_, r, ref := relayed(p, false)
		log, err := p.here.Ref(&Log{})
		require.NoError(t, err)
		r.in = func(*vat.Ref) (any, error) { return &Printer{name: "in"}, nil }
		refs := call[[]*vat.Ref](t, ref, "echo", []any{log, nil, log})
		require.Equal(t, "in", call[string](t, refs[0], "name"))
		require.Nil(t, refs[1])
		require.Equal(t, "in", call[string](t, refs[2], "name"))

		r.in = func(x *vat.Ref) (any, error) { return x, nil }
		r.out = func(*vat.Ref) (any, error) { return &Printer{name: "out"}, nil }
		printer := ref.Send("echo", []*vat.Ref{log})
		require.Equal(t, "out", call[string](t, await(t, printer).([]any)[0].(*vat.Ref), "name"))
		require.Equal(t, "out", call[string](t, ref.Send("echo", log), "name"))

		r.out = func(*vat.Ref) (any, error) { return nil, nil }
		require.Equal(t, []*vat.Ref{nil}, call[[]*vat.Ref](t, ref, "echo", []*vat.Ref{log}))

		for _, bad := range []func(*vat.Ref) (any, error){
			func(*vat.Ref) (any, error) { return nil, errRelay },
			func(*vat.Ref) (any, error) { return "data", nil },
		} {
			r.in, r.out = nil, bad
			require.Error(t, failure(t, ref.Send("echo", log)))
			r.in, r.out = bad, nil
			require.Error(t, failure(t, ref.Send("echo", log)))
		}
	})
}

// TestRelaySettled: who has settled the promise before has decided.
func TestRelaySettled(t *testing.T) {
	nearAndFar(t, func(t *testing.T, p *place) {
		target, _, _ := relayed(p, false)
		to, err := p.there.Ref(target)
		require.NoError(t, err)
		ref := p.give(&early{to: to})
		require.Equal(t, "early", call[string](t, ref, "later"))
		call[any](t, to, "settle", "too late")
	})
}

// TestRelayToNobody: neither another vat's references nor its promises are of use.
func TestRelayToNobody(t *testing.T) {
	far(t, nil, func(t *testing.T, p *place) {
		_, r, ref := relayed(p, false)
		mine, err := p.here.Ref(&Recorder{})
		require.NoError(t, err)
		for _, after := range []func(*vat.Reply) error{nil, func(*vat.Reply) error { return nil }} {
			r.to, r.after = mine, after
			require.ErrorContains(t, failure(t, ref.Send("join")), "another vat")
		}
	})
}

// early answers before the one it asks.
type early struct {
	vat.Object
	to *vat.Ref
}

func (e *early) Unmatched(m *vat.Message) *vat.Promise[any] {
	p, res := vat.NewPromise[any](e.Vat())
	m.Relay(e.to, res, func(*vat.Reply) error { return errRelay })
	_ = res.Resolve("early")
	return p
}

// TestUnsettled: what stands for a promise is data where that turns out to be data, and itself if not.
func TestUnsettled(t *testing.T) {
	spec.Covers(t, "OBJ-18")
	nearAndFar(t, func(t *testing.T, p *place) {
		_, r, ref := relayed(p, false)
		r.in = func(x *vat.Ref) (any, error) { return &Doubter{Relay{to: x}}, nil }

		text, res := vat.NewPromise[string](p.here)
		echoed := vat.Send[string](ref, "echo", text)
		noted := ref.Send("note", text)
		require.NoError(t, res.Resolve("data"))
		require.Equal(t, "data", await(t, echoed))
		await(t, noted)
		require.Equal(t, "data", call[string](t, ref, "join"))

		printer, give := vat.NewPromise[*Printer](p.here)
		echo := vat.Send[*vat.Ref](ref, "echo", printer)
		name := vat.Send[string](echo, "name")
		require.NoError(t, give.Resolve(&Printer{name: "Gutenberg"}))
		require.Equal(t, "Gutenberg", await(t, name))
		require.Equal(t, "own", call[string](t, await(t, echo), "own"), "it is what stands for the printer")

		require.ErrorContains(t, failure(t, ref.Send("note", &Printer{})), "ref where string is wanted")
	})
}

// TestMessageOver: a message is of its turn.
func TestMessageOver(t *testing.T) {
	nearAndFar(t, func(t *testing.T, p *place) {
		_, r, ref := relayed(p, false)
		call[any](t, ref, "echo", "x")
		require.ErrorIs(t, failure(t, r.kept.Forward(r.to)), vat.ErrNotSendable)
		require.ErrorIs(t, r.kept.Replace(nil), vat.ErrNotSendable)
		require.ErrorIs(t, r.kept.Arg(0, new(string)), vat.ErrNotSendable)
	})
}

// Guard looks at messages before it passes them on.
type Guard struct {
	vat.Object
	to  *vat.Ref
	err error
}

func (g *Guard) Unmatched(m *vat.Message) (*vat.Promise[any], error) {
	var text string
	g.err = m.Arg(m.Len()-1, &text)
	if text == "bad" {
		return nil, errRelay
	}
	return m.Forward(g.to), g.err
}

// TestArg: an argument can be looked at.
func TestArg(t *testing.T) {
	nearAndFar(t, func(t *testing.T, p *place) {
		to, err := p.there.Ref(&Recorder{})
		require.NoError(t, err)
		g := &Guard{to: to}
		ref := p.give(g)
		require.Equal(t, "good", call[string](t, ref, "echo", "good"))
		require.ErrorIs(t, failure(t, ref.Send("echo", "bad")), errRelay)
		for _, args := range [][]any{{}, {1}, {&Printer{}}} {
			require.Error(t, failure(t, ref.Send("echo", args...)))
			require.ErrorIs(t, g.err, vat.ErrBadArguments)
		}
	})
}

// Finder finds objects of its own vat.
type Finder struct{ vat.Object }

func (f *Finder) Find(p *vat.Promise[*vat.Ref]) *vat.Promise[string] {
	return vat.When(p, func(r *vat.Ref) (string, error) {
		if printer, ok := vat.Near[*Printer](r); ok {
			return printer.name, nil
		}
		if _, ok := vat.Near[any](r); ok {
			return "", errors.New("not a printer")
		}
		return "", errors.New("not of this vat")
	})
}

// TestNear: an object is found behind a reference if it is of this vat, of the type, and not revoked.
func TestNear(t *testing.T) {
	far(t, nil, func(t *testing.T, p *place) {
		finder := p.give(&Finder{})
		sr, err := p.there.Export(&Printer{name: "Gutenberg"}, nil)
		require.NoError(t, err)
		printer := p.here.Enliven(sr)
		require.Equal(t, "Gutenberg", call[string](t, finder, "find", printer), "that came home")
		require.Equal(t, "Gutenberg", call[string](t, finder, "find", p.give(&Recorder{}).Send("echo", printer)), "promised")
		require.ErrorContains(t, failure(t, finder.Send("find", finder)), "not a printer")
		mine, err := p.here.Ref(&Printer{})
		require.NoError(t, err)
		require.ErrorContains(t, failure(t, finder.Send("find", mine)), "not of this vat")
		_, ok := vat.Near[*Printer](printer)
		require.False(t, ok, "it is far from here")
		require.NoError(t, p.there.Revoke(sr))
		err = failure(t, finder.Send("find", printer))
		require.ErrorContains(t, err, "revoked")
	})
}
