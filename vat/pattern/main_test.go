package pattern_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/vattest"
)

// Every goroutine ends with the vats.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a network in a bubble.
type world struct {
	*testing.T
	ctx context.Context
	net *vattest.Network
}

// bubble runs body in a bubble, where waiting costs no time and who waits for ever is found.
func bubble(t *testing.T, body func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { body(&world{t, t.Context(), vattest.NewNetwork()}) })
}

// vat makes a vat on a host of its own.
func (w *world) vat(host string) *vat.Vat { return w.net.Vat(w.T, host, nil) }

// ref gives a reference in a vat to an object of another one.
func (w *world) ref(v, of *vat.Vat, o any) *vat.Ref {
	w.Helper()
	if v == of {
		r, err := v.Ref(o)
		require.NoError(w, err)
		return r
	}
	sr, err := of.Export(o, nil)
	require.NoError(w, err)
	return v.Enliven(sr)
}

func call[T any](w *world, to vat.Target, verb string, args ...any) T {
	w.Helper()
	x, err := vat.Call[T](w.ctx, to, verb, args...)
	require.NoError(w, err)
	return x
}

func failure(w *world, to vat.Target, verb string, args ...any) error {
	w.Helper()
	_, err := vat.Call[any](w.ctx, to, verb, args...)
	require.Error(w, err)
	return err
}

// pass lets the time of the bubble pass.
func pass(d time.Duration) { time.Sleep(d) }

// Room is an object that leads to others, and keeps what it is given.
type Room struct {
	vat.Object
	name  string
	next  *Room
	given []*vat.Ref
	texts []string
	held  *vat.Promise[string]
}

func (r *Room) Name() string       { return r.name }
func (r *Room) Next() *Room        { return r.next }
func (r *Room) Give(x ...*vat.Ref) { r.given = append(r.given, x...) }
func (r *Room) Given() []*vat.Ref  { return r.given }
func (r *Room) Tell(text string)   { r.texts = append(r.texts, text) }
func (r *Room) Told() []string     { return r.texts }
func (r *Room) Echo(x any) any     { return x }
func (r *Room) Fail() error        { return errRoom }
func (r *Room) Wait() *vat.Promise[string] {
	return r.held
}

// Ask asks whom it was given.
func (r *Room) Ask(verb string) *vat.Promise[any] { return r.given[0].Send(verb) }
