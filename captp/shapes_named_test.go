package captp

import (
	"fmt"
	"strings"
)

// Tribble's four-way race, in all assignments of its four roles to vats: a sends on
// P1, which b resolves to P2, which c resolves to an object of d's, all at the same time.
func tribbleRoles() (all []*shape) {
	for _, roles := range []string{
		"AAAA", "AAAB", "AABA", "AABB", "AABC", "ABAA", "ABAB", "ABAC",
		"ABBA", "ABBB", "ABBC", "ABCA", "ABCB", "ABCC", "ABCD",
	} {
		a, b, c, d := roles[:1], roles[1:2], roles[2:3], roles[3:]
		var ops []string
		op := func(format string, args ...any) int {
			ops = append(ops, fmt.Sprintf(format, args...))
			return len(ops) - 1
		}
		// promise makes a promise at vat `at`, of which `of` gets to know.
		promise := func(of, at string) (theirs, its string) {
			if of == at {
				p := fmt.Sprintf("p%d", op("%s new", at))
				return p, p
			}
			n := op("%s prom %s", of, at)
			return fmt.Sprintf("r%d", n), fmt.Sprintf("p%d", n)
		}
		r1, p1 := promise(a, b)
		op("%s tell %s", a, r1)
		r2, p2 := promise(b, c)
		op("%s res %s %s", b, p1, r2)
		thing := "o"
		if c != d {
			thing = fmt.Sprintf("r%d", op("%s own %s", c, d))
		}
		op("%s res %s %s", c, p2, thing)
		op("%s tell %s", a, r1)
		op("%s tell %s", a, r1)
		n := named{name: "Tribble " + roles, program: strings.Join(ops, "; ")}
		n.calm, n.fails = tribbleCalm[roles], tribbleCalm[roles] == ""
		all = append(all, programs(n)...)
	}
	return all
}

// tribbleCalm says why nothing goes wrong without embargoes, by roles; where it says
// nothing, something does.
var tribbleCalm = map[string]string{
	"AAAA": "all in one vat",
	"AAAB": awayFromAlice, "AABB": awayFromAlice, "AABC": awayFromAlice, "ABBB": awayFromAlice,
	"ABBC": awayFromAlice, "ABCC": awayFromAlice, "ABCD": awayFromAlice,
	"ABCA": "Alice is told of nothing until P1 is settled, and then it is a proxy of Bob's: the long way home stays",
}

const awayFromAlice = "P1 leads away from Alice and no hop comes back"

// literatureShapes are shapes that others named.
func literatureShapes() []*shape {
	return programs(
		// E's lost resolution: a far reference that is passed on arrives as a promise. Here Bob
		// waits until it is none, and has waited in vain if it stays one.
		named{"lost resolution", false, "what is passed on stays behind its donor", "A own C; A await r0; A tell r0; A tell B r0; B await a3; B tell a3; A tell r0"},
		// Two promises, each resolved to the other by its own vat: they break.
		named{"crossed resolutions", false, "nothing arrives", "circle; A prom B; B prom A; A tell r0; B tell r1; B res p0 r1; A res p1 r0; A tell r0"},
		// The same where one of them was passed on before.
		named{"crossed resolutions, passed on", false, "nothing arrives", "circle; A prom B; B prom A; A tell r0; A tell B r0; B res p0 r1; A res p1 r0; B tell a3"},
		// Crossed, but one leads to an object: both settle.
		named{"crossed resolutions that settle", true, "", "A prom B; B prom A; A tell r0; B tell r1; B res p0 r1; A res p1 o; A tell r0; A tell r0"},
		// A promise that is resolved to itself, round through the other vat.
		named{"a promise that is itself", false, "nothing arrives", "circle; A prom B; A tell r0; A tell B r0; B res p0 a2; A tell r0"},
		// Bob is introduced to himself.
		named{"introduced to itself", false, "what leads to Bob goes one way", "A own B; A tell r0; A tell B r0; B tell a2; A tell r0"},
		named{"promise introduced to itself", true, "", "A prom B; A tell r0; A tell B r0; B tell a2; B own A; B res p0 r4; A tell r0; A tell r0"},
		// The grant matcher's diamond: Alice sends x to Carol directly and through Bob; whose x
		// it is, Dave's, Carol's, Alice's or a promise, differs.
		named{"diamond, x of Dave's", false, "each way to Dave is one", "A own D; A tell r0; A tell C r0; A tell B r0; B tell C a3; C tell a2; C tell a4"},
		named{"diamond, x of Carol's", false, "Carol is the host", "A own C; A tell r0; A tell C r0; A tell B r0; B tell C a3; C tell a2; C tell a4"},
		named{"diamond, x of Alice's", false, "Alice is the host", "A tell C o; A tell B o; B tell C a1; C tell a0; C tell a2"},
		named{"diamond, x a promise that becomes Alice's", true, "", "A prom C o; A tell C r0; A tell B r0; B tell C a2; C res p0 a0; C tell a3; A tell r0; A tell r0"},
		named{"diamond, x a promise of Carol's", false, "it becomes Carol's own", "A prom C; A tell r0; A tell C r0; A tell B r0; B tell C a3; C res p0 o; C tell a2; C tell a4"},
	)
}
