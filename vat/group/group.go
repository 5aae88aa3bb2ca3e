// Package group sends to many at once, and deals with those that are too slow, or have
// gone.
//
// A [Group] belongs to an object, and is used in turns of its vat only, like
// everything that an object has:
//
//	type Room struct {
//		vat.Object
//		all group.Group
//	}
//
//	func (r *Room) Enter(listener *vat.Ref) { r.all.Add(listener) }
//	func (r *Room) Say(text string)         { r.all.Send("hear", text) }
//
// # What a member can rely on
//
// Members get everything that is sent while they are members, all in the same order,
// and nothing twice. A member that misses something is a member no more: who is one has
// missed nothing. So a member is removed when its reference breaks, when it answers
// with an error, and when it has left more than [Group.MaxBehind] sends unanswered. The
// others do not wait for it, and what is held for it is bounded, and let go when it is
// removed for that. When all that the vat may hold (vat.Config.MaxPending) is used up, the
// slowest are removed earlier.
//
// Nobody is removed in silence: [Group.Removed] can tell the others, and [Member.Done] tells
// the member itself, if what it gets for its membership leads there:
//
//	type Seat struct {
//		vat.Object
//		member *group.Member
//	}
//
//	func (s *Seat) Done() *vat.Promise[any] { return s.member.Done() }
//
// A method of a member that takes long, or returns a promise, is answered late, and
// so can hold back what it is sent; see above for how much.
package group

import (
	"errors"
	"slices"

	"github.com/vatnet/vatnet/vat"
)

// DefaultMaxBehind is how many sends a member may leave unanswered if nothing else is
// said.
const DefaultMaxBehind = 1024

// ErrSlow is why a member was removed that left too many sends unanswered.
var ErrSlow = vat.RegisterError("group.slow", errors.New("too slow: too many messages were left unanswered"))

// Group is a set of members. The zero value is a group without any. It must not be
// used outside of turns of the vat that the members' references belong to, nor copied.
type Group struct {
	// MaxBehind is how many sends a member may leave unanswered; 0 means
	// DefaultMaxBehind. It should be well above what is sent, at most, in the time
	// that an answer takes: to a larger burst everybody is slow.
	MaxBehind int
	// Removed is called, in a turn, when a member had to be removed, and why: ErrSlow,
	// what its reference broke with, or what it answered. It may send to the group: the
	// others get that in the same order as everything else. nil is nobody to tell.
	Removed func(m *Member, err error)

	members []*Member // in the order in which they came
	owed    []*Member // that have left and not answered all, in the order in which they left
	queue   []message // what is to be sent next
	sending bool
}

type message struct {
	verb string
	args []any
}

// Member is one member of a group.
type Member struct {
	group   *Group
	ref     *vat.Ref
	unwatch func()
	out     []*vat.Promise[any] // sent, and not answered
	gone    bool
	why     error              // it had to be removed; nil: it was not
	done    *vat.Promise[any]  // nil: nobody has asked
	end     *vat.Resolver[any] // of done
}

// Add adds a member: it gets what is sent from now on. The same reference may be
// added more than once, and is as many members. The group releases the reference when
// the last of these is removed.
func (g *Group) Add(ref *vat.Ref) *Member {
	m := &Member{group: g, ref: ref}
	m.unwatch = ref.WhenBroken(m.fail)
	g.members = append(g.members, m)
	return m
}

// Len returns how many members there are.
func (g *Group) Len() int { return len(g.members) }

// Send sends a verb with args to every member. Nobody waits for anybody. What is sent
// inside of Removed goes out behind what is being sent.
//
// Args that cannot be carried reach nobody, and remove nobody: the error is
// vat.ErrNotSendable, vat.ErrOtherVat or vat.ErrTooLarge.
func (g *Group) Send(verb string, args ...any) error {
	g.queue = append(g.queue, message{verb, args})
	if g.sending {
		return nil // the Send that is under way will tell
	}
	g.sending = true
	defer func() { g.sending = false }()
	var failed error
	for len(g.queue) > 0 {
		next := g.queue[0]
		g.queue = g.queue[1:]
		for _, m := range slices.Clone(g.members) {
			if err := m.send(next); err != nil {
				failed = errors.Join(failed, err)
				break
			}
		}
	}
	return failed
}

// limit is how many sends a member may leave unanswered.
func (g *Group) limit() int {
	if g.MaxBehind == 0 {
		return DefaultMaxBehind
	}
	return g.MaxBehind
}

// send sends to one member, if it still is one. It returns an error if there is
// nothing that could be sent.
func (m *Member) send(msg message) error {
	if m.gone {
		return nil
	}
	if len(m.out) >= m.group.limit() {
		m.fail(ErrSlow)
		return nil
	}
	sent := vat.Send[any](m.ref, msg.verb, msg.args...)
	for errors.Is(sent.Err(), vat.ErrOverloaded) && m.group.relieve(len(m.out)) {
		sent = vat.Send[any](m.ref, msg.verb, msg.args...)
	}
	if err := sent.Err(); m.ref.Err() == nil &&
		(errors.Is(err, vat.ErrNotSendable) || errors.Is(err, vat.ErrOtherVat) || errors.Is(err, vat.ErrTooLarge)) {
		return err
	}
	m.out = append(m.out, sent)
	vat.WhenSettled(sent, func(_ any, err error) (any, error) {
		m.answered(sent)
		if err != nil {
			m.fail(err)
		}
		return nil, nil
	})
	return nil
}

// relieve removes the member that has left most unanswered, if that is more than behind, and reports
// whether it did: the vat holds as much as it may for those who are slow, and others must not pay for it.
func (g *Group) relieve(behind int) bool {
	var slowest *Member
	for _, m := range g.members {
		if len(m.out) > behind {
			slowest, behind = m, len(m.out)
		}
	}
	if slowest != nil {
		slowest.fail(ErrSlow)
	}
	return slowest != nil
}

// answered hears that a send has its answer.
func (m *Member) answered(sent *vat.Promise[any]) {
	if i := slices.Index(m.out, sent); i >= 0 {
		m.out = slices.Delete(m.out, i, i+1)
	}
	if m.gone && len(m.out) == 0 {
		g := m.group
		g.owed = slices.DeleteFunc(g.owed, func(o *Member) bool { return o == m })
	}
}

// fail removes the member because of err, and withdraws what it has not answered.
func (m *Member) fail(err error) {
	if m.gone {
		return
	}
	m.why = err
	m.remove()
	m.withdraw()
	if f := m.group.Removed; f != nil {
		f(m, err)
	}
}

// withdraw cancels what was not answered: it is not held any more.
func (m *Member) withdraw() {
	out := m.out
	m.out = nil
	for _, sent := range out {
		sent.Cancel()
	}
}

// Done gives a promise for the end of the membership. It is fulfilled when the member is
// removed by Remove, and breaks if it has to be removed, as Removed is told why. A member
// that was given it, as the answer to a call of its own, hears of that behind what it was
// sent as a member.
func (m *Member) Done() *vat.Promise[any] {
	if m.done == nil {
		m.done, m.end = vat.NewPromise[any](m.ref.Vat())
		if m.gone {
			m.finish()
		}
	}
	return m.done
}

// finish settles done, if somebody has asked for it.
func (m *Member) finish() {
	switch {
	case m.end == nil:
	case m.why != nil:
		m.end.Break(m.why)
	default:
		_ = m.end.Resolve(nil) // null can be carried
	}
}

// Remove takes the member out of its group, and reports whether it was in it. It gets
// nothing that is sent from now on; what was sent before is on its way, and is withdrawn
// only if those who left later have not answered as much as one member may leave
// unanswered. Removed is not called.
func (m *Member) Remove() bool {
	if m.gone {
		return false
	}
	m.remove()
	if len(m.out) == 0 {
		return true
	}
	g := m.group
	g.owed = append(g.owed, m)
	n := 0
	for i := len(g.owed) - 1; i >= 0; i-- {
		if n += len(g.owed[i].out); n > g.limit() {
			for _, o := range g.owed[:i+1] {
				o.withdraw()
			}
			g.owed = slices.Delete(g.owed, 0, i+1)
			break
		}
	}
	return true
}

// remove is the end of a membership.
func (m *Member) remove() {
	m.gone = true
	m.unwatch()
	m.finish()
	g := m.group
	g.members = slices.DeleteFunc(g.members, func(o *Member) bool { return o == m })
	if !slices.ContainsFunc(g.members, func(o *Member) bool { return o.ref == m.ref }) {
		m.ref.Release()
	}
}
