package sim

import (
	"encoding/binary"
	"slices"

	"capnproto.org/go/capnp/v3"
	"capnproto.org/go/capnp/v3/std/capnp/rpc"

	"github.com/vatnet/vatnet/spec/object"
)

// forge makes one message by the schema. Whatever it is, it is well-formed: what is not comes from altered.
func forge(f func(m rpc.Message)) []byte {
	msg, seg := capnp.NewSingleSegmentMessage(nil)
	m, err := rpc.NewRootMessage(seg)
	if err != nil {
		panic(err) // there is no memory
	}
	f(m)
	b, err := msg.Marshal()
	if err != nil {
		panic(err)
	}
	return b
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// forged is a message that the attacker makes up.
func (w *world) forged(t *tap) []byte {
	return forge(func(m rpc.Message) { w.fill(t, m) })
}

func (w *world) fill(t *tap, m rpc.Message) {
	what := w.rng.IntN(20)
	for _, x := range []struct {
		first, last int
		ids         []uint32
	}{{1, 4, t.exports}, {5, 7, t.asked}, {8, 9, t.answers}, {10, 11, t.exports}, {12, 14, t.promises}, {15, 16, t.answers}} {
		if what >= x.first && what <= x.last && len(x.ids) == 0 && w.rng.IntN(8) > 0 {
			what = 0 // there is none to name
		}
	}
	switch what {
	case 0:
		must(m.NewBootstrap()).SetQuestionId(w.newID(t))
	case 1, 2, 3, 4:
		c := must(m.NewCall())
		c.SetQuestionId(w.newID(t))
		w.putTarget(t, must(c.NewTarget()))
		w.putCall(t, c, w.rng.IntN(3))
	case 5, 6, 7:
		w.putReturn(t, must(m.NewReturn()))
	case 8, 9:
		f := must(m.NewFinish())
		f.SetQuestionId(w.once(&t.answers))
		f.SetReleaseResultCaps(w.rng.IntN(2) == 0)
	case 10, 11:
		r := must(m.NewRelease())
		r.SetId(w.once(&t.exports))
		r.SetReferenceCount(1 + uint32(w.rng.IntN(8))/6)
	case 12, 13, 14:
		r := must(m.NewResolve())
		r.SetPromiseId(w.id(t.promises))
		if w.rng.IntN(4) == 0 {
			must(r.NewException()).SetType(rpc.Exception_Type(w.rng.IntN(5)))
		} else {
			w.putCap(t, must(r.NewCap()))
		}
	case 15, 16:
		d := must(m.NewDisembargo())
		w.putTarget(t, must(d.NewTarget()))
		switch w.rng.IntN(5) {
		case 0, 1:
			d.Context().SetSenderLoopback(w.id(nil))
		case 2, 3:
			d.Context().SetReceiverLoopback(w.once(&t.embargoes))
		default:
			_ = d.Context().SetAccept([]byte{1})
		}
	case 17:
		w.fill(t, must(m.NewUnimplemented()))
	case 18:
		switch w.rng.IntN(4) {
		case 0:
			must(m.NewProvide()).SetQuestionId(w.newID(t))
		case 1:
			must(m.NewAccept()).SetQuestionId(w.newID(t))
		case 2:
			must(m.NewJoin()).SetQuestionId(w.newID(t))
		default:
			must(m.NewThirdPartyAnswer()).SetAnswerId(w.id(t.asked))
		}
	default:
		_ = must(m.NewAbort()).SetReason("on purpose")
	}
}

func (t *tap) fresh() uint32 {
	t.next++
	return floodIDs + t.next
}

// flood is one of many alike.
func (w *world) flood(t *tap, what int, id uint32) []byte {
	return forge(func(m rpc.Message) {
		switch what {
		case 0:
			must(m.NewBootstrap()).SetQuestionId(t.fresh())
		case 1, 2, 3:
			c := must(m.NewCall())
			c.SetQuestionId(t.fresh())
			must(c.NewTarget()).SetImportedCap(id)
			w.putCall(t, c, what-1)
		case 4: // large, and full of references
			c := must(m.NewCall())
			c.SetQuestionId(t.fresh())
			must(c.NewTarget()).SetImportedCap(id)
			p := must(c.NewParams())
			table := must(p.NewCapTable(32))
			for i := range table.Len() {
				table.At(i).SetSenderHosted(t.fresh())
			}
			_ = p.SetContent(must(capnp.NewData(p.Segment(), make([]byte, 4<<10))).ToPtr())
		default:
			r := must(m.NewResolve())
			r.SetPromiseId(w.id(t.promises))
			must(r.NewCap()).SetSenderPromise(t.fresh())
		}
	})
}

// answersFlood reports whether a message is a Return to a question that only a flood has asked.
func answersFlood(frame []byte) bool {
	msg, err := capnp.Unmarshal(frame)
	if err != nil {
		return false
	}
	m, err := rpc.ReadRootMessage(msg)
	if err != nil || m.Which() != rpc.Message_Which_return {
		return false
	}
	r, err := m.Return()
	return err == nil && r.AnswerId() > floodIDs
}

func (w *world) putTarget(t *tap, x rpc.MessageTarget) {
	if w.rng.IntN(3) > 0 {
		x.SetImportedCap(w.id(t.exports))
		return
	}
	w.putAnswer(t, must(x.NewPromisedAnswer()))
}

func (w *world) putAnswer(t *tap, a rpc.PromisedAnswer) {
	a.SetQuestionId(w.id(t.answers))
	n := w.rng.IntN(3)
	ops := must(a.NewTransform(int32(n)))
	for i := range n {
		ops.At(i).SetGetPointerField(uint16(w.rng.IntN(2)))
	}
}

func (w *world) putCap(t *tap, d rpc.CapDescriptor) {
	switch w.rng.IntN(12) {
	case 0:
		d.SetNone()
	case 1, 2:
		d.SetSenderHosted(w.id(nil))
	case 3, 4, 5, 6:
		id := w.id(t.promises)
		note(&t.promises, id)
		d.SetSenderPromise(id)
	case 7, 8:
		d.SetReceiverHosted(w.id(t.exports))
	case 9, 10:
		w.putAnswer(t, must(d.NewReceiverAnswer()))
	default:
		must(d.NewThirdPartyHosted()).SetVineId(w.id(nil))
	}
}

// putCall makes c a call that a thing understands, mostly.
func (w *world) putCall(t *tap, c rpc.Call, caps int) {
	c.SetInterfaceId(object.Object_TypeID)
	if w.rng.IntN(8) == 0 {
		c.SetMethodId(uint16(w.rng.IntN(3)))
	}
	c.SetNoPromisePipelining(w.rng.IntN(4) == 0)
	if w.rng.IntN(8) == 0 {
		c.SendResultsTo().SetYourself()
	}
	p := must(c.NewParams())
	w.putTable(t, p, caps)
	params := must(object.NewObject_send_Params(p.Segment()))
	_ = params.SetVerb(pick(w, []string{"note", "give", "later", "take", "count", "keep", "some", "self", "nonsense", "__describe"}))
	n := 3
	if caps > 0 {
		n = 5
	}
	args := must(params.NewArgs(int32(n)))
	for i := range n {
		args.At(i).SetInt64(int64(w.id(nil)))
	}
	if caps > 0 {
		ref := args.At(4)
		ref.SetRef()
		_ = capnp.Struct(ref).SetPtr(0, capnp.NewInterface(p.Segment(), 0).ToPtr())
	}
	_ = p.SetContent(params.ToPtr())
}

func (w *world) putTable(t *tap, p rpc.Payload, n int) {
	table := must(p.NewCapTable(int32(n)))
	for i := range n {
		w.putCap(t, table.At(i))
	}
}

func (w *world) putReturn(t *tap, r rpc.Return) {
	r.SetAnswerId(w.once(&t.asked))
	r.SetReleaseParamCaps(w.rng.IntN(4) == 0)
	r.SetNoFinishNeeded(w.rng.IntN(4) == 0)
	switch w.rng.IntN(8) {
	case 0:
		_ = must(r.NewException()).SetReason("made up")
	case 1:
		r.SetCanceled()
	case 2:
		r.SetResultsSentElsewhere()
	case 3:
		r.SetTakeFromOtherQuestion(w.id(t.answers))
	default:
		p := must(r.NewResults())
		n := w.rng.IntN(3)
		w.putTable(t, p, n)
		res := must(object.NewObject_send_Results(p.Segment()))
		if n > 0 {
			_ = capnp.Struct(res).SetPtr(0, capnp.NewInterface(p.Segment(), 0).ToPtr())
			must(res.NewValue()).SetRef()
		} else {
			must(res.NewValue()).SetInt64(int64(w.id(nil)))
		}
		_ = p.SetContent(res.ToPtr())
	}
}

// altered changes a word, a byte, a bit or the length of a message.
func (w *world) altered(frame []byte) []byte {
	f := slices.Clone(frame)
	if len(f) < 16 {
		return f
	}
	at := 8 * (1 + w.rng.IntN(len(f)/8-1))
	switch w.rng.IntN(8) {
	case 0, 1, 2, 3:
		binary.LittleEndian.PutUint32(f[at:], w.id(nil))
	case 4:
		binary.LittleEndian.PutUint32(f[at+4:], w.id(nil))
	case 5:
		f[at+w.rng.IntN(8)] ^= 1 << w.rng.IntN(8)
	case 6:
		binary.LittleEndian.PutUint64(f[at:], 0)
	default:
		f = f[:at]
	}
	return f
}
