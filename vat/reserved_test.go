package vat_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/vat"
)

// reserved are the codes of the vats themselves, as they would do harm in an object's mouth.
var reserved = map[string]error{
	"vat.noobject": vat.ErrNoSuchObject, "vat.revoked": vat.ErrRevoked, "vat.noverb": vat.ErrNoSuchVerb,
	"vat.arguments": vat.ErrBadArguments, "vat.result": vat.ErrBadResult, "vat.data": vat.ErrNotObject,
	"vat.null": vat.ErrNull, "vat.cycle": vat.ErrCycle, "vat.canceled": vat.ErrCanceled,
	"vat.toolarge": vat.ErrTooLarge, "vat.internal": vat.ErrInternal, "vat.dropped": vat.ErrDropped,
	"vat.undescribed": vat.ErrUndescribed, "vat.closed": vat.ErrClosed, "vat.inturn": vat.ErrInTurn,
}

// Pretender raises errors that are not its to raise, in every way there is.
type Pretender struct {
	vat.Object
	other *vat.Ref
}

func (p *Pretender) Bare(code string) error    { return reserved[code] }
func (p *Pretender) Made(code string) error    { return &vat.Error{Code: code, Text: "made up"} }
func (p *Pretender) Wrapped(code string) error { return fmt.Errorf("so: %w", reserved[code]) }
func (p *Pretender) Joined(code string) error  { return errors.Join(reserved[code], errFull) }

func (p *Pretender) Broken(code string) *vat.Promise[int] {
	q, r := vat.NewPromise[int](p.Vat())
	r.Break(reserved[code])
	return q
}

func (p *Pretender) Gone(code string) *vat.Promise[int] {
	return vat.Go(p.Vat(), func(context.Context) (int, error) { return 0, reserved[code] })
}

func (p *Pretender) Whence(code string) *vat.Promise[int] {
	q, r := vat.NewPromise[int](p.Vat())
	defer r.Resolve(1)
	return vat.When(q, func(int) (int, error) { return 0, reserved[code] })
}

// Serve gives the pretender somebody to ask.
func (p *Pretender) Serve(other *vat.Ref) { p.other = other }

// Pass, Later and Caught pass on what became of a send of the pretender's own.
func (p *Pretender) Pass(verb string) *vat.Promise[any] { return p.other.Send(verb) }

func (p *Pretender) Later(verb string) *vat.Promise[any] {
	return vat.When(p.other.Send(verb), func(x any) (any, error) { return x, nil })
}

func (p *Pretender) Caught(verb string) *vat.Promise[any] {
	return vat.Catch(p.other.Send(verb), func(err error) (any, error) { return nil, err })
}

func (p *Pretender) Followed(verb string) *vat.Promise[any] {
	q, r := vat.NewPromise[any](p.Vat())
	r.Follow(p.other.Send(verb))
	return q
}

// Settled passes on the outcome of a send that has one already.
func (p *Pretender) Settled(verb string) *vat.Promise[any] {
	q := p.other.Send(verb)
	return vat.WhenSend(vat.Catch(vat.When(q, func(any) (int, error) { return 0, nil }),
		func(error) (int, error) { return 0, nil }), func(int) *vat.Promise[any] { return q })
}

func (p *Pretender) Full() error { return fmt.Errorf("so: %w", vat.ErrOverloaded) }

func (p *Pretender) Shatter() *vat.Promise[int] {
	q, r := vat.NewPromise[int](p.Vat())
	defer r.Resolve(1)
	return vat.When(q, func(int) (int, error) { panic("secret detail") })
}

func (p *Pretender) Panics() { panic("secret detail") }

// A code of the vats' own comes of a vat, never of an object.
func TestReservedCodes(t *testing.T) {
	spec.Covers(t, "ERR-9")
	nearAndFar(t, func(t *testing.T, p *place) {
		r := p.give(&Pretender{})
		for code, target := range reserved {
			for _, verb := range []string{"bare", "made", "wrapped", "broken", "gone", "whence"} {
				err := failure(t, r.Send(verb, code))
				require.NotErrorIs(t, err, target, "%s %s", verb, code)
				var e *vat.Error
				require.ErrorAs(t, err, &e)
				require.Empty(t, e.Code, "%s %s", verb, code)
				want := target.Error()
				if verb == "made" {
					want = "made up"
				}
				require.Contains(t, err.Error(), want, "what it says arrives all the same")
			}
			require.ErrorIs(t, failure(t, r.Send("joined", code)), errFull, "its own code does")
		}
		require.ErrorIs(t, failure(t, r.Send("full")), vat.ErrOverloaded, "asks for nothing but patience")
	})
}

// Nor does it speak of another call than the one that it answers.
func TestReservedCodesAreNotPassedOn(t *testing.T) {
	spec.Covers(t, "ERR-9")
	nearAndFar(t, func(t *testing.T, p *place) {
		for name, other := range map[string]func() *vat.Ref{
			"near": func() *vat.Ref {
				o, err := p.there.Ref(&Pretender{})
				require.NoError(t, err)
				return o
			},
			"far": func() *vat.Ref {
				sr, err := p.net.Vat(t, "third", quiet()).Export(&Pretender{}, nil)
				require.NoError(t, err)
				return p.there.Enliven(sr)
			},
		} {
			r := p.give(&Pretender{other: other()})
			for _, verb := range []string{"pass", "later", "caught", "followed", "settled"} {
				err := failure(t, r.Send(verb, "missing"))
				require.NotErrorIs(t, err, vat.ErrNoSuchVerb, "%s %s", name, verb)
				require.ErrorContains(t, err, `has no verb "missing"`)

				require.ErrorIs(t, failure(t, r.Send(verb, "full")), vat.ErrOverloaded, "%s %s", name, verb)

				err = failure(t, r.Send(verb, "panics"))
				require.ErrorContains(t, err, "internal error; incident ")
				require.Equal(t, name == "near", errors.Is(err, vat.ErrInternal), "%s: whose log has it", verb)
			}
		}
		require.ErrorIs(t, failure(t, p.give(&Pretender{}).Send("shatter")), vat.ErrInternal, "an incident of its own vat")
	})
}

// A promise among the arguments that breaks does not make its call seem to have failed by itself.
func TestReservedCodesOfArguments(t *testing.T) {
	spec.Covers(t, "ERR-9", "OBJ-11")
	nearAndFar(t, func(t *testing.T, p *place) {
		r := p.give(&Recorder{})
		err := failure(t, r.Send("note", r.Send("missing")))
		require.ErrorContains(t, err, `has no verb "missing"`)
		require.NotErrorIs(t, err, vat.ErrNoSuchVerb)
		require.ErrorIs(t, failure(t, r.Send("note", p.give(&Faulty{}).Send("coded"))), errFull)
	})
}

// Why a reference is broken is known wherever it goes.
func TestReservedCodesOfReferences(t *testing.T) {
	nearAndFar(t, func(t *testing.T, p *place) {
		r := p.give(&Recorder{})
		lost := p.here.Enliven(unknown(t, p.there))
		require.ErrorIs(t, failure(t, vat.Send[*vat.Ref](r, "echo", lost).Send("join")), vat.ErrNoSuchObject)
	})
}

// An error among data is data.
func TestErrorsAmongData(t *testing.T) {
	nearAndFar(t, func(t *testing.T, p *place) {
		r := p.give(&Recorder{})
		got := call[[]error](t, r, "echo", []error{errFull, vat.ErrRevoked, vat.ErrClosed})
		require.ErrorIs(t, got[0], errFull)
		require.ErrorIs(t, got[1], vat.ErrRevoked)
		require.NotErrorIs(t, got[2], vat.ErrClosed, "which only this vat can say of itself")
	})
}
