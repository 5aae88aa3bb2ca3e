package captp

import (
	"fmt"
	"slices"
	"strings"
)

// smaller leaves out what a program goes wrong without, in the same way.
func smaller(p *program, kind string, limit int) *program {
	bad := func(q *program) bool {
		x, ok := tryProgram(q, limit)
		return ok && faultKind(x.bad) == kind
	}
	for again := true; again; {
		again = false
		for _, q := range p.less() {
			if bad(q) {
				p, again = q, true
				break
			}
		}
	}
	return p
}

// faultKind is what kind of fault it is.
func faultKind(bad string) string {
	for _, k := range []string{"arrived before", "left in the tables", "wait for credit", "never settled", "did not arrive", "panic", "ended its session"} {
		if strings.Contains(bad, k) {
			return k
		}
	}
	return bad
}

// less returns the programs that are p less something.
func (p *program) less() (all []*program) {
	for n := min(len(p.ops), 3); n > 0; n-- {
		for i := 0; i+n <= len(p.ops); i++ {
			all = append(all, p.without(i, n))
		}
	}
	for i, o := range p.opts {
		if way, bytes := strings.CutSuffix(o, " bytes"); bytes {
			q := *p
			q.opts = slices.Clone(p.opts)
			q.opts[i] = way[:3] + " 1 calls"
			all = append(all, &q)
		}
		q := &program{vats: p.vats, ops: p.ops}
		for _, o := range slices.Delete(slices.Clone(p.opts), i, i+1) {
			q.option(o)
		}
		all = append(all, q)
	}
	simpler := map[string]string{"echo": "own", "prom": "own", "kept": "prom"}
	for i, o := range p.ops {
		try := func(o gop) {
			q := *p
			q.ops = slices.Clone(p.ops)
			q.ops[i] = o
			all = append(all, &q)
		}
		if to := simpler[o.verb]; to != "" {
			try(gop{o.at, to, o.args[:1]})
		}
		for k, a := range o.args {
			if a >= "a" && k > 0 {
				for _, b := range []string{"o", string(rune('A' + (o.at+1)%p.vats))} {
					if b != a {
						args := slices.Clone(o.args)
						args[k] = b
						try(gop{o.at, o.verb, args})
					}
				}
			}
		}
		if len(o.args) > 1 && (o.verb == "tell" || o.verb == "own" || o.verb == "kept" || o.verb == "prom") {
			try(gop{o.at, o.verb, o.args[:1]})
		}
	}
	return all
}

// with returns the program with one more part in front of i.
func (p *program) with(i int, o gop) *program {
	q := p.renamed(func(n int) int {
		if n >= i {
			n++
		}
		return n
	})
	q.ops = slices.Insert(q.ops, i, o)
	return q
}

// without returns the program without the n parts from i on; what named them makes no
// sense any more.
func (p *program) without(i, n int) *program {
	q := p.renamed(func(k int) int {
		switch {
		case k >= i+n:
			return k - n
		case k >= i:
			return 99
		}
		return k
	})
	q.ops = slices.Delete(q.ops, i, min(i+n, len(q.ops)))
	return q
}

// renamed returns the program with other numbers in its names.
func (p *program) renamed(f func(n int) int) *program {
	q := *p
	q.ops = nil
	for _, o := range p.ops {
		o.args = slices.Clone(o.args)
		for j, a := range o.args {
			prefix := ""
			if a[0] >= 'a' && a != "o" {
				prefix, a = a[:1], a[1:]
			}
			var n int
			if c, _ := fmt.Sscan(a, &n); c == 1 {
				o.args[j] = fmt.Sprintf("%s%d", prefix, f(n))
			}
		}
		q.ops = append(q.ops, o)
	}
	return &q
}
