package sim

import (
	"slices"

	"capnproto.org/go/capnp/v3"
	"capnproto.org/go/capnp/v3/std/capnp/rpc"
)

// known are the ids that an attacker has seen on one of its sessions, the last ones of each kind.
type known struct {
	asked     []uint32 // questions of the honest vat
	answers   []uint32 // its own questions
	exports   []uint32 // what the honest vat has exported
	promises  []uint32 // promises that it has exported itself
	embargoes []uint32 // Disembargoes of the honest vat's
}

// note remembers an id, once.
func note(list *[]uint32, id uint32) {
	if slices.Contains(*list, id) {
		return
	}
	if *list = append(*list, id); len(*list) > 12 {
		*list = (*list)[1:]
	}
}

// forget is the contrary of note.
func forget(list *[]uint32, id uint32) {
	*list = slices.DeleteFunc(*list, func(x uint32) bool { return x == id })
}

// learn reads the ids of a message. What is malformed teaches nothing.
func (k *known) learn(frame []byte, mine bool) {
	defer func() { _ = recover() }() // of must
	m := must(rpc.ReadRootMessage(must(capnp.Unmarshal(frame))))
	switch m.Which() {
	case rpc.Message_Which_bootstrap:
		k.question(must(m.Bootstrap()).QuestionId(), mine)
	case rpc.Message_Which_call:
		c := must(m.Call())
		k.question(c.QuestionId(), mine)
		k.table(must(must(c.Params()).CapTable()), mine)
	case rpc.Message_Which_return:
		r := must(m.Return())
		if mine {
			forget(&k.asked, r.AnswerId())
		}
		if r.Which() == rpc.Return_Which_results {
			k.table(must(must(r.Results()).CapTable()), mine)
		}
	case rpc.Message_Which_finish:
		if mine {
			forget(&k.answers, must(m.Finish()).QuestionId())
		}
	case rpc.Message_Which_release:
		if mine {
			forget(&k.exports, must(m.Release()).Id())
		}
	case rpc.Message_Which_resolve:
		if r := must(m.Resolve()); r.Which() == rpc.Resolve_Which_cap {
			k.capability(must(r.Cap()), mine)
		}
	case rpc.Message_Which_disembargo:
		d := must(m.Disembargo())
		switch {
		case !mine && d.Context().Which() == rpc.Disembargo_context_Which_senderLoopback:
			note(&k.embargoes, d.Context().SenderLoopback())
		case mine && d.Context().Which() == rpc.Disembargo_context_Which_receiverLoopback:
			forget(&k.embargoes, d.Context().ReceiverLoopback())
		}
	}
}

func (k *known) question(id uint32, mine bool) {
	if mine {
		note(&k.answers, id)
	} else {
		note(&k.asked, id)
	}
}

func (k *known) table(l rpc.CapDescriptor_List, mine bool) {
	for i := range l.Len() {
		k.capability(l.At(i), mine)
	}
}

func (k *known) capability(d rpc.CapDescriptor, mine bool) {
	switch {
	case d.Which() == rpc.CapDescriptor_Which_senderHosted && !mine:
		note(&k.exports, d.SenderHosted())
	case d.Which() == rpc.CapDescriptor_Which_senderPromise && mine:
		note(&k.promises, d.SenderPromise())
	case d.Which() == rpc.CapDescriptor_Which_senderPromise:
		note(&k.exports, d.SenderPromise())
	}
}

// id is one of ids; now and then one that may be right all the same, or cannot.
func (w *world) id(ids []uint32) uint32 {
	switch n := w.rng.IntN(60); {
	case n < 58 && len(ids) > 0:
		return pick(w, ids)
	case n < 59:
		return uint32(w.rng.IntN(8))
	}
	return w.rng.Uint32()
}

// once is id for what can be done once with each.
func (w *world) once(ids *[]uint32) uint32 {
	id := w.id(*ids)
	if w.rng.IntN(16) > 0 {
		forget(ids, id)
	}
	return id
}

// newID is one that the attacker's vat does not use.
func (w *world) newID(t *tap) uint32 {
	if w.rng.IntN(24) == 0 {
		return w.id(t.answers)
	}
	id := t.fresh()
	note(&t.answers, id)
	return id
}
