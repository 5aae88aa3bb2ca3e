package vat

// Reads tells who reads the one session of v: "reader", "nobody", or "caller".
func Reads(v *Vat) string {
	c := v.core
	c.lock()
	defer c.unlock()
	switch l := &c.sessions[0].leading; {
	case l.by:
		return "caller"
	case l.rests:
		return "nobody"
	}
	return "reader"
}

// Left describes what v holds for others; "" is nothing.
func Left(v *Vat) string { return (*bareCore)(v.core).Left() }

// Forget has v let go of its peers' nonce locators.
func Forget(v *Vat) {
	c := v.core
	c.lock()
	defer c.leave()
	for _, s := range c.sessions {
		s.captp.ForgetBootstrap()
	}
}
