package sim

import (
	"context"

	"github.com/vatnet/vatnet/vat"
)

// question is what a vat has asked of a handle: which object it is.
type question struct {
	of     *handle
	answer *vat.Promise[vat.Key]
}

// checkSame has every vat ask all of its references which objects they are, under one salt, and checks that two have the
// same answer if and only if they mean the same thing, whichever vats they have come through since.
func (w *world) checkSame() {
	var salt [32]byte
	var asked []question
	for _, m := range w.vats {
		for _, h := range m.handles {
			if h.ref == nil || h.causes()&(stranger|endless) != 0 || h.ref.State() == vat.PromiseRef {
				continue
			}
			asked = append(asked, question{h, vat.Send[vat.Key](h.ref, "__identify", salt)})
		}
	}
	w.settle()
	keys, things := map[*thing]vat.Key{}, map[vat.Key]*thing{}
	for _, q := range asked {
		key, ok := q.take()
		if !ok {
			continue
		}
		t := q.of.means.end().thing
		if known, ok := keys[t]; ok && known != key || things[key] != nil && things[key] != t {
			w.fail("handle %d of %s is another object than it means", q.of.id, q.of.vat)
		}
		if key.Vat != t.vat.id {
			w.fail("handle %d of %s is said to be another vat's", q.of.id, q.of.vat)
		}
		keys[t], things[key] = key, t
		w.did("same", "%s: handle %d is %s", q.of.vat, q.of.id, key)
	}
	w.settle()
	for _, q := range asked {
		q.of.vat.core.Forget(q.answer)
	}
}

// take takes the answer, if there is one, and checks that there is if nothing has happened on the way. Where vats wait for
// each other's credit it is given up.
func (q question) take() (key vat.Key, ok bool) {
	m := q.of.vat
	over, cancel := context.WithCancel(context.Background())
	cancel() // it has settled, or never will
	key, err := q.answer.Await(over)
	why := q.of.causes()
	switch {
	case err == nil:
		return key, true
	case q.answer.Err() == nil && m.w.waits():
		m.w.did("give up", "%s: what handle %d is", m, q.of.id)
		q.answer.Cancel()
	case causeOf(err)&why == 0:
		m.w.fail("handle %d of %s does not say what it is (%b): %v", q.of.id, m, why, err)
	}
	return key, false
}
