package captp

// References that are passed on: what was sent before comes first.
func passedShapes() []*shape {
	ab := []string{"alice", "bob"}
	takes := func(msgs ...string) func(v *xVat, m *xMsg) {
		return func(v *xVat, m *xMsg) {
			for _, b := range msgs {
				v.tell(m.caps()[0], b)
			}
		}
	}
	return []*shape{
		{
			// Alice sends, then passes the reference to Bob in the vat of the object,
			// who sends: behind hers.
			name: "passed on, same vat", calm: "the object is Bob's, and stays where it was", vats: ab, links: []string{"alice bob"},
			objects: vatObjects{"bob": func(v *xVat) {
				answers(v.object("boot"), "get", thing("thing"))
				v.object("boot").on["take"] = takes("b1")
			}},
			steps: vatSteps{
				"alice": steps(do(func(v *xVat) { v.send(v.boot("bob"), "get") }), tells("get", "m1"),
					do(func(v *xVat) { v.tell(v.boot("bob"), "take", v.refs["get"]) }), tells("get", "m2")),
			},
			before: [][2]string{{"m1", "b1"}, {"m1", "m2"}}, all: []string{"m1", "m2", "b1"},
		},
		{
			// The same with a promise that Bob answers and that is Alice's own object: what
			// Bob sends must stay behind what she sent through him.
			name: "passed on, home", vats: ab, links: []string{"alice bob"}, fails: true,
			objects: vatObjects{"bob": func(v *xVat) {
				later(v.object("boot"), "get", "settle")
				v.object("boot").on["take"] = takes("b1")
			}},
			steps: vatSteps{
				"alice": steps(do(func(v *xVat) { v.send(v.boot("bob"), "get") }),
					do(func(v *xVat) { v.tell(v.boot("bob"), "settle", v.near("carol")) }), tells("get", "m1"),
					do(func(v *xVat) { v.tell(v.boot("bob"), "take", v.refs["get"]) }), tells("get", "m2")),
			},
			before: [][2]string{{"m1", "b1"}, {"m1", "m2"}}, all: []string{"m1", "m2", "b1"},
		},
		{
			// Alice sends and passes the reference to Bob in a third vat: through proxies.
			name: "passed on, third vat", calm: "what leads to Carol goes one way from each", vats: []string{"alice", "bob", "carol"}, links: []string{"alice bob", "alice carol"},
			objects: vatObjects{
				"carol": func(v *xVat) { answers(v.object("boot"), "get", thing("thing")) },
				"bob":   func(v *xVat) { v.object("boot").on["take"] = takes("b1", "b2") },
			},
			steps: vatSteps{
				"alice": steps(do(func(v *xVat) { v.send(v.boot("carol"), "get") }), tells("get", "m1"),
					do(func(v *xVat) { v.tell(v.boot("bob"), "take", v.refs["get"]) }), tells("get", "m2")),
			},
			before: [][2]string{{"m1", "b1"}, {"b1", "b2"}, {"m1", "m2"}}, all: []string{"m1", "m2", "b1", "b2"},
		},
		{
			// A call waits at the gate for an argument; what follows, directly, by way of
			// another object and from the object's own vat, stays behind.
			name: "gate", calm: "the object is Bob's: there is one way", vats: ab, links: []string{"alice bob"},
			objects: vatObjects{"bob": func(v *xVat) {
				answers(v.object("boot"), "get", thing("thing"))
				v.object("thing").wait["m1"] = true
				v.object("boot").on["take"] = takes("b1")
				// "open" comes over another path and lets m1 go on.
				v.object("boot").on["open"] = func(v *xVat, _ *xMsg) { v.goOn("m1") }
			}},
			steps: vatSteps{
				"alice": steps(do(func(v *xVat) { v.send(v.boot("bob"), "get") }), tells("get", "m1", "m2"),
					do(func(v *xVat) { v.tell(v.boot("bob"), "take", v.refs["get"]) }),
					do(func(v *xVat) { v.tell(v.boot("bob"), "open") })),
			},
			before: [][2]string{{"m1", "m2"}, {"m1", "b1"}}, all: []string{"m1", "m2", "b1", "open"},
		},
	}
}
