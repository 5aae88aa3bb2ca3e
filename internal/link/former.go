package link

import (
	"errors"
	"fmt"
	"slices"

	"github.com/vatnet/vatnet/crypto"
)

// MaxFormers is how many former identities a Links answers to, besides its own.
const MaxFormers = 4

var errFormers = errors.New("link: too many identities")

// Answer has ls answer also who dials id, a former identity of the vat: on the same listeners, within the same limits
// for strangers, with the handler of ls, and with features. It is as a vat of its own: its sessions, their numbers
// and peers are none of those of ls; Link.Self tells them apart. It dials nobody. ls refuses sessions between any
// of its identities. Retire ends it, or Close.
func (ls *Links) Answer(id *crypto.Identity, features uint64) error {
	config := ls.config
	config.Identity, config.Features, config.Advertise, config.Outcomes = id, features, nil, ls.outcomes
	f, err := New(config)
	if err != nil {
		return err
	}
	ls.mu.Lock()
	defer ls.mu.Unlock()
	switch {
	case ls.closed:
		err = ErrClosed
	case len(ls.formers) == MaxFormers:
		err = fmt.Errorf("%w: at most %d former ones", errFormers, MaxFormers)
	case ls.isLocked(f.self):
		err = ErrSelf
	default:
		ls.formers = append(slices.Clip(ls.formers), f) // others read it without the lock
		return nil
	}
	f.cancel()
	return err
}

// Retire answers to a former identity no more, and severs its sessions; the goroutines that read them may end a little
// later, but before Close returns. It waits for the others, and must not
// be called within a Receive. Of another identity it knows nothing.
func (ls *Links) Retire(id crypto.VatID) {
	ls.mu.Lock()
	var gone *Links
	ls.formers = slices.DeleteFunc(slices.Clone(ls.formers), func(f *Links) bool {
		if f.self == id {
			gone = f
		}
		return f.self == id
	})
	ls.mu.Unlock()
	if gone != nil {
		_ = gone.Close() // it has no error to give
	}
}

// former gives the Links of the former identities that are answered to.
func (ls *Links) former() []*Links {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return ls.formers
}

// is tells whether id is one that this vat answers to.
func (ls *Links) is(id crypto.VatID) bool {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return ls.isLocked(id)
}

// isLocked is is. The caller holds ls.mu.
func (ls *Links) isLocked(id crypto.VatID) bool {
	return id == ls.self || slices.ContainsFunc(ls.formers, func(f *Links) bool { return f.self == id })
}
