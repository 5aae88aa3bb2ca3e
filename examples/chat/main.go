// Chat is a room for many, like the servers in the manner of IRC that are written in
// Tcl: a name, join, say, quit. Who has the second sturdyref can send people out.
//
//	umask 077; go run ./examples/chat > chat.cap &
//	head -1 chat.cap > room.cap; tail -1 chat.cap > moderator.cap
//	go run ./examples/chat room.cap alice                  # says the lines of standard input
//	go run ./examples/chat -remove bob moderator.cap
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"unicode"

	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/group"
	"github.com/vatnet/vatnet/vat/program"
)

var remove = flag.String("remove", "", "send this `name` out; takes the moderator's sturdyref")

func main() { program.Main(serve, client) }

// The server.

// Room is where people meet.
type Room struct {
	vat.Object
	people group.Group
	seats  map[string]*Seat // by name
}

// Seat is what somebody in the room has: the power to speak there, under that name
// and no other.
type Seat struct {
	vat.Object
	room   *Room
	member *group.Member
	name   string
}

var (
	errTaken = vat.RegisterError("chat.taken", errors.New("somebody else has that name"))
	errOut   = vat.RegisterError("chat.out", errors.New("you are not in the room"))
)

func newRoom() *Room {
	r := &Room{seats: map[string]*Seat{}}
	r.people.Removed = func(m *group.Member, _ error) {
		for _, s := range r.seats {
			if s.member == m {
				_ = r.out(s, "was lost")
			}
		}
	}
	return r
}

// Enter gives a seat to who has a name that is free. The listener hears what is
// said.
func (r *Room) Enter(name string, listener *vat.Ref) (*Seat, error) {
	switch {
	case r.seats[name] != nil:
		return nil, errTaken
	case name == "" || len(name) > 20 || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }):
		return nil, errors.New("a name is a word of up to 20 bytes") // or it could look as if others spoke
	case listener == nil:
		return nil, errors.New("nobody listens")
	}
	s := &Seat{room: r, name: name, member: r.people.Add(listener)}
	r.seats[name] = s
	return s, r.news(name + " came in")
}

// crowd is how many people make a crowd, where nobody is told who comes and goes: to
// tell a thousand of each other would take half a million messages.
const crowd = 100

// news tells everybody who came or went.
func (r *Room) news(text string) error {
	if r.people.Len() > crowd {
		return nil
	}
	return r.people.Send("hear", "", text)
}

// Say says something to everybody.
func (s *Seat) Say(text string) error {
	switch {
	case s.room.seats[s.name] != s:
		return errOut
	case len(text) > 500:
		return errors.New("that is more than 500 bytes")
	}
	return s.room.people.Send("hear", s.name, text)
}

// Who says who is there.
func (s *Seat) Who() []string { return slices.Sorted(maps.Keys(s.room.seats)) }

// Done promises to say when the seat is lost; if not by Quit or by a moderator, then why.
func (s *Seat) Done() *vat.Promise[any] { return s.member.Done() }

// Quit leaves the room.
func (s *Seat) Quit() error { return s.room.out(s, "went out") }

// Unreferenced runs when a client has let go of its seat.
func (s *Seat) Unreferenced() { _ = s.Quit() }

// out ends a seat, and says how.
func (r *Room) out(s *Seat, how string) error {
	if r.seats[s.name] != s {
		return nil
	}
	delete(r.seats, s.name)
	s.member.Remove()
	return r.news(s.name + " " + how)
}

// Moderator is the power to send people out.
type Moderator struct {
	vat.Object
	room *Room
}

// Remove ends the seat of who has that name. He is told, and so are the others.
func (m *Moderator) Remove(name string) error {
	s := m.room.seats[name]
	if s == nil {
		return errOut
	}
	if err := m.room.people.Send("hear", "", name+" is sent out"); err != nil {
		return err
	}
	return m.room.out(s, "went out")
}

func serve(ctx context.Context, v *vat.Vat) error {
	room := newRoom()
	return program.Serve(ctx, v, os.Stdout, room, &Moderator{room: room})
}

// The client.

// Ear hears what is said, and prints it.
type Ear struct{ vat.Object }

// Hear is called from there.
func (*Ear) Hear(name, text string) {
	if name == "" {
		fmt.Println("*", program.Printable(text))
	} else {
		fmt.Printf("<%s> %s\n", program.Printable(name), program.Printable(text))
	}
}

func client(ctx context.Context, there *vat.Ref, args []string) error {
	if *remove != "" {
		_, err := vat.Call[any](ctx, there, "remove", *remove)
		return err
	}
	if len(args) != 1 {
		return errors.New("one name, to be known by")
	}
	seat, err := vat.Call[*vat.Ref](ctx, there, "enter", args[0], &Ear{})
	if err != nil {
		return err
	}
	inside, out := context.WithCancelCause(ctx)
	defer out(nil)
	vat.WhenSettled(seat.Send("done"), func(_ any, err error) (any, error) { out(cmp.Or(err, errOut)); return nil, nil })
	for line, err := range program.Lines(inside, os.Stdin) {
		switch {
		case ctx.Err() != nil: // interrupted: it quits
			continue
		case inside.Err() != nil: // it was sent out, or lost
			return context.Cause(inside)
		case err != nil:
			return err
		}
		if line == "/who" {
			who, err := vat.Call[[]string](ctx, seat, "who")
			if err != nil {
				return err
			}
			fmt.Println("*", program.Printable(strings.Join(who, ", ")))
		} else if _, err := vat.Call[any](ctx, seat, "say", line); err != nil {
			return err
		}
	}
	_, err = vat.Call[any](context.WithoutCancel(ctx), seat, "quit")
	return err
}
