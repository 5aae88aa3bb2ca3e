package vat_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/vat"
)

func TestChainOfTenInOneRoundTrip(t *testing.T) {
	far(t, nil, func(t *testing.T, p *place) {
		r := p.give(&Recorder{})
		require.NoError(t, r.Await(t.Context()))
		synctest.Wait()
		before, begin := p.net.Stats(), time.Now()
		var target vat.Target = r
		for range 9 {
			target = target.Send("me")
		}
		require.Equal(t, "", call[string](t, target, "join"))
		require.Equal(t, 20*time.Millisecond, time.Since(begin), "one round trip at 10 ms each way")
		require.Equal(t, 1, p.net.Stats().RoundTrips-before.RoundTrips)
	})
}

// What is finished is said with the next message, or a little later.
func TestFinishesWaitForCompany(t *testing.T) {
	far(t, nil, func(t *testing.T, p *place) {
		r := p.give(&Recorder{})
		require.Equal(t, "", call[string](t, r.Send("me"), "join"))
		pass(time.Second) // whatever else there was to say has been
		require.Equal(t, "", call[string](t, r.Send("me"), "join"))
		synctest.Wait()
		before := p.net.Stats().Bytes
		pass(4 * time.Millisecond)
		require.Greater(t, p.net.Stats().Bytes, before, "the Finish of the first call")
		before = p.net.Stats().Bytes
		pass(time.Second)
		require.Equal(t, before, p.net.Stats().Bytes, "nothing else is late")
	})
}

// Enliven and the first call: the dial, the handshake, and then everything together.
func TestEnlivenPipelinesWithTheFirstCall(t *testing.T) {
	spec.Covers(t, "LOC-1")
	far(t, nil, func(t *testing.T, p *place) {
		begin := time.Now()
		r := p.give(&Recorder{})
		require.Equal(t, vat.PromiseRef, r.State())
		require.Equal(t, "", call[string](t, r, "join"))
		// SYN, message 1 and 2, then message 3 with all the rest: three round trips.
		require.Equal(t, 60*time.Millisecond, time.Since(begin))
		require.Equal(t, vat.FarRef, r.State())
	})
}

func TestSendsLeaveWithoutWaiting(t *testing.T) {
	far(t, nil, func(t *testing.T, p *place) {
		begin := time.Now()
		log := p.give(&Log{})
		log.SendOnly("log", "foot")
		log.SendOnly("log", "shoe")
		found := vat.Send[[]Entry](log, "search", "o")
		require.Zero(t, time.Since(begin))
		require.Len(t, await(t, found), 2)
		require.Equal(t, 60*time.Millisecond, time.Since(begin))
		require.Equal(t, 2, p.net.Stats().RoundTrips, "the handshake, and all the rest")
	})
}

func TestPromisesAsArguments(t *testing.T) {
	nearAndFar(t, func(t *testing.T, p *place) {
		r, q := p.give(&Recorder{}), p.give(&Recorder{})
		mine, res := vat.NewPromise[[]string](p.here)
		for _, tt := range []struct {
			name string
			arg  func() *vat.Promise[[]string]
		}{
			{"a result of the receiver", func() *vat.Promise[[]string] { return vat.Send[[]string](r, "noted") }},
			{"a result of another object there", func() *vat.Promise[[]string] { return vat.Send[[]string](q, "noted") }},
			{"a promise of here", func() *vat.Promise[[]string] { return mine }},
			{"a settled promise", func() *vat.Promise[[]string] {
				s := vat.Send[[]string](r, "noted")
				await(t, s)
				return s
			}},
		} {
			call[any](t, r, "noteAll", "a", "b")
			call[any](t, q, "noteAll", "a", "b")
			n := vat.Send[int](r, "len", tt.arg()) // wants plain data
			if tt.name == "a promise of here" {
				time.Sleep(time.Second)
				require.NoError(t, res.Resolve([]string{"x", "y", "z"}))
			}
			require.Positive(t, await(t, n), tt.name)
		}
	})
}

func TestPromiseArgumentArrivesAtOnce(t *testing.T) {
	spec.Covers(t, "OBJ-9")
	nearAndFar(t, func(t *testing.T, p *place) {
		r := p.give(&Recorder{})
		mine, res := vat.NewPromise[string](p.here)
		require.Equal(t, "kept", call[string](t, r, "keep", mine))
		waits := r.Send("echo", mine) // its result is the promise: the outcome waits for it
		require.NoError(t, res.Resolve("x"))
		require.Equal(t, "x", await(t, waits))
		require.Equal(t, "got x", call[string](t, r, "join"))

		require.Equal(t, "kept", call[string](t, r, "keep", "data where a promise is taken"))
		bad, res := vat.NewPromise[string](p.here)
		require.Equal(t, "kept", call[string](t, r, "keep", bad))
		res.Break(errFull)
		time.Sleep(time.Second)
		require.Equal(t, "got x got data where a promise is taken lost the log is full", call[string](t, r, "join"))
	})
}

func TestArgumentsWaitInOrder(t *testing.T) {
	spec.Covers(t, "OBJ-10")
	nearAndFar(t, func(t *testing.T, p *place) {
		r := p.give(&Recorder{})
		first, res := vat.NewPromise[string](p.here)
		r.SendOnly("note", "0")
		r.SendOnly("note", first) // waits
		r.SendOnly("note", "2")   // behind it
		joined := vat.Send[string](r, "join")
		time.Sleep(time.Second)
		require.NoError(t, res.Resolve("1"))
		require.Equal(t, "0 1 2", await(t, joined))
	})
}

func TestOthersDoNotWaitForMyArguments(t *testing.T) {
	spec.Covers(t, "OBJ-10")
	far(t, nil, func(t *testing.T, p *place) {
		rec := &Recorder{}
		r := p.give(rec)
		other := p.net.Vat(t, "other", quiet())
		sr, err := p.there.Export(rec, nil)
		require.NoError(t, err)
		first, res := vat.NewPromise[string](p.here)
		r.SendOnly("note", first)
		joined := vat.Send[string](r, "join")
		time.Sleep(time.Second)
		require.Equal(t, "", call[string](t, other.Enliven(sr), "join"))
		require.NoError(t, res.Resolve("1"))
		require.Equal(t, "1", await(t, joined))
	})
}

func TestBrokenArgumentBreaksTheCall(t *testing.T) {
	spec.Covers(t, "OBJ-11")
	nearAndFar(t, func(t *testing.T, p *place) {
		r := p.give(&Recorder{})
		bad, res := vat.NewPromise[string](p.here)
		n := r.Send("note", bad)
		after := vat.Send[string](r, "join")
		res.Break(errFull)
		require.ErrorIs(t, failure(t, n), errFull)
		require.Equal(t, "", await(t, after))
		// broken before it is sent
		require.ErrorIs(t, failure(t, r.Send("note", bad)), errFull)
	})
}

func TestReferenceWherePlainDataIsWanted(t *testing.T) {
	nearAndFar(t, func(t *testing.T, p *place) {
		r := p.give(&Recorder{})
		require.ErrorIs(t, failure(t, r.Send("note", &Recorder{})), vat.ErrBadArguments)
		require.ErrorIs(t, failure(t, r.Send("note", p.give(&Recorder{}).Send("me"))), vat.ErrBadArguments)
		require.ErrorIs(t, failure(t, r.Send("tell", "text", "x")), vat.ErrBadArguments)
	})
}

func TestPromisesInsideOfStructures(t *testing.T) {
	nearAndFar(t, func(t *testing.T, p *place) {
		r := p.give(&Recorder{})
		a, res := vat.NewPromise[string](p.here)
		n := vat.Send[int](r, "len", []any{"x", a, vat.Send[string](r, "join")})
		time.Sleep(time.Second)
		require.NoError(t, res.Resolve("y"))
		require.Equal(t, 3, await(t, n))
	})
}

func TestCancelWhileArgumentsWait(t *testing.T) {
	nearAndFar(t, func(t *testing.T, p *place) {
		r := p.give(&Recorder{})
		never, _ := vat.NewPromise[string](p.here)
		n := r.Send("note", never)
		after := vat.Send[string](r, "join")
		time.Sleep(time.Second)
		n.Cancel()
		require.ErrorIs(t, failure(t, n), vat.ErrCanceled)
		require.Equal(t, "", await(t, after))
	})
}

func TestLongWaitIsLogged(t *testing.T) {
	nearAndFar(t, func(t *testing.T, p *place) {
		r := p.give(&Recorder{})
		never, _ := vat.NewPromise[string](p.here)
		r.SendOnly("note", never)
		time.Sleep(9 * time.Second)
		require.NotContains(t, p.book.String(), "waits for its arguments")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.Contains(t, p.book.String(), "waits for its arguments")
		require.Contains(t, p.book.String(), "verb=note")
	})
}

// A promise for a promise for data.
func TestArgumentsSettleThroughSeveralHands(t *testing.T) {
	nearAndFar(t, func(t *testing.T, p *place) {
		r := p.give(&Recorder{})
		inner, res := vat.NewPromise[string](p.here)
		outer := vat.WhenSend(vat.Send[string](r, "join"), func(string) *vat.Promise[string] { return inner })
		r.SendOnly("note", outer)
		joined := vat.Send[string](r, "join")
		time.Sleep(time.Second)
		require.NoError(t, res.Resolve("deep"))
		require.Equal(t, "deep", await(t, joined))
	})
}

func TestManyVatsPassAPromiseOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, true, quiet())
		r := p.give(&Recorder{})
		mine, res := vat.NewPromise[string](p.here)
		fwd := p.give(&Forwarder{})
		n := fwd.Send("pass", r, mine)
		time.Sleep(time.Second)
		require.NoError(t, res.Resolve("passed on"))
		await(t, n)
		require.Equal(t, "passed on", call[string](t, r, "join"))
	})
}

// Forwarder passes promises on.
type Forwarder struct{ vat.Object }

func (f *Forwarder) Pass(to *vat.Ref, p *vat.Promise[string]) *vat.Promise[any] {
	return to.Send("note", p)
}

func (f *Forwarder) Call(to *vat.Ref, verb string) *vat.Promise[any] { return to.Send(verb) }

func TestReturnedPromiseOfAnotherVat(t *testing.T) {
	far(t, nil, func(t *testing.T, p *place) {
		f := p.give(&Forwarder{})
		mine, err := p.here.Ref(&Recorder{})
		require.NoError(t, err)
		call[any](t, mine, "note", "home")
		require.Equal(t, "home", call[string](t, f, "call", mine, "join"))
		// pipelined on what is not known yet, and comes home
		require.Equal(t, "home", call[string](t, f.Send("call", mine, "me"), "join"))
		for i := range 3 {
			f.Send("call", mine, "me").SendOnly("note", fmt.Sprint(i))
		}
		require.Equal(t, "home 0 1 2", call[string](t, f.Send("call", mine, "me"), "join"))
	})
}

// Box is plain data that holds plain data.
type Box struct {
	Name string
	Kids []Box
}

func (r *Recorder) Pack(b Box) string {
	s := b.Name
	for _, k := range b.Kids {
		s += "(" + r.Pack(k) + ")"
	}
	return s
}

func (r *Recorder) PackAll(bs []Box, same ...string) int { return len(bs) + len(same) }

// What a promise in a structure settles to may itself hold promises, and so on.
func TestPromisesInsideOfWhatPromisesSettleTo(t *testing.T) {
	nearAndFar(t, func(t *testing.T, p *place) {
		r := p.give(&Recorder{})
		var settle []func()
		later := func(v any) *vat.Promise[any] {
			q, res := vat.NewPromise[any](p.here)
			settle = append(settle, func() { require.NoError(t, res.Resolve(v)) })
			return q
		}
		box := func(name any, kids ...any) vat.Record {
			return vat.Record{{Name: "name", Value: name}, {Name: "kids", Value: kids}}
		}
		tree := box(later("a"), later(box(later("b"), later(box("c", later(box(later("d"))))), box("e"))), box(later("f")))
		packed := vat.Send[string](r, "pack", later(tree))
		for _, f := range settle {
			time.Sleep(time.Second)
			f()
		}
		require.Equal(t, "a(b(c(d))(e))(f)", await(t, packed))

		// One promise, where a box is wanted and where a text is.
		settle = nil
		twice := later(box(later("x")))
		wrong := r.Send("packAll", []any{twice}, twice)
		for _, f := range settle {
			f()
		}
		require.ErrorIs(t, failure(t, wrong), vat.ErrBadArguments)
	})
}

// Data that leads to itself has no end, and is not looked for.
func TestDataThatHoldsItself(t *testing.T) {
	nearAndFar(t, func(t *testing.T, p *place) {
		r := p.give(&Recorder{})
		q, res := vat.NewPromise[any](p.here)
		packed := r.Send("pack", q)
		require.NoError(t, res.Resolve(vat.Record{{Name: "name", Value: "n"}, {Name: "kids", Value: []any{q, q, q}}}))
		err := failure(t, packed)
		require.True(t, errors.Is(err, vat.ErrOverloaded) || errors.Is(err, vat.ErrBadArguments), err)
		require.Equal(t, "", call[string](t, r, "join"))
	})
}
