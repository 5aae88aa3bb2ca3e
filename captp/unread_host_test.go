package captp

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// giver answers each call with one thing.
type giver struct{ thing *Ref }

func (o *giver) Deliver(c *Call) bool {
	if o.thing == nil {
		_, caps := c.Params()
		o.thing = caps[0].Retain()
		c.Return(nil, nil)
		return false
	}
	c.Return(rbody(0, 1), []*Ref{o.thing.Retain()})
	return false
}
func (o *giver) Canceled(*Call) {}
func (o *giver) Dropped(*Grant) {}

// TestRecipientFloodsHost: what a recipient asks for and lets go of again does not cost a host that is slow to read its session
// with the donor.
func TestRecipientFloodsHost(t *testing.T) {
	o := &giver{}
	h := newHostingOf(t, Limits{}, o)
	h.feed("stranger", boot(0), call(1, export(0), hosted(3))) // the host, which reads nothing from here on
	h.feed("recipient", boot(0))
	h.out("recipient")
	for i := range 300_000 {
		q := uint32(1 + i%1000)
		h.feed("recipient", call(q, export(0)), finish(q)) // which lets go of the results, too
		h.m.TakeDirty(nil)
		h.peers["recipient"].TakeOut(nil)
		require.Nil(t, h.peers["recipient"].Err())
		if i%1000 == 0 {
			h.peers["stranger"].Unsent(0) // the driver looks
		}
		require.Nil(t, h.peers["stranger"].Err(), "after %d, with %d bytes to be written", i, h.peers["stranger"].OutLen())
	}
}
