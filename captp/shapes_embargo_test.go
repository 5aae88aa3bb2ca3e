package captp

// Promises that lead home, in one line each (see program). Alice is A, Bob is B,
// Carol C, Dave D.
func embargoShapes() []*shape {
	return programs(
		// Alice's promise comes home and is sent away again before its embargo is over, and
		// comes home again: an embargo on what is in embargo.
		named{"double embargo", true, "", "A echo B o; A tell r0; A echo B r0; A tell r2; A tell r2; A tell r0"},
		// The same once more, and where Bob holds what comes back too and sends on it.
		named{"embargo loop", true, "", "A echo B o; A tell r0; A echo B r0; A tell r2; A echo B r2; A tell r4; A tell r4"},
		named{"embargo loop with Bob", true, "", "A echo B o; A tell r0; A echo B r0; A tell r2; B tell a2; A tell r2"},
		// Both have promises of each other's that lead home, and both send and embargo at once.
		named{"crossed embargoes", true, "", "A echo B o; B echo A o; A tell r0; B tell r1; A tell r0; B tell r1"},
		// What Bob answered is Alice's promise, still unresolved when the Disembargo comes
		// back to her: it is reflected at once, since it leads back to where it came from.
		named{"disembargo to Alice's unresolved promise", true, "", "A new; A echo B p0; A tell r1; A tell r1; A res p0 o; A tell r1"},
		// What Bob answered is a promise of his that is still unresolved when Alice's calls
		// come, and then is a result of Alice's, unresolved too.
		named{"disembargo to Bob's unresolved promise", true, "", "A prom B; A tell r0; B kept A; B res p0 r2; A ret 2 o; A tell r0; A tell r0"},
		// Bob answers with the result of a call to Alice, and Alice that one with an object of
		// Bob's: both are told of the other's way, and send on it.
		named{"home twice", true, "", "A kept B o; A tell r0; B kept a0 o; B ret 0 r2; A ret 2 a2; A tell r0; B tell r2"},
		// Alice's call to what comes home has a result that comes home too.
		named{"home by result of home", true, "", "A echo B o; A echo r0 o; A tell r1; A tell r1; A tell r0"},
		// A result that comes home is passed on to Bob at once, who sends too.
		named{"home and away", true, "", "A echo B o; A tell r0; A tell B r0; B tell a2; A tell r0"},
		// The promise turns out to be nothing: what was sent on it breaks, in no order.
		named{"embargo on nothing", false, "nothing arrives on a promise that breaks", "A fail B; A tell r0; A tell r0"},
		// Three hops out, each answered with what the next answers, and home at once.
		named{"three hops home", true, "", "A kept B o; A tell r0; B kept C a0; B ret 0 r2; C echo D a2; C ret 2 r4; A tell r0"},
		// The same where each hop answers with a promise and resolves it later.
		named{"three promises home", false, "Bob's promise became Carol's, and Alice is told of nothing until it is settled: the way by Bob and Carol stays", "A prom B; A tell r0; B prom C; B res p0 r2; C own A; C res p2 r4; A tell r0"},
		// Calls that are canceled while they go round.
		named{"canceled on the way home", true, "", "A echo B o; A echo r0 o; A tell r1; A cancel 1; A tell r0; A tell r0"},
		named{"canceled embargo", true, "", "A kept B; A tell r0; B kept A; B ret 0 r2; A ret 2 o; A tell r0; B cancel 2; A tell r0"},
	)
}

// named is a shape by its program. calm says why nothing goes wrong without embargoes
// where fails is false.
type named struct {
	name    string
	fails   bool
	calm    string
	program string
}

func programs(all ...named) (shapes []*shape) {
	for _, n := range all {
		s, bad := parseProgram(n.program).shape()
		if bad != "" {
			panic(n.name + ": " + bad)
		}
		s.name, s.fails, s.calm = n.name, n.fails, n.calm
		s.mayStick = false
		shapes = append(shapes, s)
	}
	return shapes
}
