package captp

import (
	"strings"

	"github.com/vatnet/vatnet/internal/capn"
)

// Messages are written straight into the session's output, one behind the other.
// Nothing that a writer calls may write a message of its own: releases wait in a
// list, and what has to follow a message is sent after it.

// begin starts a message and returns the struct behind its first pointer.
func (s *Session) begin(kind uint16, dataWords, ptrs int) capn.StructB {
	b := &s.m.b
	b.InitFramed(s.out)
	root := b.Root(1, 1)
	root.SetU16(0, kind)
	return b.Struct(root.Slot(0), dataWords, ptrs)
}

// commit ends the message and returns its size.
func (s *Session) commit() int {
	before := len(s.out)
	s.out, s.due = s.m.b.Frame(), true
	s.touch()
	return len(s.out) - before
}

func (s *Session) writeBootstrap(q *question) int {
	st := s.begin(msgBootstrap, 1, 1)
	st.SetU32(0, q.id)
	return s.commit()
}

func (s *Session) writeCall(q *question, c *Call, r *Ref) int {
	st := s.begin(msgCall, 3, 3)
	st.SetU32(0, q.id)
	st.SetU16(4, c.method)
	st.SetU64(8, c.iface)
	if c.tail {
		st.SetU16(6, resultsToYourself)
	}
	if c.noPipelining {
		st.SetBit(129, true)
	}
	s.putTarget(st.Slot(0), r)
	p := c.in
	if p.flat == nil {
		p = payload{flat: c.body.buf, caps: c.body.caps}
	}
	var broken []*exported
	q.exports, broken = s.putPayload(st.Slot(1), p, q.exports, nil)
	n := s.commit()
	s.resolveBroken(broken)
	return n
}

// putTarget writes the MessageTarget for the way that calls on r take.
func (s *Session) putTarget(slot capn.Slot, r *Ref) {
	b := &s.m.b
	t := b.Struct(slot, 1, 1)
	if r.imp != nil {
		t.SetU32(0, r.imp.id)
		return
	}
	if r.call == nil {
		return // a broken reference leads nowhere: the receiver of a reflection does not look
	}
	t.SetU16(4, targetPromisedAnswer)
	s.putPromisedAnswer(t.Slot(0), r)
}

func (s *Session) putPromisedAnswer(slot capn.Slot, r *Ref) {
	b := &s.m.b
	pa := b.Struct(slot, 1, 1)
	pa.SetU32(0, r.call.q.id)
	n := len(r.path) / 2
	if n == 0 {
		return
	}
	ops := b.CompositeList(pa.Slot(0), n, 1, 0)
	for i := range n {
		op := ops.At(i)
		op.SetU16(0, opPointerField)
		op.SetU16(2, uint16(r.path[2*i])|uint16(r.path[2*i+1])<<8)
	}
}

// putPayload writes a Payload. It returns ids with the exports that it named, one
// entry for each time, and those of them that are broken references. It notes in
// ts, if that is not empty, what the peer is told of each capability.
func (s *Session) putPayload(slot capn.Slot, p payload, ids []uint32, ts []told) (_ []uint32, broken []*exported) {
	return s.putCaps(s.putContent(slot, p), p, ids, ts)
}

// putContent writes a Payload without its capabilities.
func (s *Session) putContent(slot capn.Slot, p payload) capn.StructB {
	b := &s.m.b
	st := b.Struct(slot, 0, 2)
	if p.flat != nil {
		b.Embed(st.Slot(0), p.flat)
	} else if err := b.Copy(st.Slot(0), p.content); err != nil {
		b.SetNull(st.Slot(0))
	}
	return st
}

// putCaps writes the capabilities of a Payload: see putPayload.
func (s *Session) putCaps(st capn.StructB, p payload, ids []uint32, ts []told) (_ []uint32, broken []*exported) {
	if len(p.caps) == 0 {
		return ids, nil
	}
	list := s.m.b.CompositeList(st.Slot(1), len(p.caps), 1, 1)
	for i, r := range p.caps {
		if r == nil {
			continue
		}
		r, e := s.putCap(list.At(i), r)
		if len(ts) > 0 {
			ts[i] = s.tell(r, e)
		}
		r.Release()
		if e == nil {
			continue
		}
		ids = append(ids, e.id)
		if e.ref.route == routeBroken {
			broken = append(broken, e)
		}
	}
	return ids, broken
}

// putCap writes the CapDescriptor for r. It returns what the peer is told of, with a
// holder, and the export that it named: nil if that is a way of the peer's.
func (s *Session) putCap(d capn.StructB, r *Ref) (*Ref, *exported) {
	r = s.behindHeld(r.Settled())
	arm := uint16(capSenderHosted)
	switch r.route {
	case routeImport:
		if r.imp.s == s {
			d.SetU16(0, capReceiverHosted)
			d.SetU32(4, r.imp.id)
			return r, nil
		}
		if s.donates(r) {
			return r, s.putThird(d, r)
		}
		if r.imp.promise {
			arm = capSenderPromise
		}
	case routePipeline:
		if r.call.q.s == s && !r.call.q.finished {
			d.SetU16(0, capReceiverAnswer)
			s.putPromisedAnswer(d.Slot(0), r)
			return r, nil
		}
		arm = capSenderPromise
	case routeVine:
		if v := r.to; v.through() == s {
			v.Retain()
			r.Release()
			defer v.Release()
			return s.putCap(d, v)
		}
		arm = capSenderPromise
	case routeQueue, routeBroken:
		arm = capSenderPromise
	}
	e := s.exportRef(r)
	d.SetU16(0, arm)
	d.SetU32(4, e.id)
	return r, e
}

// resolveBroken tells what references that were sent as promises are.
func (s *Session) resolveBroken(es []*exported) {
	for _, e := range es {
		if s.exports.get(e.id) == e && e.ref != nil {
			s.resolveExport(e, e.ref)
		}
	}
}

// writeReturn sends the outcome of a. An answer for which there is no room is
// replaced by a small one that says so: writeReturn gives false.
func (s *Session) writeReturn(a *answer, p payload, err *Error) bool {
	if s.err != nil || a.returned {
		return true
	}
	a.returned = true
	a.uncount()
	if err != nil && !s.fits(len(err.Reason)) {
		short := *err
		short.Reason = strings.ToValidUTF8(short.Reason[:spareFrom/2], "") + "…"
		err = &short
	}
	st := s.beginReturn(a)
	var broken []*exported
	switch {
	case a.finished && !a.yourself:
		// The peer will not look: nothing of the results is sent, for what it
		// regards as released must not be resolved later.
		st.SetU16(6, returnCanceled)
	case a.yourself:
		st.SetU16(6, returnElsewhere)
	case err != nil:
		st.SetU16(6, returnException)
		s.putException(st.Slot(0), err)
	default:
		st.SetU16(6, returnResults)
		body := s.putContent(st.Slot(0), p)
		if !s.fits(s.m.b.Size()) {
			p, err = payload{}, errAnswerLost
			st = s.beginReturn(a)
			st.SetU16(6, returnException)
			s.putException(st.Slot(0), err)
			break
		}
		if len(a.call.body.caps) > 0 {
			a.told = append(a.told, make([]told, len(p.caps))...)
		}
		a.exports, broken = s.putCaps(body, p, a.exports, a.told)
	}
	if a.call.noPipelining && len(p.caps) == 0 && !a.yourself && !a.finished {
		// Nobody will pipeline and there is nothing to release: the peer need not
		// say more about it.
		st.SetBit(33, true)
		a.finished = true
	}
	s.commit()
	s.resolveBroken(broken)
	s.checkBudget()
	a.retire()
	return err != errAnswerLost
}

func (s *Session) beginReturn(a *answer) capn.StructB {
	st := s.begin(msgReturn, 2, 1)
	st.SetU32(0, a.id)
	st.SetBit(32, true) // parameters are released one by one
	return st
}

func (s *Session) writeTakeFrom(a *answer, question uint32) {
	st := s.begin(msgReturn, 2, 1)
	st.SetU32(0, a.id)
	st.SetBit(32, true)
	st.SetU16(6, returnTakeFrom)
	st.SetU32(8, question)
	s.commit()
}

func (s *Session) writeFinish(id uint32, returned bool) {
	due := s.due || !returned
	st := s.begin(msgFinish, 1, 0)
	st.SetU32(0, id)
	st.SetBit(32, true) // references in the results are released one by one
	st.SetBit(33, true) // no workaround needed
	s.commit()
	s.due = due
}

func (s *Session) writeRelease(id, n uint32) {
	st := s.begin(msgRelease, 1, 0)
	st.SetU32(0, id)
	st.SetU32(4, n)
	s.commit()
}

// writeResolve says that the export id is r, which is settled.
func (s *Session) writeResolve(id uint32, r *Ref) (t told) {
	st := s.begin(msgResolve, 1, 1)
	st.SetU32(0, id)
	if r.route == routeBroken {
		st.SetU16(4, resolveException)
		s.putException(st.Slot(0), r.err)
		t = s.tell(r, nil)
	} else {
		r, e := s.putCap(s.m.b.Struct(st.Slot(0), 1, 1), r)
		t = s.tell(r, e)
		r.Release()
	}
	s.commit()
	return t
}

// writeDisembargo sends a Disembargo along the way of r.
func (s *Session) writeDisembargo(r *Ref, context uint16, id uint32) {
	st := s.begin(msgDisembargo, 1, 2)
	st.SetU32(0, id)
	st.SetU16(4, context)
	s.putTarget(st.Slot(0), r)
	s.commit()
}

func (s *Session) writeAbort(err *Error) {
	s.putExceptionAt(s.begin(msgAbort, 1, 3), err)
	s.commit()
}

func (s *Session) putException(slot capn.Slot, err *Error) {
	s.putExceptionAt(s.m.b.Struct(slot, 1, 3), err)
}

func (s *Session) putExceptionAt(st capn.StructB, err *Error) {
	b := &s.m.b
	st.SetU16(4, uint16(err.Kind))
	b.Text(st.Slot(0), err.Reason)
	if err.Code != "" {
		d := b.CompositeList(st.Slot(2), 1, 1, 1).At(0)
		d.SetU64(0, errorCode)
		b.Data(d.Slot(0), []byte(err.Code))
	}
}
