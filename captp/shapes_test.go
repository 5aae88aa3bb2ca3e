package captp

// answers gives an object that answers msg with what f makes.
func answers(o *xObject, msg string, f func(v *xVat, caps []*Ref) *Ref) {
	o.on[msg] = func(v *xVat, c *Call, caps []*Ref) {
		c.Return(results("", 1), []*Ref{f(v, caps)})
	}
}

// first returns the first capability that came with a call.
func first(_ *xVat, caps []*Ref) *Ref { return caps[0].Retain() }

// keep makes an object keep the first capability of msg under a name.
func keep(o *xObject, msg, name string) {
	o.on[msg] = func(v *xVat, c *Call, caps []*Ref) {
		v.refs[name] = caps[0].Retain()
	}
}

// later makes an object answer msg with a promise of its vat, which the messages
// settle and resolve: to the capability that comes with "settle".
func later(o *xObject, msg, settle string) {
	v := o.v
	answers(o, msg, func(v *xVat, _ []*Ref) *Ref { return v.promise(msg).Retain() })
	o.on[settle] = func(_ *xVat, c *Call, caps []*Ref) {
		v.m.Resolve(v.promise(msg), caps[0].Retain())
	}
}

// promise returns the vat's promise of that name, made when first asked for.
func (v *xVat) promise(name string) *Ref {
	r := v.refs["promise "+name]
	if r == nil {
		r = v.m.NewPromise()
		v.refs["promise "+name] = r
	}
	return r
}

// sends makes steps that send messages on the reference of that name.
func sends(ref string, msgs ...string) []func(v *xVat) {
	var steps []func(v *xVat)
	for _, m := range msgs {
		steps = append(steps, func(v *xVat) { v.tell(v.refs[ref], m) })
	}
	return steps
}

func steps(groups ...[]func(v *xVat)) (all []func(v *xVat)) {
	for _, g := range groups {
		all = append(all, g...)
	}
	return all
}

func do(fs ...func(v *xVat)) []func(v *xVat) { return fs }

var abc = [][2]string{{"m1", "m2"}, {"m2", "m3"}}

func shapes() []*shape {
	return []*shape{
		{
			// A promise that Bob answers turns out to be Alice's own object.
			name: "home by return", vats: []string{"alice", "bob"}, links: []string{"alice bob"}, fails: true,
			setup: func(x *xWorld) { answers(x.vats["bob"].object("boot"), "echo", first) },
			steps: map[string][]func(v *xVat){
				"alice": steps(do(func(v *xVat) { v.send(v.boot("bob"), "echo", v.near("carol")) }), sends("echo", "m1", "m2", "m3")),
			},
			before: abc, all: []string{"m1", "m2", "m3"},
		},
		{
			// The same with a promise that is resolved after it was returned.
			name: "home by resolve", vats: []string{"alice", "bob"}, links: []string{"alice bob"}, fails: true,
			setup: func(x *xWorld) { later(x.vats["bob"].object("boot"), "get", "settle") },
			steps: map[string][]func(v *xVat){
				"alice": steps(
					do(func(v *xVat) { v.send(v.boot("bob"), "get") }), sends("get", "m1"),
					do(func(v *xVat) { v.tell(v.boot("bob"), "settle", v.near("carol")) }), sends("get", "m2", "m3")),
			},
			before: abc, all: []string{"m1", "m2", "m3"},
		},
		{
			// Two hops: Bob's answer is Carol's, which is Alice's object.
			name: "home by two hops", vats: []string{"alice", "bob", "carol"}, links: []string{"alice bob", "bob carol", "alice carol"}, fails: true,
			setup: func(x *xWorld) {
				answers(x.vats["carol"].object("boot"), "echo", first)
				answers(x.vats["bob"].object("boot"), "get", func(v *xVat, caps []*Ref) *Ref {
					v.send(v.boot("carol"), "echo", caps[0])
					return v.refs["echo"].Retain()
				})
			},
			steps: map[string][]func(v *xVat){
				"alice": steps(do(func(v *xVat) { v.send(v.boot("bob"), "get", v.near("dave")) }), sends("get", "m1", "m2")),
			},
			before: [][2]string{{"m1", "m2"}}, all: []string{"m1", "m2"},
		},
		{
			// The promise resolves to an object of a third vat, through a proxy.
			name: "third vat", vats: []string{"alice", "bob", "carol"}, links: []string{"alice bob", "bob carol"},
			setup: func(x *xWorld) {
				answers(x.vats["carol"].object("boot"), "make", func(v *xVat, _ []*Ref) *Ref { return v.near("thing") })
				answers(x.vats["bob"].object("boot"), "get", func(v *xVat, _ []*Ref) *Ref {
					v.send(v.boot("carol"), "make")
					return v.refs["make"].Retain()
				})
			},
			steps: map[string][]func(v *xVat){
				"alice": steps(do(func(v *xVat) { v.send(v.boot("bob"), "get") }), sends("get", "m1", "m2", "m3")),
			},
			before: abc, all: []string{"m1", "m2", "m3"},
		},
		{
			// Bob forwards a call of Alice's to Carol, whose answer is Bob's own object.
			name: "forwarded", vats: []string{"alice", "bob", "carol"}, links: []string{"alice bob", "bob carol"}, fails: true,
			setup: func(x *xWorld) {
				keep(x.vats["carol"].object("boot"), "keep", "kept")
				answers(x.vats["carol"].object("boot"), "make", func(v *xVat, _ []*Ref) *Ref { return v.refs["kept"].Retain() })
				answers(x.vats["bob"].object("boot"), "get", func(v *xVat, _ []*Ref) *Ref {
					v.tell(v.boot("carol"), "keep", v.near("thing"))
					return v.boot("carol").Retain()
				})
			},
			steps: map[string][]func(v *xVat){
				"alice": steps(do(func(v *xVat) {
					v.send(v.boot("bob"), "get")
					v.send(v.refs["get"], "make")
				}), sends("make", "m1", "m2", "m3")),
			},
			before: abc, all: []string{"m1", "m2", "m3"},
		},
		{
			// Alice sends, then passes the reference to Bob in the vat of the object,
			// who sends: behind hers.
			name: "passed on, same vat", vats: []string{"alice", "bob"}, links: []string{"alice bob"},
			setup: func(x *xWorld) {
				b := x.vats["bob"]
				answers(b.object("boot"), "get", func(v *xVat, _ []*Ref) *Ref { return v.near("thing") })
				b.object("boot").on["take"] = func(v *xVat, c *Call, caps []*Ref) {
					v.tell(caps[0], "b1")
				}
			},
			steps: map[string][]func(v *xVat){
				"alice": steps(do(func(v *xVat) { v.send(v.boot("bob"), "get") }), sends("get", "m1"),
					do(func(v *xVat) { v.tell(v.boot("bob"), "take", v.refs["get"]) }), sends("get", "m2")),
			},
			before: [][2]string{{"m1", "b1"}, {"m1", "m2"}}, all: []string{"m1", "m2", "b1"},
		},
		{
			// The same with a promise that Bob answers and that is Alice's own object: what
			// Bob sends must stay behind what she sent through him.
			name: "passed on, home", vats: []string{"alice", "bob"}, links: []string{"alice bob"}, fails: true,
			setup: func(x *xWorld) {
				b := x.vats["bob"]
				later(b.object("boot"), "get", "settle")
				b.object("boot").on["take"] = func(v *xVat, c *Call, caps []*Ref) {
					v.tell(caps[0], "b1")
				}
			},
			steps: map[string][]func(v *xVat){
				"alice": steps(do(func(v *xVat) { v.send(v.boot("bob"), "get") }),
					do(func(v *xVat) { v.tell(v.boot("bob"), "settle", v.near("carol")) }), sends("get", "m1"),
					do(func(v *xVat) { v.tell(v.boot("bob"), "take", v.refs["get"]) }), sends("get", "m2")),
			},
			before: [][2]string{{"m1", "b1"}, {"m1", "m2"}}, all: []string{"m1", "m2", "b1"},
		},
		{
			// Alice sends and passes the reference to Bob in a third vat: through proxies.
			name: "passed on, third vat", vats: []string{"alice", "bob", "carol"}, links: []string{"alice bob", "alice carol"},
			setup: func(x *xWorld) {
				answers(x.vats["carol"].object("boot"), "get", func(v *xVat, _ []*Ref) *Ref { return v.near("thing") })
				x.vats["bob"].object("boot").on["take"] = func(v *xVat, c *Call, caps []*Ref) {
					v.tell(caps[0], "b1")
					v.tell(caps[0], "b2")
				}
			},
			steps: map[string][]func(v *xVat){
				"alice": steps(do(func(v *xVat) { v.send(v.boot("carol"), "get") }), sends("get", "m1"),
					do(func(v *xVat) { v.tell(v.boot("bob"), "take", v.refs["get"]) }), sends("get", "m2")),
			},
			before: [][2]string{{"m1", "b1"}, {"b1", "b2"}, {"m1", "m2"}}, all: []string{"m1", "m2", "b1", "b2"},
		},
		{
			// Tribble's race between two vats: Alice's promise P1 is Bob's; Bob resolves it to
			// P2, which is Alice's; Alice resolves P2 to Bob's object, at the same time.
			name: "Tribble, two vats", vats: []string{"alice", "bob"}, links: []string{"alice bob"}, fails: true,
			setup: func(x *xWorld) {
				b := x.vats["bob"]
				later(b.object("boot"), "p1", "settle")
				answers(b.object("boot"), "thing", func(v *xVat, _ []*Ref) *Ref { return v.near("thing") })
			},
			steps: map[string][]func(v *xVat){
				"alice": steps(
					do(func(v *xVat) { v.send(v.boot("bob"), "p1") }),
					do(func(v *xVat) { v.send(v.boot("bob"), "thing") }),
					sends("p1", "m1"),
					do(func(v *xVat) { v.tell(v.boot("bob"), "settle", v.promise("p2")) }),
					do(func(v *xVat) { v.m.Resolve(v.promise("p2"), v.refs["thing"].Retain()) }),
					sends("p1", "m2", "m3")),
			},
			before: abc, all: []string{"m1", "m2", "m3"},
		},
		{
			// What Alice asked Bob for is what Bob asked her for, which is what she asked Bob for,
			// which is her own. When the Disembargo for the first comes back, what was sent
			// before it may be on its way through Bob once more.
			name: "home in two rounds", vats: []string{"alice", "bob"}, links: []string{"alice bob"}, fails: true,
			setup: func(x *xWorld) {
				b := x.vats["bob"]
				later(b.object("boot"), "p", "settle")
				answers(b.object("boot"), "get", func(v *xVat, _ []*Ref) *Ref {
					v.send(v.boot("alice"), "make")
					return v.refs["make"].Retain()
				})
				answers(x.vats["alice"].object("boot"), "make", func(v *xVat, _ []*Ref) *Ref { return v.refs["p"].Retain() })
			},
			steps: map[string][]func(v *xVat){
				"alice": steps(
					do(func(v *xVat) { v.send(v.boot("bob"), "p"); v.send(v.boot("bob"), "get") }),
					sends("get", "m1"),
					do(func(v *xVat) { v.tell(v.boot("bob"), "settle", v.near("thing")) }),
					sends("get", "m2", "m3")),
			},
			before: abc, all: []string{"m1", "m2", "m3"},
		},
		{
			// Tribble's race between four vats, through proxies: P1 at Bob becomes P2 at Carol,
			// which at the same time becomes an object of Dave's.
			name: "Tribble, four vats", vats: []string{"alice", "bob", "carol", "dave"}, links: []string{"alice bob", "bob carol", "carol dave"},
			setup: func(x *xWorld) {
				answers(x.vats["dave"].object("boot"), "make", func(v *xVat, _ []*Ref) *Ref { return v.near("thing") })
				later(x.vats["bob"].object("boot"), "p1", "settle")
				c := x.vats["carol"]
				answers(c.object("boot"), "p2", func(v *xVat, _ []*Ref) *Ref { return v.promise("p2").Retain() })
			},
			steps: map[string][]func(v *xVat){
				"alice": steps(do(func(v *xVat) {
					v.send(v.boot("bob"), "p1")
					v.tell(v.refs["p1"], "m1")
				}), sends("p1", "m2")),
				"bob": do(func(v *xVat) {
					v.send(v.boot("carol"), "p2")
					v.m.Resolve(v.promise("p1"), v.refs["p2"].Retain())
				}),
				"carol": do(func(v *xVat) {
					v.send(v.boot("dave"), "make")
					v.m.Resolve(v.promise("p2"), v.refs["make"].Retain())
				}),
			},
			before: [][2]string{{"m1", "m2"}}, all: []string{"m1", "m2"},
		},
		{
			// The same, but what P2 becomes is Alice's object: three hops out, none back. The
			// longer way through the proxies stays, so that nothing can overtake.
			name: "Tribble, home", vats: []string{"alice", "bob", "carol"}, links: []string{"alice bob", "bob carol", "alice carol"},
			setup: func(x *xWorld) {
				later(x.vats["bob"].object("boot"), "p1", "settle")
				c := x.vats["carol"]
				answers(c.object("boot"), "p2", func(v *xVat, _ []*Ref) *Ref { return v.promise("p2").Retain() })
				c.object("boot").on["own"] = func(v *xVat, call *Call, caps []*Ref) {
					v.m.Resolve(v.promise("p2"), caps[0].Retain())
				}
			},
			steps: map[string][]func(v *xVat){
				"alice": steps(
					do(func(v *xVat) {
						v.send(v.boot("bob"), "p1")
						v.tell(v.boot("carol"), "own", v.near("thing"))
						v.tell(v.refs["p1"], "m1")
					}), sends("p1", "m2")),
				"bob": do(func(v *xVat) {
					v.send(v.boot("carol"), "p2")
					v.m.Resolve(v.promise("p1"), v.refs["p2"].Retain())
				}),
			},
			before: [][2]string{{"m1", "m2"}}, all: []string{"m1", "m2"},
		},
		{
			// A call waits at the gate for an argument; what follows, directly, by way of
			// another object and from the object's own vat, stays behind.
			name: "gate", vats: []string{"alice", "bob"}, links: []string{"alice bob"},
			setup: func(x *xWorld) {
				b := x.vats["bob"]
				answers(b.object("boot"), "get", func(v *xVat, _ []*Ref) *Ref { return v.near("thing") })
				b.object("thing").wait["m1"] = true
				b.object("boot").on["take"] = func(v *xVat, c *Call, caps []*Ref) {
					v.tell(caps[0], "b1")
				}
				// "open" comes over another path and lets m1 go on.
				b.object("boot").on["open"] = func(v *xVat, c *Call, caps []*Ref) {
					if open := v.object("thing").on["go m1"]; open != nil {
						open(v, c, caps)
					}
				}
			},
			steps: map[string][]func(v *xVat){
				"alice": steps(do(func(v *xVat) { v.send(v.boot("bob"), "get") }), sends("get", "m1", "m2"),
					do(func(v *xVat) { v.tell(v.boot("bob"), "take", v.refs["get"]) }),
					do(func(v *xVat) { v.tell(v.boot("bob"), "open") })),
			},
			before: [][2]string{{"m1", "m2"}, {"m1", "b1"}}, all: []string{"m1", "m2", "b1", "open"},
		},
	}
}
