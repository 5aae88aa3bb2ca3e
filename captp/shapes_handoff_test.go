package captp

// handoffShapes are worlds in which a reference to an object of a third vat is handed over. In each the order is lost if
// the Accept has no embargo.
func handoffShapes() []*shape {
	const unused = "what is passed on was not used before the way was closed"
	const begin = "handoff; late; link BC; A own C; A await r0; A tell r0; "
	const boots = "handoff; late; link BC; "
	const four = "handoff; late; link BC; link CD; "
	return programs(
		named{"handoff at once", false, unused, "handoff; link BC; A own C; A tell r0; A await r0; A tell B r0; B tell a3; B tell a3; B tell a3"},
		named{"handoff, late", true, "", begin + "A tell B r0; B tell a3; B meet; B tell a3; B tell a3"},
		named{"handoff as a result", true, "", begin + "B kept A; B tell r3; A ret 3 r0; B tell r3; B meet; B tell r3"},
		named{"handoff as a resolution", true, "", begin + "B prom A; B tell r3; A res p3 r0; B tell r3; B meet; B tell r3"},
		named{"handoff of the donor's promise, once it is resolved", true, "", boots + "A new; A tell B p0; B tell a1; A res p0 C; B tell a1; B meet; B tell a1"},
		named{"handoff of the host's promise, once it is resolved", true, "", boots + "A prom C; A tell B r0; B tell a1; C res p0 o; B tell a1; B meet; B tell a1"},
		named{"handoff of a result that the host owes", true, "", boots + "A kept C; A tell B r0; B tell a1; C ret 0 o; B tell a1; B meet; B tell a1"},
		named{"handoff of a result of a result", true, "", boots + "A kept C; B kept A; A ret 1 r0; B tell r1; C ret 0 o; B tell r1; B meet; B tell r1"},
		named{"handoff of a result that follows another", true, "", boots + "A kept C; B kept A; A follow 1 0; B tell r1; C ret 0 o; B tell r1; B meet; B tell r1"},
		named{"handoff of what was a promise", true, "", boots + "A prom C; A tell r0; C res p0 o; A await r0; A tell B r0; B tell a4; B meet; B tell a4"},
		named{"no handoff in front of calls that wait for credit", false, "what they wait on goes the longer way", "A>C 1 calls; " + boots + "A kept C; A tell C; A tell B C; B meet; B tell a2; C ret 0 o"},
		named{"handoff while calls wait for the host's credit", true, "", "A>C 1 calls; " + boots + "A kept C; A tell B C; B tell a1; B meet; B tell a1; C ret 0 o"},
		named{"handoff while calls wait for the donor's credit", true, "", "B>A 1 calls; " + boots + "A tell B C; B kept A; B tell a0; B meet; B tell a0; A ret 1 o"},
		named{"handoff while calls wait for both's", true, "", "B>A 2 calls; A>C 1 calls; " + boots + "A kept C; A tell B C; B tell a1; B tell a1; B meet; B tell a1; C ret 0 o"},
		named{"handoff behind a gate", true, "", boots + "A prom C; A tell B C; A need C r0; B tell a1; B meet; B tell a1; C res p0 o"},
		named{"handoff of what waits at a gate", true, "", boots + "A prom C; A need C r0; A tell B C; B tell a2; B meet; B tell a2; C res p0 o"},
		named{"handoff back to the donor", true, "", boots + "A tell B C; B tell a0; B meet; B tell A a0; A tell a3; B tell a0"},
		named{"handoff home to the host", true, "", boots + "A tell B C; B tell a0; B tell C a0; C tell a2; B meet; B tell a0"},
		named{"the donor leaves in the middle", true, "", boots + "A tell B C; B tell a0; B meet; B tell a0; B tell a0; A leave"},
		named{"the donor leaves, with calls that wait", true, "", "B>A 1 calls; A>C 1 calls; " + boots + "A tell B C; B tell a0; B tell a0; B meet; B tell a0; A leave"},
		named{"the recipient leaves", true, "", boots + "A tell B C; B tell a0; B meet; B tell a0; B leave; A tell C"},
		named{"the host leaves", true, "", boots + "A tell B C; B tell a0; B meet; B tell a0; C leave"},
		named{"the host gives up waiting", true, "", boots + "A tell B C; B tell a0; B meet; B tell a0; B tell a0; C tick"},
		named{"the host does not answer in time", true, "", boots + "A tell B C; B tell a0; B meet; B tell a0; B tick; B tick; B tell a0"},
		named{"the host does not answer in time, and calls wait for the donor's credit", true, "", "B>A 1 calls; " + boots + "A tell B C; B kept A; B tell a0; B meet; B tell a0; B tick; B tick; A ret 1 o"},
		named{"the host does not answer in time, and the donor leaves", true, "", boots + "A tell B C; B tell a0; B meet; B tell a0; B tick; A leave; B tick; B tell a0"},
		named{"handed on, and the host does not answer in time", true, "", four + "A tell B C; B tell a0; B meet; B tell D a0; B tick; B tick; D tell a3"},
		named{"handed on before it was picked up", true, "", four + "A tell B C; B tell a0; B tell D a0; D tell a2; B meet; D meet; D tell a2"},
		named{"handed on when it was picked up", true, "", four + "A tell B C; B tell a0; B meet; B tell D a0; D tell a3; D meet; D tell a3"},
	)
}
