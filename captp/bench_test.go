package captp

import "testing"

// pair is two machines wired directly.
type pair struct {
	a, b *Session
	boot *Ref
	buf  []*Session
	ab   []byte
	ba   []byte
}

// benchObject answers every call at once.
type benchObject struct{ _ byte }

func (*benchObject) Deliver(c *Call) bool {
	c.Return(nil, nil)
	return false
}
func (*benchObject) Canceled(*Call) {}
func (*benchObject) Dropped(*Grant) {}

func newPair() *pair {
	ma, mb := New(nil), New(nil)
	p := &pair{a: ma.Connect(SessionConfig{Peer: "b"}), b: mb.Connect(SessionConfig{Peer: "a", Bootstrap: mb.Near(&benchObject{}, nil)})}
	p.a.Grant(4096, 16<<20)
	p.b.Grant(4096, 16<<20)
	p.boot = p.a.Bootstrap()
	p.run()
	return p
}

// run carries bytes both ways until there are none.
func (p *pair) run() {
	for {
		p.buf = p.a.m.TakeDirty(p.buf[:0])
		p.buf = p.b.m.TakeDirty(p.buf[:0])
		p.ab, p.ba = p.a.TakeOut(p.ab), p.b.TakeOut(p.ba)
		if len(p.ab)+len(p.ba) == 0 {
			return
		}
		p.b.Receive(p.ab, 0)
		p.a.Receive(p.ba, 0)
	}
}

// BenchmarkCall is one call and its answer, through two machines.
func BenchmarkCall(b *testing.B) {
	p, params := newPair(), rbody(1, 0)
	b.ReportAllocs()
	for b.Loop() {
		p.a.m.Send(p.boot, &Outgoing{Params: params, NoPipelining: true}).Done()
		p.run()
	}
}

// BenchmarkPipelined is one of a hundred calls that are outstanding together.
func BenchmarkPipelined(b *testing.B) {
	p, params := newPair(), rbody(1, 0)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		p.a.m.Send(p.boot, &Outgoing{Params: params, NoPipelining: true}).Done()
		if n++; n%100 == 0 {
			p.run()
		}
	}
}
