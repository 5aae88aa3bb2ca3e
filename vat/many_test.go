package vat

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/sturdyref"
)

// relay is an object whose method returns the outcome of one call to all.
type relay struct {
	Object
	p *Promise[int]
}

func (r *relay) Get() *Promise[int] { return r.p }

// Sum wants data.
func (r *relay) Sum(n int) int { return n + 1 }

// An outcome is read by as many as wait for it.
func TestManyFollowOneOutcome(t *testing.T) {
	w := newStepped()
	h, err := w.b.host(&counter{})
	require.NoError(t, err)
	w.b.table[sturdyref.HashSwissnum(w.b.id, &secret)] = &Grant{core: w.b, host: h}
	far := w.a.ask(w.ab, sturdyref.SwissnumOf(secret))
	v := &Vat{core: w.a}
	o := &relay{p: Send[int](far, "add", "x", 7)}
	near, err := v.Ref(o)
	require.NoError(t, err)
	var got []*Promise[int]
	for range 300 {
		got = append(got, Send[int](near, "get"))
	}
	for w.a.step() {
	}
	require.Equal(t, pending, o.p.state)
	w.run()
	for i, p := range got {
		require.Equal(t, fulfilled, p.state, "%d: %v", i, p.err)
		v, err := valueOf(p)
		require.NoError(t, err, i)
		require.Equal(t, 7, v, i)
	}
}

// So is one that others follow from afar.
func TestManyFollowOneOutcomeFromAfar(t *testing.T) {
	w := newStepped()
	h, err := w.b.host(&counter{})
	require.NoError(t, err)
	w.b.table[sturdyref.HashSwissnum(w.b.id, &secret)] = &Grant{core: w.b, host: h}
	far := w.a.ask(w.ab, sturdyref.SwissnumOf(secret))
	o := &relay{p: Send[int](far, "add", "x", 7)}
	h, err = w.a.host(o)
	require.NoError(t, err)
	w.a.table[sturdyref.HashSwissnum(w.a.id, &secret)] = &Grant{core: w.a, host: h}
	back := w.b.ask(w.ba, sturdyref.SwissnumOf(secret))
	var got []*Promise[int]
	for range 300 {
		got = append(got, Send[int](back, "get"))
	}
	w.carry(w.ba, w.ab) // bootstrap and calls
	w.carry(w.ab, w.ba)
	for w.a.step() {
	}
	require.Equal(t, pending, o.p.state)
	w.run()
	for i, p := range got {
		v, err := valueOf(p)
		require.NoError(t, err, i)
		require.Equal(t, 7, v, i)
	}
}

// Data can be named as a result as often as somebody likes while its Return is on
// the way.
func TestAResultThatIsDataIsUsedOften(t *testing.T) {
	w := newStepped()
	h, err := w.b.host(&relay{})
	require.NoError(t, err)
	w.b.table[sturdyref.HashSwissnum(w.b.id, &secret)] = &Grant{core: w.b, host: h}
	far := w.a.ask(w.ab, sturdyref.SwissnumOf(secret))
	data := Send[int](far, "sum", 41)
	w.carry(w.ab, w.ba)
	for w.b.step() {
	}
	var got []*Promise[int]
	for range 300 {
		got = append(got, Send[int](far, "sum", data))
	}
	w.run()
	for i, p := range got {
		v, err := valueOf(p)
		require.NoError(t, err, i)
		require.Equal(t, 43, v, i)
	}
}

func valueOf(p *Promise[int]) (v int, err error) {
	if p.state == broken {
		return 0, p.err()
	}
	err = p.decode(reflect.ValueOf(&v).Elem())
	return v, err
}
