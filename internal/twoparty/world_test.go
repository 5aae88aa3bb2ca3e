package twoparty_test

//go:generate sh -c "capnp compile -I $(go list -m -f {{.Dir}} capnproto.org/go/capnp/v3)/std -o $(go tool -n capnpc-go) --src-prefix=testdata/graph testdata/graph/graph.capnp && mv graph.capnp.go testdata/graph"

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"capnproto.org/go/capnp/v3/rpc"
	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/captp"
	"github.com/vatnet/vatnet/internal/capn"
	"github.com/vatnet/vatnet/internal/twoparty"
	"github.com/vatnet/vatnet/internal/twoparty/testdata/graph"
)

// world is two vats and the stream between them: us, a Conn, and them, go-capnp.
// It lives in a synctest bubble: time is free (the peer waits 250 ms before each
// Finish), "everything has settled" can be waited for, and a goroutine that
// stays behind fails the test.
type world struct {
	t      *testing.T
	us     *twoparty.Conn
	m      *captp.Machine // of us, to be used inside a step only
	them   *rpc.Conn
	ours   *object // our bootstrap object
	theirs *server // theirs
	toUs   *half
	toThem *half

	mu     sync.Mutex
	errors []string // that the peer reported
}

// run runs f in a new world, and then asks of our side that nothing is left.
func run(t *testing.T, f func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		f(w)
		w.settle()
		w.empty()
	})
}

func newWorld(t *testing.T) *world {
	a, b := duplex()
	w := &world{t: t, toUs: a.in, toThem: b.in}
	w.ours = w.object("ours")
	w.theirs = w.server("theirs")
	w.us = twoparty.New(a, &twoparty.Config{
		Peer: "go-capnp",
		Bootstrap: func(m *captp.Machine) *captp.Ref {
			w.m = m
			return w.near(w.ours)
		},
	})
	w.them = rpc.NewConn(rpc.NewStreamTransport(b), &rpc.Options{
		BootstrapClient: capClient(graph.Node_ServerToClient(w.theirs)),
		Logger:          peerLog{w},
	})
	return w
}

func (w *world) close() {
	w.toUs.tap(-1)
	w.toThem.tap(-1)
	w.us.Close()
	w.them.Close()
	<-w.them.Done()
}

// settle waits until nothing happens any more, the peer's Finishes included.
func (w *world) settle() {
	time.Sleep(time.Second)
	synctest.Wait()
}

// hush runs f while nothing of ours arrives at the peer, until it has done what it
// can. When go-capnp hands queued calls on, it panics if one is answered at once
// (AnswerQueue.Fulfill: the nil PipelineCaller of an importClient whose call is
// done), and reads results that it has just released if a Finish arrives meanwhile
// (calls pipelined two levels deep).
func (w *world) hush(f func()) {
	w.toThem.tap(0)
	f()
	synctest.Wait()
	w.toThem.tap(-1)
}

// empty asks that the session lives and that nothing is left of what was.
func (w *world) empty() {
	w.t.Helper()
	require.Nil(w.t, w.us.Err())
	require.Empty(w.t, w.complaints(), "the peer complains")
	w.us.Do(func(m *captp.Machine, s *captp.Session) {
		st := s.Stats()
		st.Charged = 0 // counts the buffer kept for split messages
		require.Equal(w.t, captp.Stats{}, st)
		require.Zero(w.t, m.Charged())
		require.Zero(w.t, m.Pending())
		require.True(w.t, s.Idle())
	})
}

// do is Do for a machine and a session that need no naming.
func (w *world) do(f func(m *captp.Machine, s *captp.Session)) {
	w.t.Helper()
	w.us.Do(f)
}

func (w *world) complaints() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.errors...)
}

// peerLog collects what the peer finds wrong.
type peerLog struct{ w *world }

func (peerLog) Debug(string, ...any) {}
func (peerLog) Info(string, ...any)  {}
func (peerLog) Warn(string, ...any)  {}
func (l peerLog) Error(msg string, more ...any) {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	l.w.errors = append(l.w.errors, fmt.Sprint(msg, more))
}

// object is an object of ours. on decides what a call does; nil: it returns its text.
type object struct {
	w        *world
	name     string
	on       func(c *captp.Call)
	deliver  func(c *captp.Call) // instead of all that, at once
	got      []uint64            // the ids of calls, in the order of their arrival
	canceled int
	dropped  int
}

// near is a holder of o, inside a step.
func (w *world) near(o *object) *captp.Ref { return w.m.Near(o, nil) }

func (w *world) object(name string) *object { return &object{w: w, name: name} }

func (o *object) Deliver(c *captp.Call) bool {
	if o.deliver != nil {
		o.deliver(c)
		return false
	}
	p, _ := c.Params()
	o.got = append(o.got, p.U64(0))
	o.w.us.Later(func() {
		switch _, method := c.Method(); {
		case method != 0:
			c.Fail(&captp.Error{Kind: captp.Unimplemented, Reason: "no such method"})
		case o.on != nil:
			o.on(c)
		default:
			c.Return(results(o.name+":"+textOf(c), false, false), nil)
		}
	})
	return false
}

func (o *object) Canceled(c *captp.Call) { o.canceled++ }
func (o *object) Dropped(_ *captp.Grant) { o.dropped++ }

func textOf(c *captp.Call) string {
	p, _ := c.Params()
	f, _ := p.Field(0)
	b, _ := f.Text()
	return string(b)
}

// args builds the parameters of Node.call, with
// caps as nodes; nil is null.
func args(id uint64, text string, caps ...*captp.Ref) captp.Outgoing {
	var b capn.Builder
	b.Init(nil)
	st := b.Root(1, 2)
	st.SetU64(0, id)
	b.Text(st.Slot(0), text)
	if len(caps) > 0 {
		l := b.PtrList(st.Slot(1), len(caps))
		for i, r := range caps {
			if r != nil {
				b.SetCap(l.Slot(i), uint32(i))
			}
		}
	}
	return captp.Outgoing{Interface: graph.Node_TypeID, Params: b.Bytes(), Caps: caps}
}

// results builds the results of Node.call: node is entry 0 of the capability
// table, inner.node the next one.
func results(text string, node, inner bool) []byte {
	var b capn.Builder
	b.Init(nil)
	st := b.Root(0, 3)
	next := uint32(0)
	if node {
		b.SetCap(st.Slot(0), next)
		next++
	}
	if inner {
		in := b.Struct(st.Slot(1), 0, 1)
		b.SetCap(in.Slot(0), next)
	}
	b.Text(st.Slot(2), text)
	return b.Bytes()
}

// sent is a call of ours and what came of it.
type sent struct {
	call    *captp.Call
	settled int
	err     *captp.Error
	text    string
}

func (s *sent) Settled(_ *captp.Call, out captp.Outcome) {
	s.settled++
	s.err = out.Err
	if out.Err == nil {
		f, _ := out.Content.Field(2)
		b, _ := f.Text()
		s.text = string(b)
	}
}

// send sends a call of ours, inside a step.
func send(m *captp.Machine, to *captp.Ref, id uint64, text string, caps ...*captp.Ref) *sent {
	s := &sent{}
	o := args(id, text, caps...)
	o.Sink = s
	s.call = m.Send(to, &o)
	return s
}

// server is an object of theirs.
type server struct {
	w    *world
	name string
	on   func(ctx context.Context, c graph.Node_call) error

	mu   sync.Mutex
	got  []uint64
	down int
}

func (w *world) server(name string) *server { return &server{w: w, name: name} }

func (s *server) Call(ctx context.Context, c graph.Node_call) error {
	s.mu.Lock()
	s.got = append(s.got, c.Args().Id())
	s.mu.Unlock()
	if s.on != nil {
		return s.on(ctx, c)
	}
	res, err := c.AllocResults()
	if err != nil {
		return err
	}
	text, err := c.Args().Text()
	if err != nil {
		return err
	}
	return res.SetText(s.name + ":" + text)
}

func (s *server) Missing(context.Context, graph.Node_missing) error {
	panic("never called")
}

func (s *server) Shutdown() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down++
}

func (s *server) seen() []uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]uint64(nil), s.got...)
}

func (s *server) downs() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.down
}
