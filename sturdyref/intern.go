package sturdyref

import (
	"runtime"
	"sync"
	"weak"

	"github.com/vatnet/vatnet/crypto"
)

// entry is what all equal Refs of the process share, as long as one of them lives.
type entry struct {
	parts
	told  bool         // nothing but messages gave it; guarded by entries.mu
	donor crypto.VatID // who told it first
}

// entries are the entries that live.
var entries = struct {
	mu sync.Mutex
	of map[parts]weak.Pointer[entry]
}{of: map[parts]weak.Pointer[entry]{}}

// intern gives the entry for p. What the program has is trusted from then on,
// whoever tells it as well.
func intern(p parts, told bool, donor crypto.VatID) *entry {
	entries.mu.Lock()
	defer entries.mu.Unlock()
	if e := entries.of[p].Value(); e != nil {
		e.told = e.told && told
		return e
	}
	e := &entry{parts: p, told: told, donor: donor}
	entries.of[p] = weak.Make(e)
	runtime.AddCleanup(e, forget, p)
	return e
}

// forget takes an entry that is gone out of the table.
func forget(p parts) {
	entries.mu.Lock()
	defer entries.mu.Unlock()
	if entries.of[p].Value() == nil { // else it has come back
		delete(entries.of, p)
	}
}

// ParseTold is [Parse] for a URI that came in a message, told by the vat donor, or by
// an unknown one if that is zero. Where it leads is of a stranger's choosing: a vat
// asks Donor, and dials with care. It is for who implements the protocol.
func ParseTold(uri string, donor crypto.VatID) (Ref, error) {
	p, err := parse(uri)
	if err != nil {
		return Ref{}, err
	}
	return Ref{intern(p, true, donor)}, nil
}

// NewTold is [New] with what came in messages of the vat donor; see [ParseTold].
func NewTold(vat crypto.VatID, locations []string, s Swissnum, donor crypto.VatID) (Ref, error) {
	p, err := newParts(vat, locations, s)
	if err != nil {
		return Ref{}, err
	}
	return Ref{intern(p, true, donor)}, nil
}

// Donor reports whether only messages have brought the sturdyref so far, and which vat
// told it first, zero if unknown. It turns false for all equal Refs once the program
// itself has parsed or made one: then the program vouches for it. It is safe for
// concurrent use.
func (r Ref) Donor() (donor crypto.VatID, told bool) {
	if r.IsZero() {
		return crypto.VatID{}, false
	}
	entries.mu.Lock()
	defer entries.mu.Unlock()
	return r.p.donor, r.p.told
}
