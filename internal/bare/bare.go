// Package bare is the door through which the simulator (internal/sim) gets at the core of a vat without its
// goroutines. The package vat fills New when it is loaded; what depends on it imports vat as well.
package bare

import (
	"log/slog"
	"time"

	"github.com/vatnet/vatnet/captp"
	"github.com/vatnet/vatnet/crypto"
)

// New makes a vat's core that nobody drives. clock is what it takes for the time, nonce gives what it takes for random.
var New func(id crypto.VatID, limits captp.Limits, log *slog.Logger, clock func() time.Time, nonce func() [32]byte) Core

// Core is a vat that is stepped. Everything on it is called by one goroutine.
type Core interface {
	// Vat is a *vat.Vat around the core, for NewPromise and Ref only: it has no links.
	Vat() any
	// Publish makes an object reachable by a secret.
	Publish(object any, secret [32]byte) error
	// Grant makes an object reachable by a secret, until it is revoked or, unless that is zero, a time has come.
	Grant(object any, secret [32]byte, expires time.Time) (revoke func(), err error)
	// Own gives a *vat.Ref for what this vat has under a secret.
	Own(secret [32]byte) any
	// Timers returns how many things are to be done at certain times; Fire does those that are due.
	Timers() int
	Fire()
	// Connect begins a session with a peer, which grants what limits say, and with handoff takes part in that.
	Connect(peer crypto.VatID, handoff bool) Session
	// Meet has the vat find one of the vats of which it was told, if there are such and there is a session. It reports
	// whether there was one to find.
	Meet() bool
	// Step runs one turn, and reports whether there was one.
	Step() bool
	// Drive has sessions that begin from now on be driven as a vat's goroutines drive them: what is read is fed in quanta
	// and put aside while much waits for the peer.
	Drive()
	// Work does what the vat's worker would, and reports whether there was anything.
	Work() bool
	// Hold takes the turn right, if it is free, as somebody would whose turn lasts, or gives it back.
	Hold(on bool)
	// Tick does what the vat's steward would that has seen a turn last. It may be called within a turn.
	Tick()
	// Forget releases what a promise holds, as the garbage collector would. It reports false, and does nothing, while
	// somebody waits for it.
	Forget(promise any) bool
	// Inside gives what a *vat.Ref or a promise is for the machine: a reference, nil if it has none yet, and the call of
	// which it is the outcome, as long as there is none.
	Inside(target any) (*captp.Ref, *captp.Call)
	// Left describes what the core still holds for others; "" is nothing.
	Left() string
}

// Session is a core's end of a conversation.
type Session interface {
	// Receive feeds bytes to the machine. The error is that with which the session has ended. With Drive, turns may run in it.
	Receive(data []byte) *captp.Error
	// Take returns what is to be written; with Drive, up to n bytes that wait for the socket.
	Take(n int) []byte
	// Ask gives a *vat.Ref for what the peer has under a secret.
	Ask(secret [32]byte) any
	// Forget lets go of the peer's bootstrap object.
	Forget()
	// Inside gives what the session is for the machine.
	Inside() *captp.Session
	// Close tells the session that its transport is gone.
	Close()
	// Err returns why the session has ended; nil while it lives.
	Err() *captp.Error
	// Stats returns the state of the tables.
	Stats() captp.Stats
	// Counts returns how often each export is held by the peer, and how often each import by this side.
	Counts() (exports, imports map[uint32]uint32)
}
