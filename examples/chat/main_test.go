package main

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/internal/exampletest"
	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/vattest"
)

func TestProcesses(t *testing.T) {
	p := exampletest.Build(t)
	server := p.Start(t)
	room, moderator := server.Cap(t), server.Cap(t)

	bob := p.Start(t, room, "bob")
	heard := bob.Lines(t, 1)
	alice := p.Start(t, room, "alice")
	alice.Say(t, "hello")
	alice.Hush(t)
	shown := alice.Wait(t)
	require.Equal(t, "* alice came in\n<alice> hello\n", shown)
	exampletest.Shown(t, shown)
	heard += bob.Lines(t, 3)

	require.Contains(t, p.Fail(t, room, "bob"), "somebody else has that name")
	require.Contains(t, p.Fail(t, room, "bob> I agree. <eve"), "a name is a word")
	require.Contains(t, p.Fail(t, "-remove", "bob", room), "no such verb")
	require.Contains(t, p.Fail(t, "-remove", "mallory", moderator), "not in the room")
	require.Empty(t, p.Run(t, "-remove", "bob", moderator))
	heard += bob.Lines(t, 1)
	exampletest.Shown(t, heard)
	told := bob.Fails(t)
	require.Equal(t, "chat: you are not in the room\n", told, "though he has said nothing")
	exampletest.Shown(t, told)

	alice = p.Start(t, room, "alice")
	require.Equal(t, "* alice came in", alice.Line(t))
	alice.Say(t, "hello, \x1b[31mbob") // no colours
	require.Equal(t, "<alice> hello, \uFFFD[31mbob", alice.Line(t))
	alice.Say(t, "/who")
	require.Equal(t, "* alice", alice.Line(t))
	carol := p.Start(t, room, "carol")
	require.Equal(t, "* carol came in", alice.Line(t))
	carol.Kill(t)
	require.Equal(t, "* carol was lost", alice.Line(t))
	alice.Interrupt(t)
	server.Interrupt(t)
}

// heard is an ear that counts.
type heard struct {
	vat.Object
	said map[string]int
	all  func()
	want int
}

func (h *heard) Hear(name, text string) {
	if name == "" {
		return
	}
	h.said[name+": "+text]++
	if h.want--; h.want == 0 {
		h.all()
	}
}

// A thousand members, fifty to a vat: ten of them speak, and all hear it all.
func TestThousand(t *testing.T) {
	const members, speakers, each = 1000, 10, 2
	n := vattest.NewNetwork()
	sr, err := n.Vat(t, "server", nil).Export(newRoom(), nil)
	require.NoError(t, err)
	var all sync.WaitGroup
	var seats []*vat.Ref
	var ears []*heard
	var there *vat.Ref
	for i := range members {
		if i%50 == 0 {
			there = n.Vat(t, fmt.Sprint("host", i), nil).Enliven(sr)
		}
		ear := &heard{said: map[string]int{}, all: all.Done, want: speakers * each}
		all.Add(1)
		seat, err := vat.Call[*vat.Ref](t.Context(), there, "enter", fmt.Sprint("member", i), ear)
		require.NoError(t, err)
		seats, ears = append(seats, seat), append(ears, ear)
	}
	who, err := vat.Call[[]string](t.Context(), seats[0], "who")
	require.NoError(t, err)
	require.Len(t, who, members)
	for _, seat := range seats[:speakers] {
		for i := range each {
			_, err := vat.Call[any](t.Context(), seat, "say", fmt.Sprint(i))
			require.NoError(t, err)
		}
	}
	all.Wait()
	for _, ear := range ears {
		require.Len(t, ear.said, speakers*each, "each once")
	}
}
