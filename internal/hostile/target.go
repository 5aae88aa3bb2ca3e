package hostile

import (
	"context"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"sync"
	"time"

	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat"
)

// vats are the kinds of vat that cases attack, by what is special about them.
var vats = map[string]vat.Limits{
	// with the limits that users have; only deadlines are short
	"plain": {Sessions: vat.SessionLimits{KnockTimeout: 5 * time.Second, HandshakeTimeout: 5 * time.Second}},
	// where every deadline is short
	"hasty": {Sessions: vat.SessionLimits{
		KnockTimeout: 300 * time.Millisecond, HandshakeTimeout: 500 * time.Millisecond, PingAfter: 200 * time.Millisecond,
		DeadAfter: 400 * time.Millisecond, WriteTimeout: 300 * time.Millisecond, DialTimeout: 500 * time.Millisecond,
		CrossedTimeout: 200 * time.Millisecond,
	}},
	// where little is enough to be too much
	"small": {Protocol: vat.ProtocolLimits{
		MaxMessage: 1 << 16, MaxSegments: 8, Depth: 48, OpenCalls: 16, OpenBytes: 1 << 17, SoftBytes: 1 << 18, HardBytes: 1 << 19,
		Exports: 32, Imports: 32, Embargoes: 4,
	}},
	// where loopback has no privileges
	"gated": {Sessions: vat.SessionLimits{
		RateLoopback: true, Handshakes: 64, HandshakesPerHost: 4, HandshakesPerSec: 1, HandshakesBurst: 3,
		KnockTimeout: 5 * time.Second, HandshakeTimeout: 5 * time.Second,
	}},
}

// deadlines are the longest that a vat of a kind waits before a case has its outcome, where
// cases run into deadlines.
var deadlines = map[string]time.Duration{"hasty": 500 * time.Millisecond}

// Victim is the object that the attackers of a vat hold: it takes every kind of
// parameter, and misbehaves on demand.
type Victim struct {
	vat.Object
	v    *vat.Vat
	kept map[string]*vat.Ref
	hung []*vat.Resolver[int64]
	all  []*vat.Ref
}

type point struct {
	X, Y int64
	Name string
}

func (*Victim) Join() string                { return "joined" }
func (*Victim) Bool(bool)                   {}
func (*Victim) Int8(int8)                   {}
func (*Victim) Int64(int64)                 {}
func (*Victim) Uint8(uint8)                 {}
func (*Victim) Uint64(uint64)               {}
func (*Victim) Float32(float32)             {}
func (*Victim) Float64(float64)             {}
func (*Victim) Text(string)                 {}
func (*Victim) Data([]byte)                 {}
func (*Victim) Big(*big.Int)                {}
func (*Victim) Time(time.Time)              {}
func (*Victim) Duration(time.Duration)      {}
func (*Victim) Numbers([]int64)             {}
func (*Victim) Floats([]float64)            {}
func (*Victim) Points([]point)              {}
func (*Victim) Point(point)                 {}
func (*Victim) Table(map[string]int64)      {}
func (*Victim) Keys(map[int64]string)       {}
func (*Victim) Any(any)                     {}
func (*Victim) Error(error)                 {}
func (*Victim) Sturdyref(sturdyref.Ref)     {}
func (*Victim) Record(vat.Record)           {}
func (*Victim) Promise(*vat.Promise[int64]) {}
func (*Victim) Ref(*vat.Ref)                {}
func (*Victim) Many(...int64)               {}
func (*Victim) Echo(x any) any              { return x }
func (*Victim) Panic()                      { panic("\x1b[31msecret\x00") }
func (*Victim) Fail() error                 { return errors.New("no") }
func (*Victim) Chan() any                   { return make(chan int) }
func (v *Victim) Make() *Victim             { return &Victim{v: v.v} }
func (v *Victim) Me() *Victim               { return v }

// Keep keeps a reference, under a name if it has one.
func (v *Victim) Keep(r *vat.Ref, name ...string) {
	for _, n := range name {
		if v.kept == nil {
			v.kept = map[string]*vat.Ref{}
		}
		v.kept[n] = r
	}
}

// Kept gives why what was kept is broken.
func (v *Victim) Kept(name string) error {
	if r := v.kept[name]; r != nil {
		if err := r.Err(); !errors.Is(err, vat.ErrCycle) {
			return err
		}
		return errCircle
	}
	return nil
}

var errCircle = vat.RegisterError("hostile.circle", errors.New("it leads to itself"))

func (v *Victim) Ask(r *vat.Ref) *vat.Promise[any] { return r.Send("poke") }
func (v *Victim) Use(r *vat.Ref) *vat.Promise[any] {
	return vat.When(r.Send("poke"), func(x any) (any, error) { return x, nil })
}
func (v *Victim) Tell(r *vat.Ref)        { r.SendOnly("poke", v) }
func (*Victim) Blob(n int) []byte        { return make([]byte, min(max(n, 0), 1<<20)) }
func (*Victim) Wait(ctx context.Context) {}

// Hoard keeps more references than a session may import, and no more: what an
// object hoards beyond that is its own.
func (v *Victim) Hoard(r *vat.Ref) {
	if len(v.all) < 1<<16+1000 {
		v.all = append(v.all, r)
	}
}

// Hang returns a promise that nobody settles before Unhang.
func (v *Victim) Hang() *vat.Promise[int64] {
	p, r := vat.NewPromise[int64](v.v)
	v.hung = append(v.hung, r)
	return p
}

// Unhang settles what Hang returned.
func (v *Victim) Unhang() {
	for _, r := range v.hung {
		_ = r.Resolve(1) // an int64 can be sent
	}
	v.hung = nil
}

// Pass sends to what a far reference answers, before it has answered: its results are promises that this vat pipelined on.
func (v *Victim) Pass(r *vat.Ref) {
	p := vat.Send[*vat.Ref](r, "poke")
	p.SendOnly("poke")
	p.SendOnly("poke")
}

// target is a vat under attack, with an honest client beside it.
type target struct {
	vat    *vat.Vat
	addr   string
	peer   crypto.VatID
	victim sturdyref.Ref
	honest *vat.Vat
	ref    *vat.Ref
	log    *recorder
}

// newTarget starts a vat of a kind.
func newTarget(kind string) (*target, error) {
	id, err := crypto.NewIdentity()
	if err != nil {
		return nil, err
	}
	t := &target{peer: id.VatID(), log: newRecorder()}
	limits := vats[kind]
	if t.vat, err = vat.New(&vat.Config{
		Listen: []string{"127.0.0.1:0"}, Identity: id, Logger: slog.New(t.log), Limits: limits,
	}); err != nil {
		return nil, err
	}
	t.addr = t.vat.Locations()[0]
	if t.victim, err = t.vat.Export(&Victim{v: t.vat}, nil); err != nil {
		return nil, err
	}
	if t.honest, err = vat.New(&vat.Config{Logger: slog.New(slog.DiscardHandler)}); err != nil {
		return nil, err
	}
	t.ref = t.honest.Enliven(t.victim)
	return t, t.check()
}

// check has the honest client make a call.
func (t *target) check() error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	_, err := vat.Call[string](ctx, t.ref, "join")
	return err
}

func (t *target) close() {
	_ = t.honest.Close() // it was only here to call
	_ = t.vat.Close()
}

// recorder is the log of a target: it remembers outcomes by peer, and incidents.
type recorder struct {
	mu       sync.Mutex
	outcomes map[string][]string // by peer's vat id, or its address
	changed  chan struct{}       // closed and replaced with every outcome
	warnings int                 // outcomes that were more than for debugging
	panics   []string
}

func newRecorder() *recorder {
	return &recorder{outcomes: map[string][]string{}, changed: make(chan struct{})}
}

// Enabled implements slog.Handler.
func (r *recorder) Enabled(context.Context, slog.Level) bool { return true }

// WithAttrs implements slog.Handler.
func (r *recorder) WithAttrs([]slog.Attr) slog.Handler { return r }

// WithGroup implements slog.Handler.
func (r *recorder) WithGroup(string) slog.Handler { return r }

// Handle implements slog.Handler.
func (r *recorder) Handle(_ context.Context, rec slog.Record) error {
	var outcome, cause string
	var keys []string
	rec.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "outcome":
			outcome = a.Value.String()
		case "cause":
			cause = a.Value.String()
		case "peer":
			keys = append(keys, a.Value.String())
		case "from":
			host, _, _ := net.SplitHostPort(a.Value.String())
			keys = append(keys, a.Value.String(), host)
		case "stack":
			r.mu.Lock()
			r.panics = append(r.panics, a.Value.String())
			r.mu.Unlock()
		}
		return true
	})
	if outcome == "" {
		return nil
	}
	if cause != "" {
		outcome += " " + cause
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if rec.Level > slog.LevelDebug {
		r.warnings++
	}
	for _, k := range keys {
		r.outcomes[k] = append(r.outcomes[k], outcome)
	}
	close(r.changed)
	r.changed = make(chan struct{})
	return nil
}

// await waits for the outcome of one of the peers that is wanted, or gives another
// when time is up.
func (r *recorder) await(timeout time.Duration, want string, keys ...string) (other string) {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	for {
		r.mu.Lock()
		changed := r.changed
		for _, k := range keys {
			for _, o := range r.outcomes[k] {
				if matches(want, o) {
					r.mu.Unlock()
					return o
				}
				other = o
			}
		}
		r.mu.Unlock()
		select {
		case <-changed:
		case <-timer.C:
			return other
		}
	}
}
