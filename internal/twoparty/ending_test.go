package twoparty_test

import (
	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/captp"
)

// end brings everything to its end and looks at what is left.
func (p *program) end() {
	p.say("the end")
	p.calm()
	for more := true; more; {
		more = false
		for at := range p.promises {
			for _, q := range p.promises[at] {
				more = true
				if p.rnd.IntN(3) == 0 {
					p.settlePromise(q, nil)
					continue
				}
				h, _ := pick(p, p.holds[at], func(h *hold) bool { return h.plain() && h.tellable() })
				if h == nil && at == int(them) {
					h = p.freshObject(them)
				}
				p.settlePromise(q, h)
			}
			p.promises[at] = nil
		}
		for _, c := range p.order {
			if c.arrived != nil && !c.answered {
				more = true
				switch {
				case p.rnd.IntN(3) == 0:
					p.reply(c, nil, true)
				case c.arrived.at == us && c.from == us:
					h, ok := pick(p, p.holds[us], func(h *hold) bool { return h.plain() && h.tellable() })
					p.reply(c, h, !ok)
				default:
					p.reply(c, p.freshObject(c.arrived.at), false)
				}
			}
		}
		p.calm()
	}
	for _, c := range p.order {
		if !c.answered {
			c.res.broken = true
		}
	}
	for _, c := range p.order {
		require.NoError(p.t, c.expect())
	}
	for _, c := range p.order {
		if !c.given {
			p.handBack(c)
		}
	}
	for at := range p.holds {
		for len(p.holds[at]) > 0 {
			p.drop(p.holds[at][0])
		}
	}
	for _, n := range p.kept {
		n.Release()
	}
	p.do(func(_ *captp.Machine, s *captp.Session) { s.ForgetBootstrap() })
	p.settle()
	p.empty()
	for _, o := range p.things {
		switch {
		case o.object == p.ours || o.server == p.theirs:
		case o.at == us:
			require.Equal(p.t, 1, o.object.dropped, "%v", o)
		default:
			require.Equal(p.t, 1, o.server.downs(), "%v", o)
		}
	}
}
