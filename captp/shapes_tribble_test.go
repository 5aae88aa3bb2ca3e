package captp

// Tribble's four-way race: a promise P1 of Bob's becomes P2 of Carol's, which at the
// same time becomes something of Dave's; here also where vats share these roles.
func tribbleShapes() []*shape {
	return []*shape{
		{
			// Between two vats: Alice's promise P1 is Bob's; Bob resolves it to P2, which is
			// Alice's; Alice resolves P2 to Bob's object, at the same time.
			name: "Tribble, two vats", vats: []string{"alice", "bob"}, links: []string{"alice bob"}, fails: true,
			objects: vatObjects{"bob": func(v *xVat) {
				later(v.object("boot"), "p1", "settle")
				answers(v.object("boot"), "thing", thing("thing"))
			}},
			steps: vatSteps{
				"alice": steps(
					do(func(v *xVat) { v.send(v.boot("bob"), "p1") }),
					do(func(v *xVat) { v.send(v.boot("bob"), "thing") }),
					tells("p1", "m1"),
					do(func(v *xVat) { v.tell(v.boot("bob"), "settle", v.promise("p2")) }),
					do(func(v *xVat) { v.resolve("p2", v.refs["thing"]) }),
					tells("p1", "m2", "m3")),
			},
			before: inOrder("m1", "m2", "m3"), all: []string{"m1", "m2", "m3"},
		},
		{
			// What Alice asked Bob for is what Bob asked her for, which is what she asked Bob for,
			// which is her own. When the Disembargo for the first comes back, what was sent
			// before it may be on its way through Bob once more.
			name: "home in two rounds", vats: []string{"alice", "bob"}, links: []string{"alice bob"}, fails: true,
			objects: vatObjects{
				"bob": func(v *xVat) {
					later(v.object("boot"), "p", "settle")
					answers(v.object("boot"), "get", func(v *xVat, _ *xMsg) *Ref {
						v.send(v.boot("alice"), "make")
						return v.refs["make"].Retain()
					})
				},
				"alice": func(v *xVat) {
					answers(v.object("boot"), "make", func(v *xVat, _ *xMsg) *Ref { return v.refs["p"].Retain() })
				},
			},
			steps: vatSteps{
				"alice": steps(
					do(func(v *xVat) { v.send(v.boot("bob"), "p"); v.send(v.boot("bob"), "get") }),
					tells("get", "m1"),
					do(func(v *xVat) { v.tell(v.boot("bob"), "settle", v.near("thing")) }),
					tells("get", "m2", "m3")),
			},
			before: inOrder("m1", "m2", "m3"), all: []string{"m1", "m2", "m3"},
		},
		{
			// Between four vats, through proxies: P1 at Bob becomes P2 at Carol, which at the
			// same time becomes an object of Dave's.
			name: "Tribble, four vats", calm: "P1 leads away from Alice and no hop comes back", vats: []string{"alice", "bob", "carol", "dave"}, links: []string{"alice bob", "bob carol", "carol dave"},
			objects: vatObjects{
				"dave":  func(v *xVat) { answers(v.object("boot"), "make", thing("thing")) },
				"bob":   func(v *xVat) { later(v.object("boot"), "p1", "settle") },
				"carol": func(v *xVat) { answers(v.object("boot"), "p2", ownPromise("p2")) },
			},
			steps: vatSteps{
				"alice": steps(do(func(v *xVat) {
					v.send(v.boot("bob"), "p1")
					v.tell(v.refs["p1"], "m1")
				}), tells("p1", "m2")),
				"bob": do(func(v *xVat) {
					v.send(v.boot("carol"), "p2")
					v.resolve("p1", v.refs["p2"])
				}),
				"carol": do(func(v *xVat) {
					v.send(v.boot("dave"), "make")
					v.resolve("p2", v.refs["make"])
				}),
			},
			before: inOrder("m1", "m2"), all: []string{"m1", "m2"},
		},
		{
			// The same, but what P2 becomes is Alice's object: three hops out, none back. The
			// longer way through the proxies stays, so that nothing can overtake.
			name: "Tribble, home", calm: "the longer way through the proxies stays", vats: []string{"alice", "bob", "carol"}, links: []string{"alice bob", "bob carol", "alice carol"},
			objects: vatObjects{
				"bob": func(v *xVat) { later(v.object("boot"), "p1", "settle") },
				"carol": func(v *xVat) {
					answers(v.object("boot"), "p2", ownPromise("p2"))
					v.object("boot").on["own"] = func(v *xVat, m *xMsg) { v.resolve("p2", m.caps()[0]) }
				},
			},
			steps: vatSteps{
				"alice": steps(
					do(func(v *xVat) {
						v.send(v.boot("bob"), "p1")
						v.tell(v.boot("carol"), "own", v.near("thing"))
						v.tell(v.refs["p1"], "m1")
					}), tells("p1", "m2")),
				"bob": do(func(v *xVat) {
					v.send(v.boot("carol"), "p2")
					v.resolve("p1", v.refs["p2"])
				}),
			},
			before: inOrder("m1", "m2"), all: []string{"m1", "m2"},
		},
	}
}
