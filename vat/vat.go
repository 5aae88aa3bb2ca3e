package vat

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
	"weak"

	"github.com/vatnet/vatnet/captp"
	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/internal/capn"
	"github.com/vatnet/vatnet/internal/link"
	"github.com/vatnet/vatnet/internal/outcome"
	"github.com/vatnet/vatnet/spec/object"
)

// Vat is a small world of objects that share one thread of control and one
// identity. Make one with New; end it with Close or Shutdown. All methods are
// safe for concurrent use.
type Vat struct {
	core  *core
	links *link.Links
	dir   string // that Open was given; empty: New made it

	ctx        context.Context // ends when the vat is closed
	cancel     context.CancelFunc
	stop       chan struct{}  // closed: worker and steward end
	goroutines sync.WaitGroup // all that belong to the vat, those of links apart
	going      going          // those of Go
	closing    sync.Once
	closed     chan struct{} // closed when Close is through
}

// New makes a vat and starts it: it listens on the addresses of cfg, and runs.
func New(cfg *Config) (*Vat, error) {
	if cfg == nil {
		cfg = &Config{}
	}
	id := cfg.Identity
	if id == nil {
		var err error
		if id, err = crypto.NewIdentity(); err != nil {
			return nil, fmt.Errorf("vat: making an identity: %w", err)
		}
	}
	log := cfg.Logger
	if log == nil {
		log = slog.Default()
	}
	v := &Vat{stop: make(chan struct{}), closed: make(chan struct{})}
	v.ctx, v.cancel = context.WithCancel(context.Background())
	v.core = newCore(cfg, id.VatID(), log)
	v.core.vat = v
	v.core.machine.EndInBatches(endBatch)
	v.core.wake = make(chan struct{}, 1)
	v.core.stir = make(chan struct{}, 1)
	if cfg.Store != nil {
		v.core.dur = newDurable(v.core, id, cfg.Store)
		_, err := newLedger(v.core, cfg.Store) // it looks whose the store is
		if err == nil {
			err = v.core.dur.readFormers(id)
		}
		if err != nil {
			return nil, errors.Join(err, cfg.Store.Close())
		}
	}
	limits := v.core.machine.Limits()
	links, err := link.New(link.Config{
		Identity: id, Network: cfg.Network, NoPadding: cfg.NoPadding, Advertise: cfg.Advertise,
		Features: v.core.features,
		Credit:   crypto.Credit{Calls: uint32(limits.OpenCalls), Bytes: uint64(limits.OpenBytes)},
		Limits:   cfg.Limits.Sessions.link(), Logger: log, Outcomes: v.core.outcomes, Handler: (*opener)(v.core),
	})
	if err != nil {
		if cfg.Store != nil {
			_ = cfg.Store.Close() // the error to report is the other one
		}
		return nil, fmt.Errorf("vat: %w", err)
	}
	v.links = links
	if v.core.dur != nil {
		go v.core.dur.committer()
	}
	v.goroutines.Go(v.worker)
	v.goroutines.Go(v.steward)
	if d := v.core.dur; d != nil {
		v.core.lock()
		v.core.pushJob(&insistent{d, d.recallAll})
		v.core.pushJob(&alarmJob{d: d})
		v.core.leave()
	}
	if err := v.answerFormers(); err != nil {
		_ = v.Close() // the error to report is the other one
		return nil, err
	}
	for _, addr := range cfg.Listen {
		if err := links.Listen(addr); err != nil {
			_ = v.Close() // the error to report is the other one
			return nil, fmt.Errorf("vat: listening on %q: %w", addr, err)
		}
	}
	return v, nil
}

// endBatch is how many entries of an ended session's tables are let go of at a time: what
// takes a slice of time, about.
const endBatch = 512

// newCore makes a core that nobody drives.
func newCore(cfg *Config, id crypto.VatID, log *slog.Logger) *core {
	c := &core{
		id: id, log: log, outcomes: outcome.New(log), table: swissTable{}, calls: map[*captp.Call]*underway{},
		anchors:    map[*captp.Ref]weak.Pointer[anchor]{},
		maxPending: cfg.maxPending(), done: make(chan struct{}),
	}
	limits := cfg.Limits.Protocol.machine(c.maxPending)
	if !cfg.NoHandoff {
		c.features = crypto.FeatureHandoff
	}
	c.machine = captp.New(&captp.Config{
		Limits: limits, Host: (*host)(c), ObjectInterface: object.Object_TypeID, Vat: string(id[:]), Introducer: (*introducer)(c),
	})
	c.mark = markOf(c.machine.Limits())
	return c
}

// host is the core as the machine's captp.Host.
type host core

// Holder implements captp.Host.
func (h *host) Holder(results capn.Ptr, caps []*captp.Ref, from *captp.Session) captp.Object {
	x := &holder{core: (*core)(h), from: from}
	if flat, err := capn.Flatten(nil, results); err == nil && !results.IsNull() {
		x.flat = flat
		for _, r := range caps {
			if r != nil {
				r = r.Retain()
			}
			x.caps = append(x.caps, r)
		}
	}
	if from != nil {
		from.Hold(x.size())
	}
	return x
}

// opener is the core as the Links' link.Handler.
type opener core

// Open implements link.Handler.
func (o *opener) Open(l *link.Link) link.Receiver { return (*core)(o).open(l) }

// ID returns the vat's id, which sturdyrefs name it by.
func (v *Vat) ID() crypto.VatID { return v.core.id }

// Locations returns where others can dial the vat, as its sturdyrefs say; empty if
// nobody can.
func (v *Vat) Locations() []string { return v.links.Locations() }

// String returns a short form of the vat's id.
func (v *Vat) String() string { return "vat " + v.core.id.Short() }

// context is the parent of the contexts of methods.
func (c *core) context() context.Context {
	if c.vat == nil {
		return context.Background()
	}
	return c.vat.ctx
}

// maxFarewell is how many bytes may still wait for a peer that is cut off: who has
// left more unread will not read the Abort either, and must not have us hold it.
const maxFarewell = 256 << 10

// hangUp ends a link in order, because the machine has ended the session: what
// is written, an Abort perhaps, still leaves.
func (v *Vat) hangUp(l *link.Link) {
	c := v.core
	behind := l.Buffered() > maxFarewell
	c.lock()
	sever := behind || c.refused != nil
	if !sever {
		v.goroutines.Add(1)
	}
	c.unlock()
	if sever {
		l.Close(nil)
		return
	}
	go func() {
		defer v.goroutines.Done()
		ctx, cancel := context.WithTimeout(v.ctx, 5*time.Second)
		defer cancel()
		_ = l.Dismiss(ctx) // Closed tells how it ended
	}()
}

// Close severs: every session ends at once, and everything pending breaks,
// here with ErrClosed and at the peers with ErrDisconnected. Turns that have not
// begun do not run; Close waits for one that has, and for every goroutine of the
// vat, those of [Go] included, whose contexts end. A function of Go that calls it is
// itself not waited for. Inside of a turn, where it would wait for itself, it
// returns ErrInTurn.
// Close more than once is as once.
func (v *Vat) Close() error {
	if inTurn() {
		return v.core.refuseInTurn("Close")
	}
	v.leaveGo()
	var err error
	v.closing.Do(func() {
		c := v.core
		c.lock()
		c.refuse(ErrClosed)
		c.unlock()
		v.cancel()
		_ = v.links.Close() // it has no error to give
		close(v.stop)
		v.goroutines.Wait()
		if c.dur != nil {
			c.lock()
			c.ledger.storeLoose()
			c.unlock()
			err = c.dur.close()
		}
		c.lock()
		for _, s := range slices.Clone(c.sessions) {
			s.disconnect() // whose last words were not over
		}
		for c.machine.Bury() {
		}
		c.settle()
		c.refuse(ErrClosed)
		c.timers.clear()
		c.unlock()
		close(c.done)
		close(v.closed)
	})
	<-v.closed
	return err
}

// refuse drops every queued turn and lets no send in any more. Machine right.
func (c *core) refuse(err error) {
	c.refused = err
	c.drain = nil
	for _, h := range slices.Clone(c.mending) {
		h.rest()
		h.end(toWire(err))
	}
	for {
		t, ok := c.turns.pop()
		if !ok {
			break
		}
		if t.call == nil {
			continue
		}
		if t.call.From() == nil {
			c.local--
		}
		t.call.Fail(toWire(err))
		c.settle()
	}
	c.wakeReady(func(readyWaiter) bool { return true })
}

// Shutdown drains: it takes no more sends from outside of turns, waits until no
// call is under way in either direction, and others have gone themselves where a
// reference leads that this vat has passed to them (for that it waits four seconds
// at most), ends every session in order, and closes the vat. If ctx ends first, what
// is left is severed, and ctx's error returned.
// A function of [Go] that calls it is not waited for, but a call is that waits for what
// the function returns. Inside of a turn it returns ErrInTurn.
func (v *Vat) Shutdown(ctx context.Context) error {
	if inTurn() {
		return v.core.refuseInTurn("Shutdown")
	}
	err := v.core.awaitIdle(ctx)
	if err == nil {
		err = v.links.Shutdown(ctx)
	}
	return errors.Join(err, v.Close())
}

// awaitIdle waits until nothing is under way.
func (c *core) awaitIdle(ctx context.Context) error {
	c.lock()
	if c.refused != nil {
		c.unlock()
		return nil
	}
	if c.drain == nil {
		c.drain = make(chan struct{})
	}
	drained := c.drain
	c.leave()
	select {
	case <-drained:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-c.done:
		return nil
	}
}

// checkIdle ends the drain when nothing is under way any more. Machine right.
func (c *core) checkIdle() {
	if c.held || c.turns.len() > 0 || len(c.flushing) > 0 || c.dur != nil && c.dur.busy() {
		return
	}
	for _, s := range c.sessions {
		if s.writing || s.captp.Err() == nil && (!s.captp.Idle() || s.captp.OutLen() > 0) {
			return
		}
	}
	if c.machine.Giving() {
		return
	}
	select {
	case <-c.drain:
	default:
		close(c.drain)
	}
}
