package pattern

import (
	"errors"
	"sync"

	"github.com/vatnet/vatnet/vat"
)

// ErrRevoked: the caretaker or membrane that the message was sent to is revoked.
var ErrRevoked = vat.RegisterError("pattern.revoked", errors.New("pattern: revoked"))

// Gate is the right to revoke a caretaker or membrane. It is an object as well, with the verbs revoke
// and revoked, so that the right can be handed on. Its methods are safe for concurrent use.
type Gate struct {
	vat.Object
	mu      sync.Mutex
	revoked bool
	pending map[*vat.Resolver[any]]struct{} // what breaks with it
}

// Revoke shuts the gate for ever. From then on nothing passes.
func (g *Gate) Revoke() {
	g.mu.Lock()
	g.revoked = true
	pending := g.pending
	g.pending = nil
	g.mu.Unlock()
	for r := range pending {
		r.Break(ErrRevoked)
	}
}

// Revoked reports whether the gate is shut.
func (g *Gate) Revoked() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.revoked
}

// enter has the gate break r when it shuts. It fails if it is shut.
func (g *Gate) enter(r *vat.Resolver[any]) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.revoked {
		return ErrRevoked
	}
	if g.pending == nil {
		g.pending = make(map[*vat.Resolver[any]]struct{})
	}
	g.pending[r] = struct{}{}
	return nil
}

// leave is the end of enter.
func (g *Gate) leave(r *vat.Resolver[any]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.pending, r)
}

// Caretaker is an object that stands for another one until it is revoked.
type Caretaker struct {
	vat.Object
	gate   *Gate
	target vat.Target
}

// NewCaretaker makes a caretaker of target: whatever is sent to it is sent on, the outcome is target's, and
// what is sent to that outcome is not delayed. When the gate is revoked every further message breaks with
// ErrRevoked. The outcomes of earlier ones still come, and what they have brought is not severed: see
// [NewMembrane]. Until then it is, to who asks with [vat.Same], the same as target.
func NewCaretaker(target vat.Target) (*Caretaker, *Gate) {
	g := &Gate{}
	return &Caretaker{gate: g, target: target}, g
}

// Unmatched passes everything on.
func (c *Caretaker) Unmatched(m *vat.Message) (*vat.Promise[any], error) {
	if c.gate.Revoked() {
		c.target = nil
		return nil, ErrRevoked
	}
	return m.Forward(c.target), nil
}
