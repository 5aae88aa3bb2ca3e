package captp

// References that change while calls on them wait for credit. All shapes are run with
// little credit on each way (see tight); these are about nothing else.
func heldShapes() []*shape {
	const near = "Bob's promise becomes something that Alice reaches through Bob alone: there is no shorter way"
	return programs(
		named{"held, then near", false, near, "A prom B; A tell r0; A tell r0; B res p0 o; A tell r0; B tell p0"},
		named{"held, then home", true, "", "A prom B; A tell r0; A tell r0; A tell B o; B res p0 a3; A tell r0; A tell r0; B tell p0"},
		named{"held, then a third vat's", false, near, "A prom B; A tell r0; A tell r0; B own C; B res p0 r3; A tell r0"},
		named{"held, then another promise", true, "", "A prom B; A tell r0; A prom B; B res p0 p2; A tell r2; A tell B o; B res p2 a5; A tell r0; A tell r0"},
		// Bob holds Alice's object, sends on it, and brings it home: as an argument, as a
		// result, by a Resolve.
		named{"passed home as an argument", false, "the object is Alice's: what Bob sends has one way", "A tell B o; B tell a0; B tell a0; B tell A a0; A tell a3; B tell a0"},
		named{"passed home as a result", false, "the object is Alice's: what Bob sends has one way", "A kept B o; B tell a0; B tell a0; B ret 0 a0; A tell r0; B tell a0"},
		named{"passed home by Resolve", true, "", "A prom B o; B tell a0; B tell a0; B res p0 a0; A tell r0; B tell a0; A tell r0"},
		// A result of Alice's is passed home to her while calls on it are held.
		named{"result passed home as an argument", true, "", "A tell B o; B echo a0 o; B tell r1; B tell r1; B tell a0 r1; A tell a4; B tell r1"},
		named{"result passed home as a result", true, "", "A kept B o; B own a0; B tell r1; B tell r1; B ret 0 r1; A tell r0; A tell r0; B tell r1"},
		named{"result passed home by Resolve", true, "", "A prom B o; B prom a0; B tell r1; B res p0 r1; A tell r0; A res p1 o; B tell r1; A tell r0"},
		// Passed on, and passed on again.
		named{"passed on and on", true, "", "A prom B; A tell r0; A tell B r0; B tell a2; B tell A a2; A tell a4; B res p0 A; A tell r0; A tell r0"},
		named{"passed on to a third", false, "what leads to Carol goes one way from each", "A own C; A tell r0; A tell B r0; B tell a2; B tell C a2; C tell a4; A tell r0"},
		named{"promise passed on to a third", true, "", "A prom C; A tell r0; A tell B r0; B tell a2; A tell C o; C res p0 a4; A tell r0; A tell r0"},
		// Results that lead through each other.
		named{"through each other", true, "", "A kept B o; B kept a0 o; A tell r0; B tell r1; B ret 0 r1; A ret 1 a1; A tell r0; B tell r1"},
		// A chain of promises, each hop at another vat.
		named{"chain", false, "the chain leads away from Alice", "A prom B; A tell r0; B prom C; B res p0 r2; C prom D; C res p2 r4; D res p4 o; A tell r0"},
		named{"chain that comes back to Bob", true, "", "A prom B; A tell r0; B prom C; B res p0 r2; C prom B; C res p2 r4; B res p4 o; A tell r0"},
		named{"chain home", true, "", "A prom B; A tell r0; B prom A; B res p0 r2; A prom B; A res p2 r4; B res p4 A; A tell r0"},
		// An argument that is a promise, wanted as data: what comes behind waits at the gate.
		named{"gate for a promise", false, "the object is Bob's", "A new; A need B p0; A tell B; A res p0 o; A tell B"},
		named{"gate for a result", false, "the object is Alice's: what Bob sends has one way", "A tell B o; B kept A; B need a0 r1; B tell a0; A ret 1 o; B tell a0"},
		named{"gate at home", true, "", "A new; A echo B o; A need r1 p0; A tell r1; A tell r1; A res p0 B"},
		// Both in want of credit, both ways.
		named{"both ways", true, "", "A prom B o; B prom A o; A tell r0; B res p0 a0; A res p1 a1; A tell r0; A tell r0; B tell r1; B tell r1"},
		// Vats that write some time later: what they say in between goes together.
		named{"home, written late", true, "", "lazy; A echo B o; A tell r0; A tell r0"},
		named{"promise home, written late", true, "", "lazy; A prom B o; B res p0 a0; A tell r0; A tell r0"},
		named{"result told as another, written late", true, "", "lazy; A kept B o; A tell r0; B kept a0; B ret 0 r2; A ret 2 o; A tell r0"},
		// Cancelation in the middle: Finish races with the Return, the calls with both.
		named{"canceled, then home", true, "", "A prom B; A tell r0; A cancel 0; A tell B o; B res p0 a3; A tell r0; A tell r0"},
		named{"canceled in the line", true, "", "A echo B o; A tell r0; A echo r0 o; A tell r2; A cancel 2; A tell r0; A cancel 1; A tell r0"},
	)
}
