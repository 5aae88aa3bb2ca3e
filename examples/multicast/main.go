// Multicast is group communication, as with Spread: who listens gets every message
// and every change of membership, in one order that is the same for all, or is no
// member any more.
//
//	umask 077; go run ./examples/multicast > multicast.cap &
//	head -1 multicast.cap > listen.cap; tail -1 multicast.cap > speak.cap   # the one does not confer the other
//	go run ./examples/multicast listen.cap alice          # listens, until interrupted
//	go run ./examples/multicast -speak speak.cap hello world
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"unicode"

	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/group"
	"github.com/vatnet/vatnet/vat/program"
)

var (
	speak = flag.Bool("speak", false, "say the arguments, rather than listen under a name")
	stuck = flag.Bool("stuck", false, "listen, and never answer")
)

func main() { program.Main(serve, client) }

// The server.

// Hall is for listeners. The library keeps the order, and deals with the slow.
type Hall struct {
	vat.Object
	members group.Group
	seats   map[*group.Member]*Seat
	count   int
}

// Event is what listeners get. Its number is the same for all.
type Event struct {
	Number int
	Text   string
}

func newHall() *Hall {
	h := &Hall{seats: map[*group.Member]*Seat{}}
	h.members.Removed = func(m *group.Member, err error) {
		why := "is gone"
		if errors.Is(err, group.ErrSlow) {
			why = "was too slow"
		}
		_ = h.announce(h.seats[m].name + " " + why) // a text can be carried
		delete(h.seats, m)
	}
	return h
}

func (h *Hall) announce(text string) error {
	h.count++
	return h.members.Send("event", Event{h.count, text})
}

// Join makes a listener a member, under a name that the others see: a short one, for to
// say more is another power.
func (h *Hall) Join(name string, listener *vat.Ref) (*Seat, error) {
	if name == "" || len(name) > 16 || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) }) {
		return nil, errors.New("a name is a word of up to 16 bytes")
	}
	if listener == nil {
		return nil, errors.New("nobody listens")
	}
	m := h.members.Add(listener)
	seat := &Seat{hall: h, member: m, name: name}
	h.seats[m] = seat
	return seat, h.announce(name + " has joined")
}

// Seat is a membership: the power to end it, and to hear how it has ended.
type Seat struct {
	vat.Object
	hall   *Hall
	member *group.Member
	name   string
}

// Done promises to say when it has ended; if not by Leave, then why.
func (s *Seat) Done() *vat.Promise[any] { return s.member.Done() }

// Leave ends the membership.
func (s *Seat) Leave() error {
	if !s.member.Remove() {
		return nil
	}
	delete(s.hall.seats, s.member)
	return s.hall.announce(s.name + " has left")
}

// Lectern is for speakers, who need not be listeners.
type Lectern struct {
	vat.Object
	hall *Hall
}

// Say says something to all members.
func (l *Lectern) Say(text string) error {
	if len(text) > 500 {
		return errors.New("that is more than 500 bytes")
	}
	return l.hall.announce("“" + text + "”")
}

func serve(ctx context.Context, v *vat.Vat) error {
	hall := newHall()
	return program.Serve(ctx, v, os.Stdout, hall, &Lectern{hall: hall})
}

// The client.

// Listener prints what it gets.
type Listener struct{ vat.Object }

// Event is called from there.
func (*Listener) Event(e Event) { fmt.Printf("%d: %s\n", e.Number, program.Printable(e.Text)) }

// Sloth is a listener that answers never.
type Sloth struct{ vat.Object }

// Event is called from there.
func (s *Sloth) Event(Event) *vat.Promise[any] {
	never, _ := vat.NewPromise[any](s.Vat())
	return never
}

func client(ctx context.Context, there *vat.Ref, args []string) error {
	if *speak {
		for _, text := range args {
			if _, err := vat.Call[any](ctx, there, "say", text); err != nil {
				return err
			}
		}
		return nil
	}
	if len(args) != 1 {
		return errors.New("one name, to be known by")
	}
	var listener any = &Listener{}
	if *stuck {
		listener = &Sloth{}
	}
	seat, err := vat.Call[*vat.Ref](ctx, there, "join", args[0], listener)
	if err != nil {
		return err
	}
	if *stuck {
		fmt.Println("joined")
	}
	done := make(chan error, 1)
	vat.WhenSettled(seat.Send("done"), func(_ any, err error) (any, error) { done <- err; return nil, nil })
	select {
	case err := <-done: // it has missed something, so it is a member no more
		return err
	case <-ctx.Done():
		_, err := vat.Call[any](context.WithoutCancel(ctx), seat, "leave")
		return err
	}
}
