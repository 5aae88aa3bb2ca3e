package vat_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/vattest"
)

// logbook is a log that tests read.
type logbook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logbook) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *logbook) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// place is where an object is seen from: near, or far.
type place struct {
	t      *testing.T
	here   *vat.Vat // whose references the test uses
	there  *vat.Vat // whose the objects are; the same if near
	net    *vattest.Network
	book   *logbook // of there
	mybook *logbook // of here
	last   any      // object that was given
}

// give makes an object known here.
func (p *place) give(o any) *vat.Ref {
	p.t.Helper()
	p.last = o
	if p.here == p.there {
		r, err := p.there.Ref(o)
		require.NoError(p.t, err)
		return r
	}
	sr, err := p.there.Export(o, nil)
	require.NoError(p.t, err)
	return p.here.Enliven(sr)
}

// nearAndFar runs a test body twice, in a bubble: with the objects in the same vat,
// and in another one behind 10 ms of network.
func nearAndFar(t *testing.T, body func(t *testing.T, p *place)) {
	t.Helper()
	for _, far := range []bool{false, true} {
		name := "near"
		if far {
			name = "far"
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { body(t, newPlace(t, far, nil)) })
		})
	}
}

// far runs a test body once, in a bubble, with the objects in another vat.
func far(t *testing.T, cfg *vat.Config, body func(t *testing.T, p *place)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { body(t, newPlace(t, true, cfg)) })
}

func newPlace(t *testing.T, far bool, cfg *vat.Config) *place {
	if cfg == nil {
		cfg = &vat.Config{}
	}
	p := &place{t: t, net: vattest.NewNetwork(), book: &logbook{}, mybook: &logbook{}}
	there, here := *cfg, *cfg
	there.Logger, here.Logger = p.book.logger(), p.mybook.logger()
	p.net.Latency("here", "there", 10*time.Millisecond)
	p.there = p.net.Vat(t, "there", &there)
	p.here = p.there
	if far {
		p.here = p.net.Vat(t, "here", &here)
	} else {
		p.mybook = p.book
	}
	return p
}

// quiet is a Config whose log goes nowhere.
func quiet() *vat.Config {
	return &vat.Config{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}
}

// pass lets the time of the bubble pass.
func pass(d time.Duration) { time.Sleep(d) }

func call[T any](t *testing.T, target vat.Target, verb string, args ...any) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour) // fake
	defer cancel()
	v, err := vat.Call[T](ctx, target, verb, args...)
	require.NoError(t, err)
	return v
}

func await[T any](t *testing.T, p *vat.Promise[T]) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	v, err := p.Await(ctx)
	require.NoError(t, err)
	return v
}

func failure[T any](t *testing.T, p *vat.Promise[T]) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	_, err := p.Await(ctx)
	require.Error(t, err)
	return err
}

// Recorder notes what it is sent, in order, and does what tests need.
type Recorder struct {
	vat.Object
	seen    []string
	waiting []*vat.Resolver[string]
	ctxs    []context.Context
	held    []*vat.Ref
	dropped chan struct{}
	block   chan struct{}
	began   chan struct{}
}

func (r *Recorder) Note(s string)             { r.seen = append(r.seen, s) }
func (r *Recorder) Noted() []string           { return r.seen }
func (r *Recorder) NoteAll(ss ...string)      { r.seen = append(r.seen, ss...) }
func (r *Recorder) Join() string              { return strings.Join(r.seen, " ") }
func (r *Recorder) Echo(v any) any            { return v }
func (r *Recorder) Me() *Recorder             { return r }
func (r *Recorder) Nobody() *Recorder         { return nil }
func (r *Recorder) Len(ss []string) int       { return len(ss) }
func (r *Recorder) Hold(x *vat.Ref)           { r.held = append(r.held, x) }
func (r *Recorder) Held(i int) *vat.Ref       { return r.held[i] }
func (r *Recorder) Tell(x *vat.Ref, s string) { x.SendOnly("note", s) }

// Keep takes a promise at once, and notes what becomes of it.
func (r *Recorder) Keep(p *vat.Promise[string]) string {
	vat.Catch(vat.When(p, func(s string) (string, error) {
		r.Note("got " + s)
		return "", nil
	}), func(err error) (string, error) {
		r.Note("lost " + err.Error())
		return "", nil
	})
	return "kept"
}

// Later promises a string that Settle gives.
func (r *Recorder) Later() *vat.Promise[string] {
	p, res := vat.NewPromise[string](r.Vat())
	r.waiting = append(r.waiting, res)
	return p
}

func (r *Recorder) Settle(s string) error {
	err := r.waiting[0].Resolve(s)
	r.waiting = r.waiting[1:]
	return err
}

func (r *Recorder) Smash(text string) {
	r.waiting[0].Break(&vat.Error{Text: text})
	r.waiting = r.waiting[1:]
}

// Block is a long turn.
func (r *Recorder) Block() {
	r.began <- struct{}{}
	<-r.block
}

// Watch keeps its context, and promises what never comes.
func (r *Recorder) Watch(ctx context.Context) *vat.Promise[string] {
	r.ctxs = append(r.ctxs, ctx)
	p, _ := vat.NewPromise[string](r.Vat())
	return p
}

func (r *Recorder) Ended(i int) bool { return r.ctxs[i].Err() != nil }

func (r *Recorder) Unreferenced() {
	if r.dropped != nil {
		close(r.dropped)
	}
}
