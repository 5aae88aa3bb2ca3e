package captp

// The words in which shapes are written.

// answers gives an object that answers msg with what f makes, of which the holder
// passes.
func answers(o *xObject, msg string, f func(v *xVat, m *xMsg) *Ref) {
	o.on[msg] = func(v *xVat, m *xMsg) { m.answer(f(v, m)) }
}

// first returns the first capability that came with a call.
func first(_ *xVat, m *xMsg) *Ref { return m.caps()[0].Retain() }

// thing returns the object of that name.
func thing(name string) func(v *xVat, m *xMsg) *Ref {
	return func(v *xVat, _ *xMsg) *Ref { return v.near(name).Retain() }
}

// ownPromise returns the vat's promise of that name.
func ownPromise(name string) func(v *xVat, m *xMsg) *Ref {
	return func(v *xVat, _ *xMsg) *Ref { return v.promise(name).Retain() }
}

// keep makes an object keep the first capability of msg under a name.
func keep(o *xObject, msg, name string) {
	o.on[msg] = func(v *xVat, m *xMsg) { v.set(name, m.caps()[0].Retain()) }
}

// later makes an object answer msg with a promise of its vat, which the message
// settle resolves to the capability that comes with it.
func later(o *xObject, msg, settle string) {
	answers(o, msg, ownPromise(msg))
	o.on[settle] = func(v *xVat, m *xMsg) { v.resolve(msg, m.caps()[0]) }
}

// tells makes steps that send messages on the reference of that name.
func tells(ref string, msgs ...string) (all []xStep) {
	for _, m := range msgs {
		all = append(all, xStep{do: func(v *xVat) { v.tell(v.refs[ref], m) }})
	}
	return all
}

// do makes steps.
func do(fs ...func(v *xVat)) (all []xStep) {
	for _, f := range fs {
		all = append(all, xStep{do: f})
	}
	return all
}

func steps(groups ...[]xStep) (all []xStep) {
	for _, g := range groups {
		all = append(all, g...)
	}
	return all
}

// inOrder makes the pairs of messages that follow one another.
func inOrder(msgs ...string) (pairs [][2]string) {
	for i := 1; i < len(msgs); i++ {
		pairs = append(pairs, [2]string{msgs[i-1], msgs[i]})
	}
	return pairs
}

type (
	vatObjects = map[string]func(v *xVat)
	vatSteps   = map[string][]xStep
)

func shapes() (all []*shape) {
	all = append(all, homeShapes()...)
	all = append(all, passedShapes()...)
	all = append(all, tribbleShapes()...)
	all = append(all, tribbleRoles()...)
	all = append(all, literatureShapes()...)
	all = append(all, embargoShapes()...)
	all = append(all, heldShapes()...)
	all = append(all, handoffShapes()...)
	return all
}
