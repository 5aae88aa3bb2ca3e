package vat_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/vat"
)

// The same object in three versions of a program.
type (
	person1 struct {
		vat.Durable
		Name   string
		Friend *vat.Ref
	}
	person2 struct {
		vat.Durable
		First, Last string
		Friend      *vat.Ref
		Since       int // new, and zero
	}
	person3 struct {
		vat.Durable
		Last   string `vat:"surname"`
		Friend *person3
	}
)

func (p *person1) Befriend(f *vat.Ref) { p.Friend = f }
func (p *person1) Called() string      { return p.Name }
func (p *person2) Called() string      { return p.First + "|" + p.Last }
func (p *person2) Know() *vat.Ref      { return p.Friend }
func (p *person3) Called() string      { return p.Last }
func (p *person3) FriendCalled() string {
	return p.Friend.Last
}

func split(old vat.Record) (vat.Record, error) {
	name, _ := old.Get("name")
	s, ok := name.(string)
	if !ok {
		return nil, errors.New("no name")
	}
	friend, _ := old.Get("friend")
	return vat.Record{{Name: "first", Value: s[:1]}, {Name: "last", Value: s[1:]}, {Name: "friend", Value: friend}}, nil
}

func rename(old vat.Record) (vat.Record, error) {
	for i := range old {
		if old[i].Name == "last" {
			old[i].Name = "surname"
		}
	}
	return old, nil
}

// Objects of earlier versions are migrated when they are loaded.
func TestMigration(t *testing.T) {
	spec.Covers(t, "KEEP-7")
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(t)
		defer vat.Unregister("person")

		vat.Register[person1]("person")
		v, end := d.start(nil)
		p, err := vat.Root(v, "p", func() *person1 { return &person1{Name: "Ann"} })
		require.NoError(t, err)
		q, err := vat.Root(v, "q", func() *person1 { return &person1{Name: "Bob"} })
		require.NoError(t, err)
		call[any](t, p, "befriend", q)
		end()

		vat.Unregister("person")
		vat.Register[person2]("person", split)
		v, end = d.start(nil)
		p, err = vat.Root(v, "p", func() *person2 { return nil })
		require.NoError(t, err)
		require.Equal(t, "A|nn", call[string](t, p, "called"))
		require.Equal(t, "B|ob", call[string](t, call[*vat.Ref](t, p, "know"), "called"))
		end()

		vat.Unregister("person")
		vat.Register[person3]("person", split, rename)
		v, end = d.start(nil)
		p, err = vat.Root(v, "p", func() *person3 { return nil })
		require.NoError(t, err)
		require.Equal(t, "nn", call[string](t, p, "called"))
		require.Equal(t, "ob", call[string](t, p, "friendCalled"))
		end()

		vat.Unregister("person")
		vat.Register[person1]("person")
		v, end = d.start(nil)
		defer end()
		_, err = vat.Root(v, "p", func() *person1 { return nil })
		require.ErrorIs(t, err, vat.ErrNotKept, "of a later version")
		vat.Unregister("person")
		_, err = vat.Root(v, "q", func() *person1 { return nil })
		require.ErrorIs(t, err, vat.ErrNotKept, "of a type that is not known")
	})
}

func TestRegisterRefuses(t *testing.T) {
	require.Panics(t, func() { vat.Register[Recorder]("recorder") })
	require.Panics(t, func() { vat.Register[int]("int") })
	require.Panics(t, func() { vat.Register[person1]("") })
	require.Panics(t, func() { vat.Register[person1]("page") }, "a name that is taken")
	require.Panics(t, func() { vat.Register[Page]("paper") }, "a type that has a name")
	require.Panics(t, func() { vat.Register[inherits]("inherits") }, "the object is another one's")
}

type inherits struct{ Page }
