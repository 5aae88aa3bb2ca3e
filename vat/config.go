package vat

import (
	"context"
	"log/slog"
	"net"

	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/vat/store"
)

// Config configures a [Vat]. nil and the zero value give a vat with a new
// identity that dials others and cannot be dialled itself.
type Config struct {
	// Listen are the addresses, "host:port", on which others reach this vat. Port 0
	// picks a free one; an empty host, 0.0.0.0 or [::] listens on every interface.
	Listen []string
	// Advertise are the locations that sturdyrefs carry, "host:port", or "host"
	// for that host with the port of each listener. If empty they are derived from
	// the listeners: one that listens on every interface gives their addresses.
	Advertise []string
	// Identity is who the vat is; nil makes a new one. Sturdyrefs name it, so those
	// of a vat that is to be found again need a lasting one: see
	// crypto.ReadKeyFile.
	Identity *crypto.Identity
	// Store is what grants and durable objects are kept in; nil: there are none, and no turn
	// waits for a disk. Open sets it. It is the vat's from now on: Close closes it, and so
	// does New if it fails. What is kept of other vats' sturdyrefs can be read with the same
	// Identity only, so that must be set.
	Store store.Store
	// Passphrase is asked for the passphrase of a key file, if Open finds a sealed one or
	// has to make one; nil: the key file is in clear, for its owner only. See
	// crypto.WriteKeyFile.
	Passphrase func() ([]byte, error)
	// Logger gets what the vat has to say; nil is slog.Default(). Secrets do not
	// appear in it, and strings of other vats only quoted.
	Logger *slog.Logger
	// MaxPending is how many of this vat's own sends may wait (for credit of a peer,
	// on promises, or for their turn) before new ones are refused with
	// ErrOverloaded; see [Ref.Ready]. 0 means 65536. Calls of others that wait for
	// promises among their arguments may have this vat wait for a quarter as many.
	MaxPending int
	// NoPadding turns off the padding that hides the lengths of messages.
	NoPadding bool
	// NoHandoff leaves each reference to an object of a third vat with whoever passed it: sends go
	// through that vat for as long as it is there, and this one dials nobody of whom it was told so.
	NoHandoff bool
	// Network is how others are reached; nil is TCP. vattest has one for tests.
	Network Network
	// Limits bound what other vats can make this one hold or do. The zero value has
	// the defaults.
	Limits Limits
}

// Network is how vats reach each other. Addresses are "host:port". A connection
// may have a method TryWrite(b []byte) (int, error) that writes what is taken at
// once and never waits.
type Network interface {
	// Listen listens on addr; port 0 means a free one.
	Listen(addr string) (net.Listener, error)
	// Dial connects to addr, until ctx ends.
	Dial(ctx context.Context, addr string) (net.Conn, error)
	// InterfaceAddrs gives the hosts under which this machine may be reached when it
	// listens on every interface, the best first.
	InterfaceAddrs() ([]string, error)
}

// maxPending returns MaxPending or its default.
func (cfg *Config) maxPending() int {
	if cfg.MaxPending > 0 {
		return cfg.MaxPending
	}
	return 1 << 16
}
