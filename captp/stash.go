package captp

import "github.com/vatnet/vatnet/internal/capn"

// What a call asks for may be large, and its driver may want no further calls of a
// peer's before others have been answered and their answers have left. It can stop
// in front of a call (Pause) and have the session put aside what comes from there on
// (Put), to be handled in its order later (Resume). It need not, and must not, stop
// reading: two vats that did could wait for each other.
//
// If everything had to wait behind such a call, two vats that ask each other for a
// lot would fill each other's stashes with answers; and what needs no turn would wait
// for turns that take long. So three kinds of messages pass what is put aside.
//
// A Return passes if each capability in it is one that the peer hosts, or null. That
// nothing overtakes anything by that (ORDER-1, ORDER-2) is seen like this. What
// waits are messages of this peer, to references of ours, or about them: calls,
// Finishes, Releases, Resolves, Disembargoes. The peer's earlier calls on a reference
// that it hosts itself have not come through here, so passing it on earlier overtakes
// none; for one of ours that comes home (receiverHosted, receiverAnswer) they may be
// among what waits, so that Return waits behind them. No message of the peer's names
// the question that is returned, but for another Return, so none can come too late
// for it. A descriptor counts one reference, whenever it is read, and the peer does
// not use an id again before all that it sent have been released; but it may, while the
// Resolve of the promise that had the id before waits: what names the id then waits
// behind that. What a promise
// for the results resolves to is then data, an error, or hosted by the same peer: the
// way of calls on it stays the same up to that peer, and no embargo is needed. Our
// own calls that now go there, and what we tell others, may cross what waits here:
// so they may if the peer's network delays it. Which capabilities of ours the peer
// still holds is not touched, unless the Return releases them (releaseParamCaps): then
// it waits. So does one that takes its results from another question, which may be
// among what waits.
//
// A Finish passes if it cancels a call that is being worked on, and nothing that
// waits names its answer: nobody is to wait for a long call that is not wanted.
//
// A call to the session's bootstrap object passes, so that objects can be looked up, if
// it carries no capability, and no call that waits may lead to that object.
//
// All else waits.

// stash is what came of the peer and was put aside: whole messages, in their order.
type stash struct {
	chunks [][]byte     // each holds whole messages
	n      int          // messages
	done   int          // of those that were put aside, how many are handled, since there was none
	cost   int          // bytes that all of this takes
	named  map[name]int // what messages name, with the number of the last that does
	toBoot int          // … and of the last that may be a call to the bootstrap object
}

const (
	stashMin = 4 << 10  // the smallest and the
	stashMax = 64 << 10 // largest piece of memory for messages that are small
	nameCost = 48
)

// put copies a message behind what is there. Memory in which there would be no room
// for it is given back.
func (q *stash) put(frame []byte) {
	next := stashMin
	if k := len(q.chunks) - 1; k >= 0 {
		last := q.chunks[k]
		if len(frame) <= cap(last)-len(last) {
			q.chunks[k] = append(last, frame...)
			return
		}
		next = min(2*cap(last), stashMax)
		if free := cap(last) - len(last); free > cap(last)/8 {
			q.chunks[k] = append(make([]byte, 0, len(last)), last...)
			q.cost -= free
		}
	}
	if len(frame) >= stashMin {
		next = len(frame)
	}
	q.add(append(make([]byte, 0, next), frame...))
}

// add takes over memory, in which there is a message.
func (q *stash) add(chunk []byte) {
	q.chunks = append(q.chunks, chunk)
	q.cost += cap(chunk)
}

// took notes that the first message, of size bytes, is done with.
func (q *stash) took(size int) {
	q.n, q.done = q.n-1, q.done+1
	first := &q.chunks[0]
	if size < len(*first) {
		*first = (*first)[size:]
		q.cost -= size
		return
	}
	q.cost -= cap(*first)
	*first = nil
	if q.chunks = q.chunks[1:]; q.n == 0 {
		*q = stash{}
	}
}

// name is an id of the peer's: of an answer of this side's, or of a promise that it
// resolves.
type name uint64

func answerName(id uint32) name  { return name(id) }
func promiseName(id uint32) name { return 1<<32 | name(id) }

// name notes that the last message names x.
func (q *stash) name(x name) {
	if q.named == nil {
		q.named = map[name]int{}
	}
	if _, known := q.named[x]; !known {
		q.cost += nameCost
	}
	q.named[x] = q.done + q.n
}

// names reports whether one of the messages names x.
func (q *stash) names(x name) bool { return q.named[x] > q.done }

// Pause has Receive stop in front of the peer's next call, or go on. It may be used
// inside of Deliver.
func (s *Session) Pause(on bool) { s.paused = on }

// Kept returns how many messages of the peer's are put aside.
func (s *Session) Kept() int { return s.stash.n }

// Pressed reports whether messages that are put aside take more memory than there
// is for them: they are to be handled at once, paused or not. A peer that keeps to
// its credit, and gets answers that leave room for it, does not make it so.
func (s *Session) Pressed() bool {
	lim := &s.m.lim
	return s.stash.n > 0 && (int64(s.stash.cost) > lim.OpenBytes+lim.OpenBytes/4 || s.holding() > lim.pressed())
}

// Put takes bytes of the peer's in, in their order behind those that Receive has
// taken. From the first call on messages are put aside, but for those that may pass
// what is put aside already. Behind one that did Put returns, with what it did not
// take; the driver, whose objects may have heard of the one, comes again with it.
// With an error the session has ended.
func (s *Session) Put(data []byte) (rest []byte, err *Error) {
	for len(data) > 0 && s.err == nil && s.failing == "" {
		frame, after := s.nextFrame(data)
		data = after
		if frame == nil {
			s.checkBudget()
			continue
		}
		if kind, body, ok := s.look(frame); s.mustWait(kind, body, ok) {
			s.keep(frame, kind, body, ok)
			s.checkBudget()
			continue
		}
		s.receive(frame, false)
		s.doneWith(frame)
		s.checkBudget()
		break
	}
	if s.failing != "" && s.err == nil {
		s.end(s.failing.ends(), true, false)
	}
	return data, s.err
}

// Resume handles messages that are put aside, in their order, as Receive does: up
// to max (0: all). With an error the session has ended.
func (s *Session) Resume(max int) *Error {
	for n := 0; s.stash.n > 0 && s.err == nil && (max == 0 || n < max); n++ {
		chunk := s.stash.chunks[0]
		size, _, err := capn.FrameSize(chunk, s.m.lim.MaxSegments, s.m.lim.MaxMessage)
		if err != nil { // it was none when it was put aside
			s.failFrame(err)
			return s.err
		}
		if frame := chunk[:size]; s.paused && s.isCall(frame) || !s.receive(frame, max > 0 && n > 0) {
			break
		}
		if s.err == nil { // else the stash is gone
			s.stash.took(size)
		}
		s.checkBudget()
		if s.failing != "" && s.err == nil {
			s.end(s.failing.ends(), true, false)
		}
	}
	return s.err
}

// keep puts a message aside, and with it the memory in which it was put together, if
// it was and is large.
func (s *Session) keep(frame []byte, kind uint16, body capn.Ptr, ok bool) {
	s.stash.n++
	if ok {
		eachNamed(kind, body, s.stash.name)
		if kind == msgCall && s.leadsToBoot(body) {
			s.stash.toBoot = s.stash.done + s.stash.n
		}
	}
	if len(s.partial) > 0 && len(frame) >= stashMin {
		s.stash.add(frame)
		s.partial = nil
		return
	}
	s.stash.put(frame)
	s.doneWith(frame)
}

// mustWait reports whether a message is to be put aside. One that is malformed shows
// that in its turn.
func (s *Session) mustWait(kind uint16, body capn.Ptr, ok bool) bool {
	if s.stash.n == 0 && kind != msgCall {
		return false // there is nothing to pass
	}
	return !ok || !s.passes(kind, body)
}

// passes reports whether a message may be handled before what is put aside.
func (s *Session) passes(kind uint16, body capn.Ptr) bool {
	switch kind {
	case msgCall:
		return s.stash.toBoot <= s.stash.done && s.isLookup(body)
	case msgFinish:
		a := s.answers.get(body.U32(0))
		return a != nil && !a.returned && !a.finished && !s.stash.names(answerName(a.id))
	case msgReturn:
		q := s.questions.get(body.U32(0))
		if q == nil || q.returned || !body.Bool(32) && len(q.exports) > 0 {
			return false
		}
		switch body.U16(6) {
		case returnException, returnCanceled:
			return true
		case returnResults:
			return s.tablePasses(body)
		}
	}
	return false
}

// isLookup reports whether a call is one to the bootstrap object, as such, without
// capabilities. Its id must be free: a Finish that frees it may be put aside.
func (s *Session) isLookup(body capn.Ptr) bool {
	params, err := body.Field(1)
	if err != nil || s.bootstrap == nil {
		return false
	}
	if id := body.U32(0); s.answers.get(id) != nil || s.gifts[id] != nil || s.stash.names(answerName(id)) {
		return false
	}
	caps, err := params.Field(1)
	return err == nil && caps.Len() == 0 && s.exported(body) == s.bootstrap
}

// leadsToBoot reports whether a call may be one to the bootstrap object.
func (s *Session) leadsToBoot(body capn.Ptr) bool {
	r := s.exported(body)
	return r == nil || r.route != routeNear || r == s.bootstrap
}

// exported returns the export to which a call is addressed; nil if it is addressed in
// another way, or the peer was told what the export became.
func (s *Session) exported(body capn.Ptr) *Ref {
	t, err := body.Field(0)
	if err != nil || !t.IsStruct() || t.U16(4) != targetImportedCap {
		return nil
	}
	if e := s.exports.get(t.U32(0)); e != nil {
		return e.ref
	}
	return nil
}

// tablePasses reports whether a Return may pass, as far as the descriptors of its
// results are concerned: each is null or names something that the peer hosts, and no
// promise of that id is yet to be resolved.
func (s *Session) tablePasses(body capn.Ptr) bool {
	p, err := body.Field(0)
	if err != nil || !p.IsStruct() {
		return false
	}
	list, err := p.Field(1)
	if err != nil || !(list.IsNull() || list.IsList()) {
		return false
	}
	for i := range list.Len() {
		d := list.Elem(i)
		switch d.U16(0) {
		case capNone:
		case capSenderHosted, capSenderPromise:
			if s.stash.names(promiseName(d.U32(4))) {
				return false
			}
		case capThirdPartyHosted:
			vine, err := d.Field(0)
			if err != nil || s.stash.names(promiseName(vine.U32(0))) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// eachNamed calls f for every answer that a message names, but for its own (unless it has no Return), and for
// the promise that it resolves, if it is one that can be understood.
func eachNamed(kind uint16, body capn.Ptr, f func(x name)) {
	p, err := body.Field(0)
	if err != nil {
		return
	}
	switch kind {
	case msgCall:
		eachTarget(p, f)
		if params, err := body.Field(1); err == nil {
			eachInTable(params, f)
		}
	case msgDisembargo:
		eachTarget(p, f)
	case msgProvide: // without a Return its own id may be used again while it waits
		f(answerName(body.U32(0)))
		eachTarget(p, f)
	case msgReturn:
		switch body.U16(6) {
		case returnResults:
			eachInTable(p, f)
		case returnTakeFrom:
			f(answerName(body.U32(8)))
		}
	case msgResolve:
		f(promiseName(body.U32(0)))
		if body.U16(4) == resolveCap {
			eachInDescriptor(p, f)
		}
	}
}

func eachTarget(t capn.Ptr, f func(x name)) {
	if pa, err := t.Field(0); err == nil && t.U16(4) == targetPromisedAnswer {
		f(answerName(pa.U32(0)))
	}
}

func eachInTable(payload capn.Ptr, f func(x name)) {
	list, err := payload.Field(1)
	if err != nil || !list.IsList() {
		return
	}
	for i := range list.Len() {
		eachInDescriptor(list.Elem(i), f)
	}
}

func eachInDescriptor(d capn.Ptr, f func(x name)) {
	if pa, err := d.Field(0); err == nil && d.U16(0) == capReceiverAnswer {
		f(answerName(pa.U32(0)))
	}
}
