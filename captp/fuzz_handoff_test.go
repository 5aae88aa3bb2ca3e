package captp

import (
	"testing"

	"github.com/vatnet/vatnet/spec/network"
)

// swapper answers each call with what the one before it brought, from whomever: so that the references of one peer are
// handed over to another.
type swapper struct{ held []*Ref }

func (o *swapper) Deliver(c *Call) bool {
	out := o.held
	_, caps := c.Params()
	o.held = retainAll(caps)
	c.Return(rbody(0, len(out)), out)
	return false
}
func (o *swapper) Canceled(*Call) {}
func (o *swapper) Dropped(*Grant) {}

// FuzzHandoff feeds messages of three peers, all of which take part in handoff. Of each three bytes the first chooses
// one of the seeds and whose it is, the others what of it is changed; now and then a vat is met, or time passes.
func FuzzHandoff(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 0, 0, 2, 0, 0, 3, 0, 0, 4, 0, 0, 5, 0, 0})
	f.Add([]byte{64 + 2, 0, 0, 0, 0, 0, 6, 0, 0, 128 + 7, 0, 0, 8, 0, 0, 255, 255, 255, 9, 0, 0, 64 + 10, 0, 0})
	nonce := id32("secret")
	contact := func(c network.Contact) { _, _ = c.SetHost(id32("stranger")), c.SetNonce(nonce) }
	seeds := [][]byte{
		provide(1, export(0), "recipient", nonce), accept(1, "donor", nonce, ""), accept(2, "donor", nonce, "e"),
		lifts(result(1), "e"), lifts(export(1), "e"), finish(1), call(5, export(0), hosted(3)), call(6, export(0)),
		call(7, export(0), thirdParty(9, contact)), call(8, export(1), thirdParty(10, contact), promised(11)),
		resolve(11, thirdParty(12, contact)), returns(0, hosted(4)), returns(1, thirdParty(13, contact)),
		finish(6), finish(7), release(1, 1), call(9, export(1)), call(10, export(2), yours(1)), loop(export(1), 0),
	}
	peers := []string{"donor", "recipient", "stranger"}
	f.Fuzz(func(t *testing.T, script []byte) {
		o := &swapper{}
		h := newHostingOf(t, Limits{}, o)
		h.feed("recipient", boot(0))
		h.feed("stranger", boot(0))
		for i := 0; i+2 < len(script); i += 3 {
			kind := int(script[i]) & 31 % (len(seeds) + 2)
			switch {
			case kind < len(seeds):
				frame := append([]byte(nil), seeds[kind]...)
				frame[8+int(script[i+1])%(len(frame)-8)] ^= script[i+2]
				h.feed(peers[int(script[i]>>5)%3], frame)
			case kind == len(seeds):
				h.seconds(int(script[i+1]) % (pickUpTicks + 2))
			case len(h.meets) > 0:
				x := h.meets[0]
				h.meets = h.meets[1:]
				var s *Session
				if script[i+1]&1 == 0 {
					s = h.peers["stranger"]
				}
				h.m.Met(x, s)
			}
			h.m.TakeDirty(nil)
		}
		releaseAll(o.held)
		o.held = nil
		h.clean()
	})
}
