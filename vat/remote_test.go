package vat

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/captp"
	"github.com/vatnet/vatnet/spec"
)

// liar is an object of a vat that says what no honest vat says to others.
type liar struct{ code string }

func (l *liar) Deliver(call *captp.Call) (wait bool) {
	call.Fail(&captp.Error{Code: l.code, Reason: "so"})
	return false
}
func (*liar) Canceled(*captp.Call) {}
func (*liar) Dropped(*captp.Grant) {}

// What a vat says of itself is not taken for what this one would say of itself.
func TestCodesOfThisVatOnly(t *testing.T) {
	spec.Covers(t, "ERR-7")
	for code, target := range map[string]error{"vat.closed": ErrClosed, "vat.inturn": ErrInTurn, "vat.result": ErrBadResult} {
		w := newStepped()
		w.b.lock()
		lie := w.b.newRef(w.b.machine.Near(&liar{code}, nil))
		w.b.unlock()
		require.NoError(t, (*bareCore)(w.b).Publish(&giver{ref: lie}, secret))
		far := (*bareSession)(w.ab).Ask(secret).(*Ref)
		p := Send[*Ref](far, "give").Send("anything")
		w.run()
		require.Equal(t, broken, p.state)
		require.NotErrorIs(t, p.err(), target)
		var e *Error
		require.ErrorAs(t, p.err(), &e)
		require.Equal(t, code, e.Code, "it says what was sent all the same")
	}
}

// giver gives what it has.
type giver struct {
	Object
	ref *Ref
}

func (g *giver) Give() *Ref { return g.ref }
