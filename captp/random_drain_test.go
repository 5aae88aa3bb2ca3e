package captp

// drain brings a random world to its end: everything is answered, resolved and
// delivered, then let go of, and nothing may be left.
func (w *rworld) drain() {
	w.say("the end begins")
	w.draining = true
	w.settle()
	if w.unsettled() != nil && w.anyHeld() {
		// With little credit two vats can wait for each other: calls that hold it
		// depend on calls that wait for it. Whoever sent them has to give up.
		w.stuck, w.lossy = true, true
		for range 20 {
			if w.unsettled() == nil {
				break
			}
			for _, c := range w.calls {
				if c.told == 0 {
					c.canceled = true
					c.call.Cancel()
				}
			}
			w.settle()
		}
	}
	for _, v := range w.vats {
		for _, h := range v.handles {
			w.checkHandle(h, true)
		}
	}
	w.letGo()
	w.checkEmpty()
}

// settle answers, resolves and delivers until nothing happens any more.
func (w *rworld) settle() {
	for range 10000 {
		for _, v := range w.vats {
			for len(v.promises) > 0 {
				v.resolve()
			}
			for len(v.waiting) > 0 {
				v.ready()
			}
			for len(v.inbox) > 0 {
				v.answer()
			}
		}
		moved := false
		for _, a := range w.vats {
			for _, b := range w.vats {
				if a != b {
					moved = w.deliver(a, b, true) || moved
				}
			}
		}
		if !moved && !w.busy() {
			return
		}
	}
	w.fail("the world does not come to rest")
}

func (w *rworld) busy() bool {
	for _, v := range w.vats {
		if len(v.promises)+len(v.waiting)+len(v.inbox) > 0 {
			return true
		}
	}
	return false
}

// unsettled returns a call that has no outcome.
func (w *rworld) unsettled() *rcall {
	for _, c := range w.calls {
		if !(c.done && c.told > 0) && c.call.state != callSettled {
			return c
		}
	}
	return nil
}

func (w *rworld) anyHeld() bool {
	for _, v := range w.vats {
		for _, s := range v.sessions {
			if s != nil && s.Held() > 0 {
				return true
			}
		}
	}
	return false
}

// letGo releases everything that the world's hands hold.
func (w *rworld) letGo() {
	for range 100 {
		for _, v := range w.vats {
			for len(v.handles) > 0 {
				v.release()
			}
			for _, s := range v.sessions {
				if s != nil {
					s.ForgetBootstrap()
				}
			}
		}
		w.settle()
		left := 0
		for _, v := range w.vats {
			left += len(v.handles)
		}
		if left == 0 {
			break
		}
	}
	if c := w.unsettled(); c != nil {
		w.fail("call %d of %s (on handle %d, %s) never settles", c.id, c.from.name, c.h.id, c.h.node)
	}
	for _, c := range w.calls {
		if !c.done {
			w.checkOutcome(c)
		}
	}
	for _, v := range w.vats {
		for _, c := range v.calls {
			c.done = true
			c.call.Done()
		}
		v.calls = nil
	}
	w.settle()
}

func (w *rworld) checkEmpty() {
	for _, v := range w.vats {
		for _, s := range v.sessions {
			if s == nil {
				continue
			}
			st := s.Stats()
			st.Charged -= int64(cap(s.partial)) // a buffer that is kept
			if st != (Stats{Exports: st.Exports, Charged: st.Charged}) || st.Exports != 0 || st.Charged != 0 {
				w.fail("%s with %s: left in the tables: %+v", v.name, s.Peer(), st)
			}
			if s.openCalls+s.backCalls != 0 || s.openBytes+s.questionBytes != 0 || s.answerBytes != 0 || len(s.exportOf) != 0 || len(s.leaving) != 0 {
				w.fail("%s with %s: open calls %d, bytes %d, answer bytes %d, exports %d", v.name, s.Peer(), s.openCalls, s.openBytes, s.answerBytes, len(s.exportOf))
			}
		}
		if v.m.Charged() != 0 || v.m.Pending() != 0 || len(v.m.gates) != 0 {
			w.fail("%s: %d bytes charged, %d pending, %d gates", v.name, v.m.Charged(), v.m.Pending(), len(v.m.gates))
		}
		for _, s := range v.sessions {
			if s != nil {
				s.Disconnect(PeerGone.ends(), false)
			}
		}
		if v.m.Charged() != 0 || len(v.m.near) != 0 {
			w.fail("%s: at the end %d bytes charged, %d near objects", v.name, v.m.Charged(), len(v.m.near))
		}
	}
}
