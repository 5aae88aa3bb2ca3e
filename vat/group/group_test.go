package group_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/group"
	"github.com/vatnet/vatnet/vat/vattest"
)

// Room is an object with a group. What it sends is numbered.
type Room struct {
	vat.Object
	all     group.Group
	members map[string]*group.Member
	names   map[*group.Member]string
	refs    map[string]*vat.Ref
}

func newRoom() *Room {
	r := &Room{members: map[string]*group.Member{}, names: map[*group.Member]string{}, refs: map[string]*vat.Ref{}}
	r.all.MaxBehind = 3
	r.all.Removed = func(m *group.Member, err error) {
		why := "failed"
		switch {
		case errors.Is(err, group.ErrSlow):
			why = "was slow"
		case errors.Is(err, vat.ErrDisconnected):
			why = "has gone"
		}
		_ = r.all.Send("hear", r.names[m]+" "+why)
	}
	return r
}

func (r *Room) Enter(name string, who *vat.Ref) {
	m := r.all.Add(who)
	r.members[name], r.names[m] = m, name
	r.refs[name] = who
}

// Ear gives the reference of a member.
func (r *Room) Ear(name string) *vat.Ref { return r.refs[name] }

// Twice adds one reference as two members.
func (r *Room) Twice(a, b string, who *vat.Ref) {
	r.Enter(a, who)
	r.Enter(b, who)
}

// Burst says so many things at once.
func (r *Room) Burst(n int) (err error) {
	r.all.MaxBehind = 0 // the default
	for i := range n {
		err = errors.Join(err, r.all.Send("hear", fmt.Sprint(i)))
	}
	return err
}

func (r *Room) Done(name string) *vat.Promise[any] { return r.members[name].Done() }

func (r *Room) Leave(name string) bool { return r.members[name].Remove() }
func (r *Room) Len() int               { return r.all.Len() }
func (r *Room) Say(text string) error  { return r.all.Send("hear", text) }
func (r *Room) SayNothing() error      { return r.all.Send("hear", make(chan int)) }
func (r *Room) SayTooMuch() error      { return r.all.Send("hear", strings.Repeat("x", 8<<20)) }

// Ear is a member. It is as slow, or as faulty, as the test wants.
type Ear struct {
	vat.Object
	heard []string
	deaf  bool
	fails error
	gone  bool // nobody can tell it anything any more
}

// count returns how often it has heard that.
func (e *Ear) count(what string) (n int) {
	for _, text := range e.heard {
		if text == what {
			n++
		}
	}
	return n
}

func (e *Ear) Unreferenced() { e.gone = true }

func (e *Ear) Hear(text string) (*vat.Promise[any], error) {
	if e.fails != nil {
		return nil, e.fails
	}
	e.heard = append(e.heard, text)
	p, r := vat.NewPromise[any](e.Vat())
	if !e.deaf {
		return p, r.Resolve(nil)
	}
	return p, nil // never answered
}

func (e *Ear) Heard() []string { return e.heard }

// hall is a room, and ears on hosts of their own.
type hall struct {
	net  *vattest.Network
	room *vat.Ref
	ears map[string]*vat.Ref
}

func inHall(t *testing.T, f func(t *testing.T, h *hall)) {
	synctest.Test(t, func(t *testing.T) {
		h := &hall{net: vattest.NewNetwork(), ears: map[string]*vat.Ref{}}
		v := h.net.Vat(t, "room", nil)
		sr, err := v.Export(newRoom(), nil)
		require.NoError(t, err)
		h.room = h.net.Vat(t, "crier", nil).Enliven(sr)
		for name, ear := range map[string]*Ear{
			"alice": {}, "bob": {}, "deaf": {deaf: true}, "faulty": {fails: errors.New("no")},
		} {
			theirs := h.net.Vat(t, name, nil)
			h.ears[name], err = theirs.Ref(ear)
			require.NoError(t, err)
			_, err = vat.Call[any](t.Context(), theirs.Enliven(sr), "enter", name, ear)
			require.NoError(t, err)
		}
		f(t, h)
	})
}

// settle lets everything happen that is under way.
func settle() {
	time.Sleep(time.Second) // of the bubble
	synctest.Wait()
}

func (h *hall) heard(t *testing.T, name string) []string {
	t.Helper()
	settle()
	heard, err := vat.Call[[]string](t.Context(), h.ears[name], "heard")
	require.NoError(t, err)
	return heard
}

func (h *hall) len(t *testing.T) int {
	t.Helper()
	n, err := vat.Call[int](t.Context(), h.room, "len")
	require.NoError(t, err)
	return n
}

// Everybody gets the same in the same order, also the news of who was removed; one
// that does not answer gets as much as it is allowed to, and one that fails no more.
func TestOneOrder(t *testing.T) {
	inHall(t, func(t *testing.T, h *hall) {
		require.Equal(t, 4, h.len(t))
		for i := range 6 {
			h.room.SendOnly("say", fmt.Sprint(i))
			settle()
		}
		want := []string{"0", "faulty failed", "1", "2", "deaf was slow", "3", "4", "5"}
		require.Equal(t, want, h.heard(t, "alice"))
		require.Equal(t, h.heard(t, "alice"), h.heard(t, "bob"))
		require.Equal(t, h.heard(t, "alice")[:3], h.heard(t, "deaf"))
		require.Empty(t, h.heard(t, "faulty"))
		require.Equal(t, 2, h.len(t))
	})
}

// A member that is found slow within a Send is news behind what is being sent, for all.
func TestNewsAfterwards(t *testing.T) {
	inHall(t, func(t *testing.T, h *hall) {
		h.room.SendOnly("leave", "faulty")
		settle()
		for _, text := range []string{"0", "1", "2", "3"} {
			h.room.SendOnly("say", text)
			settle()
		}
		want := []string{"0", "1", "2", "3", "deaf was slow"}
		require.Equal(t, want, h.heard(t, "alice"))
		require.Equal(t, want, h.heard(t, "bob"))
		require.Equal(t, want[:3], h.heard(t, "deaf"))
	})
}

func TestGoneAndLeft(t *testing.T) {
	inHall(t, func(t *testing.T, h *hall) {
		h.room.SendOnly("leave", "faulty")
		settle()
		h.net.Cut("room", "bob")
		settle()
		require.Equal(t, []string{"bob has gone"}, h.heard(t, "alice"), "though nobody said anything")
		for _, want := range []bool{true, false} {
			left, err := vat.Call[bool](t.Context(), h.room, "leave", "alice")
			require.NoError(t, err)
			require.Equal(t, want, left)
		}
		h.room.SendOnly("say", "x")
		require.Len(t, h.heard(t, "alice"), 1)
	})
}

// Who is removed is told, and why; who has left is told that he has.
func TestDone(t *testing.T) {
	inHall(t, func(t *testing.T, h *hall) {
		deaf, faulty, bob := h.room.Send("done", "deaf"), h.room.Send("done", "faulty"), h.room.Send("done", "bob")
		for i := range 5 {
			h.room.SendOnly("say", fmt.Sprint(i))
			settle()
		}
		_, err := deaf.Await(t.Context())
		require.ErrorIs(t, err, group.ErrSlow)
		_, err = h.room.Send("done", "deaf").Await(t.Context())
		require.ErrorIs(t, err, group.ErrSlow, "also if he asks late")
		_, err = faulty.Await(t.Context())
		require.EqualError(t, err, "no")
		h.room.SendOnly("leave", "bob")
		_, err = bob.Await(t.Context())
		require.NoError(t, err)
		_, err = h.room.Send("done", "bob").Await(t.Context())
		require.NoError(t, err)
	})
}

// A burst is no reason to lose somebody who answers.
func TestBurst(t *testing.T) {
	inHall(t, func(t *testing.T, h *hall) {
		_, err := vat.Call[any](t.Context(), h.room, "burst", 1000)
		require.NoError(t, err)
		heard := h.heard(t, "alice")
		require.Equal(t, heard, h.heard(t, "bob"))
		require.Len(t, heard, 1001, "and the news of the one that failed")
		require.Equal(t, 3, h.len(t))
	})
}

// Nothing is held for who is no member any more.
func TestLetGo(t *testing.T) {
	inHall(t, func(t *testing.T, h *hall) {
		ear := &Ear{}
		sr, err := h.net.Vat(t, "hotel", nil).Export(newRoom(), nil)
		require.NoError(t, err)
		hotel := h.net.Vat(t, "carol", nil).Enliven(sr)
		_, err = vat.Call[any](t.Context(), hotel, "enter", "carol", ear)
		require.NoError(t, err)
		settle()
		require.False(t, ear.gone, "she is a member")
		hotel.SendOnly("leave", "carol")
		settle()
		require.True(t, ear.gone)
	})
}

// Who does not answer has the room hold something for him; to come again and again gives him no more.
func TestAgainAndAgain(t *testing.T) {
	for name, leaves := range map[string]bool{"removed": false, "leaves": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := vattest.NewNetwork()
				r := newRoom()
				r.all.MaxBehind = 10
				room := n.Vat(t, "room", &vat.Config{MaxPending: 100})
				sr, err := room.Export(r, nil)
				require.NoError(t, err)
				alice := n.Vat(t, "alice", nil)
				ear := &Ear{}
				there := alice.Enliven(sr)
				_, err = vat.Call[any](t.Context(), there, "enter", "alice", ear)
				require.NoError(t, err)
				few := vat.Limits{Protocol: vat.ProtocolLimits{OpenCalls: 4}} // so that others hold what they send it
				hostile := n.Vat(t, "hostile", &vat.Config{Limits: few}).Enliven(sr)
				const times, each = 40, 9
				for i := range times {
					name := fmt.Sprint("mallory ", i)
					_, err = vat.Call[any](t.Context(), hostile, "enter", name, &Ear{deaf: true})
					require.NoError(t, err)
					for range each {
						_, err = vat.Call[any](t.Context(), there, "say", "x")
						require.NoError(t, err)
					}
					if leaves {
						_, err = vat.Call[any](t.Context(), hostile, "leave", name)
						require.NoError(t, err)
					}
				}
				settle()
				require.Equal(t, times*each, ear.count("x"), "alice is a member")
			})
		})
	}
}

// Many that do not answer do not use up what all may have: the slowest go first.
func TestManySlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := vattest.NewNetwork()
		r := newRoom()
		r.all.MaxBehind = 60
		sr, err := n.Vat(t, "room", &vat.Config{MaxPending: 100}).Export(r, nil)
		require.NoError(t, err)
		there := n.Vat(t, "alice", nil).Enliven(sr)
		ear := &Ear{}
		_, err = vat.Call[any](t.Context(), there, "enter", "alice", ear)
		require.NoError(t, err)
		few := vat.Limits{Protocol: vat.ProtocolLimits{OpenCalls: 4}}
		hostile := n.Vat(t, "hostile", &vat.Config{Limits: few}).Enliven(sr)
		for i := range 5 {
			_, err = vat.Call[any](t.Context(), hostile, "enter", fmt.Sprint("mallory ", i), &Ear{deaf: true})
			require.NoError(t, err)
		}
		for range 100 {
			_, err = vat.Call[any](t.Context(), there, "say", "x")
			require.NoError(t, err)
		}
		settle()
		require.Equal(t, 100, ear.count("x"))
		for i := range 5 {
			require.Equal(t, 1, ear.count(fmt.Sprintf("mallory %d was slow", i)))
		}
	})
}

// A reference may be two members: when one has left the other stays.
func TestOneReferenceTwice(t *testing.T) {
	inHall(t, func(t *testing.T, h *hall) {
		for _, name := range []string{"alice", "faulty", "deaf"} {
			h.room.SendOnly("leave", name)
		}
		_, err := vat.Call[any](t.Context(), h.room, "twice", "left", "right", h.room.Send("ear", "bob"))
		require.NoError(t, err)
		h.room.SendOnly("leave", "bob")
		h.room.SendOnly("say", "1")
		h.room.SendOnly("leave", "left")
		h.room.SendOnly("say", "2")
		require.Equal(t, []string{"1", "1", "2"}, h.heard(t, "bob"))
		require.Equal(t, 1, h.len(t))
		h.room.SendOnly("leave", "right")
		settle()
		require.Zero(t, h.len(t))
	})
}

// What cannot be carried is the fault of who sends it.
func TestNotSendable(t *testing.T) {
	inHall(t, func(t *testing.T, h *hall) {
		_, err := vat.Call[any](t.Context(), h.room, "sayNothing")
		require.ErrorContains(t, err, "cannot be sent")
		_, err = vat.Call[any](t.Context(), h.room, "sayTooMuch")
		require.ErrorContains(t, err, "larger than the receiver accepts")
		require.Equal(t, 4, h.len(t))
		require.Empty(t, h.heard(t, "alice"))
	})
}

// Chat is what its name says, in a few lines.
type Chat struct {
	vat.Object
	all group.Group
}

func (c *Chat) Enter(who *vat.Ref)    { c.all.Add(who) }
func (c *Chat) Say(text string) error { return c.all.Send("hear", text) }

// Printer prints what it hears.
type Printer struct {
	vat.Object
	name string
}

func (p *Printer) Hear(text string) { fmt.Println(p.name, "hears:", text) }

func ExampleGroup() {
	v, err := vat.New(nil)
	if err != nil {
		panic(err)
	}
	chat, err := v.Ref(&Chat{}) // others may have it by a sturdyref; see vat.Export
	if err != nil {
		panic(err)
	}
	chat.SendOnly("enter", &Printer{name: "alice"})
	chat.SendOnly("enter", &Printer{name: "bob"})
	chat.SendOnly("say", "hello")
	fmt.Println(v.Shutdown(context.Background())) // waits for what is under way
	// Output:
	// alice hears: hello
	// bob hears: hello
	// <nil>
}
