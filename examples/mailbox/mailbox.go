package main

import (
	"context"
	"errors"
	"slices"

	"github.com/vatnet/vatnet/vat"
)

// Message is what processes tell each other.
type Message struct {
	Tag    string
	Number int
	Text   string
	Reply  *vat.Ref // a mailbox
}

// Mailbox is what others have of a process: they can tell it something.
type Mailbox struct {
	vat.Object
	kept []Message // in the order in which they came
	want *want     // what its process waits for
}

// want is a Receive that waits.
type want struct {
	ctx  context.Context
	tags []string
	r    *vat.Resolver[Message]
}

// full is how many messages a process may leave lying.
const full = 1000

// Tell leaves a message. Nobody waits for an answer.
func (m *Mailbox) Tell(msg Message) error {
	switch w := m.want; {
	case w != nil && w.ctx.Err() == nil && matches(msg, w.tags):
		m.want = nil
		return w.r.Resolve(msg)
	case len(m.kept) >= full || len(msg.Tag)+len(msg.Text) > 1000:
		return errors.New("the mailbox is full, or the message too long")
	}
	m.kept = append(m.kept, msg)
	return nil
}

func matches(msg Message, tags []string) bool {
	return len(tags) == 0 || slices.Contains(tags, msg.Tag)
}

// slot is the other end of a mailbox, an object that only its own process has.
type slot struct {
	vat.Object
	box *Mailbox
}

// Receive gives the first message that has one of the tags, now or when it comes. The
// context ends when nobody waits for it any more.
func (s *slot) Receive(ctx context.Context, tags []string) (*vat.Promise[Message], error) {
	m := s.box
	if m.want != nil && m.want.ctx.Err() == nil {
		return nil, errors.New("a process receives one thing at a time")
	}
	p, r := vat.NewPromise[Message](s.Vat())
	if i := slices.IndexFunc(m.kept, func(msg Message) bool { return matches(msg, tags) }); i >= 0 {
		_ = r.Resolve(m.kept[i]) // it came as a message, so it can be carried
		m.kept = slices.Delete(m.kept, i, i+1)
	} else {
		m.want = &want{ctx, tags, r}
	}
	return p, nil
}

// Inbox is a slot for a process that is a goroutine: it may wait.
type Inbox struct{ slot *vat.Ref }

// newMailbox makes both ends.
func newMailbox(v *vat.Vat) (*vat.Ref, *Inbox, error) {
	m := &Mailbox{}
	box, err := v.Ref(m)
	if err != nil {
		return nil, nil, err
	}
	slot, err := v.Ref(&slot{box: m})
	return box, &Inbox{slot}, err
}

// Receive waits for a message with one of the tags, or with any if there are none.
// Others stay where they are.
func (in *Inbox) Receive(ctx context.Context, tags ...string) (Message, error) {
	return vat.Call[Message](ctx, in.slot, "receive", tags)
}
