package captp

// Promises that turn out to lead home, or elsewhere than through the vat that
// answered them.
func homeShapes() []*shape {
	ab := []string{"alice", "bob"}
	return []*shape{
		{
			// A promise that Bob answers turns out to be Alice's own object.
			name: "home by return", vats: ab, links: []string{"alice bob"}, fails: true,
			objects: vatObjects{"bob": func(v *xVat) { answers(v.object("boot"), "echo", first) }},
			steps: vatSteps{
				"alice": steps(do(func(v *xVat) { v.send(v.boot("bob"), "echo", v.near("carol")) }), tells("echo", "m1", "m2", "m3")),
			},
			before: inOrder("m1", "m2", "m3"), all: []string{"m1", "m2", "m3"},
		},
		{
			// The same with a promise that is resolved after it was returned.
			name: "home by resolve", vats: ab, links: []string{"alice bob"}, fails: true,
			objects: vatObjects{"bob": func(v *xVat) { later(v.object("boot"), "get", "settle") }},
			steps: vatSteps{
				"alice": steps(
					do(func(v *xVat) { v.send(v.boot("bob"), "get") }), tells("get", "m1"),
					do(func(v *xVat) { v.tell(v.boot("bob"), "settle", v.near("carol")) }), tells("get", "m2", "m3")),
			},
			before: inOrder("m1", "m2", "m3"), all: []string{"m1", "m2", "m3"},
		},
		{
			// Two hops: Bob's answer is Carol's, which is Alice's object.
			name: "home by two hops", vats: []string{"alice", "bob", "carol"}, links: []string{"alice bob", "bob carol", "alice carol"}, fails: true,
			objects: vatObjects{
				"carol": func(v *xVat) { answers(v.object("boot"), "echo", first) },
				"bob": func(v *xVat) {
					answers(v.object("boot"), "get", func(v *xVat, m *xMsg) *Ref {
						v.send(v.boot("carol"), "echo", m.caps()[0])
						return v.refs["echo"].Retain()
					})
				},
			},
			steps: vatSteps{
				"alice": steps(do(func(v *xVat) { v.send(v.boot("bob"), "get", v.near("dave")) }), tells("get", "m1", "m2")),
			},
			before: inOrder("m1", "m2"), all: []string{"m1", "m2"},
		},
		{
			// The promise resolves to an object of a third vat, through a proxy.
			name: "third vat", calm: "the way through Bob stays", vats: []string{"alice", "bob", "carol"}, links: []string{"alice bob", "bob carol"},
			objects: vatObjects{
				"carol": func(v *xVat) { answers(v.object("boot"), "make", thing("thing")) },
				"bob": func(v *xVat) {
					answers(v.object("boot"), "get", func(v *xVat, _ *xMsg) *Ref {
						v.send(v.boot("carol"), "make")
						return v.refs["make"].Retain()
					})
				},
			},
			steps: vatSteps{
				"alice": steps(do(func(v *xVat) { v.send(v.boot("bob"), "get") }), tells("get", "m1", "m2", "m3")),
			},
			before: inOrder("m1", "m2", "m3"), all: []string{"m1", "m2", "m3"},
		},
		{
			// Bob forwards a call of Alice's to Carol, whose answer is Bob's own object.
			name: "forwarded", vats: []string{"alice", "bob", "carol"}, links: []string{"alice bob", "bob carol"}, fails: true,
			objects: vatObjects{
				"carol": func(v *xVat) {
					keep(v.object("boot"), "keep", "kept")
					answers(v.object("boot"), "make", func(v *xVat, _ *xMsg) *Ref { return v.refs["kept"].Retain() })
				},
				"bob": func(v *xVat) {
					answers(v.object("boot"), "get", func(v *xVat, _ *xMsg) *Ref {
						v.tell(v.boot("carol"), "keep", v.near("thing"))
						return v.boot("carol").Retain()
					})
				},
			},
			steps: vatSteps{
				"alice": steps(do(func(v *xVat) {
					v.send(v.boot("bob"), "get")
					v.send(v.refs["get"], "make")
				}), tells("make", "m1", "m2", "m3")),
			},
			before: inOrder("m1", "m2", "m3"), all: []string{"m1", "m2", "m3"},
		},
	}
}
