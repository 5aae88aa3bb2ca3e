package captp

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// selfObject keeps calls until it is told to answer the oldest with itself.
type selfObject struct {
	m     *Machine
	calls []*Call
}

func (o *selfObject) Deliver(c *Call) bool {
	o.calls = append(o.calls, c)
	return false
}
func (o *selfObject) Canceled(*Call) {}
func (o *selfObject) Dropped(*Grant) {}

func (o *selfObject) answer() {
	c := o.calls[0]
	o.calls = o.calls[1:]
	c.Return(capRoot[:], []*Ref{o.m.Near(o, nil)})
}

// newChain is a pair whose boot answers every call with itself.
func newChain(lim Limits) (*pair, *selfObject) {
	ma, mb := New(nil), New(&Config{Limits: lim})
	o := &selfObject{m: mb}
	p := &pair{a: ma.Connect(SessionConfig{Peer: "b"}), b: mb.Connect(SessionConfig{Peer: "a", Bootstrap: mb.Near(o, nil)})}
	p.a.Grant(4096, 16<<20)
	p.b.Grant(4096, 16<<20)
	p.boot = p.a.Bootstrap()
	p.run()
	return p, o
}

// chain sends n calls, each on the result of the one before.
func (p *pair) chain(n int) {
	at := p.boot.Retain()
	for range n {
		c := p.a.m.Send(at, &Outgoing{Params: capRoot[:], Caps: []*Ref{nil}})
		at.Release()
		at = c.Pipe()
		c.Done()
	}
	at.Release()
}

// out takes what a has to say.
func (p *pair) out() []byte {
	p.buf = p.a.m.TakeDirty(p.buf[:0])
	return p.a.TakeOut(nil)
}

// A driver that lets objects answer before it goes on spares pipelined calls the
// wait for a promise; one that does not loses nothing.
func TestReceiveStopsBeforeEarlyCalls(t *testing.T) {
	p, o := newChain(Limits{})
	p.chain(3)
	rest, err := p.b.Receive(p.out(), 64)
	require.Nil(t, err)
	require.Len(t, o.calls, 1)
	require.NotEmpty(t, rest, "the second call is pipelined on the first, which is not answered")

	o.answer()
	rest, err = p.b.Receive(rest, 64)
	require.Nil(t, err)
	require.Len(t, o.calls, 1, "the second call found the result of the first")

	rest, err = p.b.Receive(rest, 64)
	require.Nil(t, err)
	require.Empty(t, rest, "the first message is taken in any case")
	require.Len(t, o.calls, 1, "the third waits for the second")
	o.answer()
	require.Len(t, o.calls, 1)
	o.answer()
	p.run()
	require.Zero(t, p.a.Stats().Questions)
	require.Zero(t, p.b.Stats().Answers)

	p.chain(3)
	rest, err = p.b.Receive(p.out(), 0)
	require.Nil(t, err)
	require.Empty(t, rest, "without a max all is taken")
}

// BenchmarkChain is ten calls, each on the result of the one before.
func BenchmarkChain(b *testing.B) {
	p, o := newChain(Limits{})
	b.ReportAllocs()
	for b.Loop() {
		p.chain(10)
		for rest := p.out(); len(rest) > 0 || len(o.calls) > 0; {
			for len(o.calls) > 0 {
				o.answer()
			}
			rest, _ = p.b.Receive(rest, 64)
		}
		p.run()
	}
}
