package main

import (
	"context"
	"errors"

	"github.com/vatnet/vatnet/vat"
)

// guest is who is introduced to others.
type guest struct {
	vat.Object
	met chan *vat.Ref
}

func (g *guest) Meet(r *vat.Ref) { g.met <- r } // there is room for all of a batch

// batch is how many references are under way at a time in handoff/out100.
const batch = 100

// party is a vat with a guest, and who can introduce it.
type party struct {
	vat   *vat.Vat
	guest *guest
	ref   *vat.Ref // of the guest, at alice's
}

// newParty makes one that is passed references by alice.
func newParty(alice *vat.Vat, noHandoff bool) (*party, error) {
	v, err := vat.New(&vat.Config{Listen: []string{"127.0.0.1:0"}, NoHandoff: noHandoff})
	if err != nil {
		return nil, err
	}
	p := &party{vat: v, guest: &guest{met: make(chan *vat.Ref, batch)}}
	sr, err := v.Export(p.guest, nil)
	if err == nil {
		p.ref = alice.Enliven(sr)
		err = p.ref.Await(context.Background())
	}
	if err != nil {
		v.Close()
		return nil, err
	}
	return p, nil
}

// introduce passes one reference, and returns what came of it.
func (p *party) introduce(to *vat.Ref) *vat.Ref {
	p.ref.SendOnly("meet", to)
	return <-p.guest.met
}

// use calls until a call went to the object's own vat.
func use(r *vat.Ref, host *vat.Vat) error {
	for {
		via, _ := r.Via()
		if _, err := vat.Call[string](context.Background(), r, "send", text); err != nil || via == host.ID() {
			return err
		}
	}
}

// strangers are the parties of one sample of handoff/strangers, each for one introduction.
type strangers struct{ waiting []*party }

func (s *strangers) prepare(alice *vat.Vat, n int) error {
	s.close()
	for range n {
		p, err := newParty(alice, false)
		if err != nil {
			return err
		}
		s.waiting = append(s.waiting, p)
	}
	return nil
}

func (s *strangers) close() {
	for _, p := range s.waiting {
		p.ref.Release()
		p.vat.Close()
	}
	s.waiting = nil
}

// setupHandoff has three vats: alice introduces bob to carol's objects. A sample ends when bob has called what he was
// introduced to directly: where they have met before, where they had not, and with many references under way; beside
// that, a call on a reference that leads to carol, and one that goes through alice.
func setupHandoff() ([]bench, func(), error) {
	alice, err := vat.New(nil)
	if err != nil {
		return nil, nil, err
	}
	carol, err := vat.New(&vat.Config{Listen: []string{"127.0.0.1:0"}})
	if err != nil {
		return nil, nil, err
	}
	var things []*vat.Ref
	for range batch {
		sr, err := carol.Export(&service{}, nil)
		if err != nil {
			return nil, nil, err
		}
		things = append(things, alice.Enliven(sr))
		if err := things[len(things)-1].Await(context.Background()); err != nil {
			return nil, nil, err
		}
	}
	bob, err := newParty(alice, false)
	if err != nil {
		return nil, nil, err
	}
	apart, err := newParty(alice, true)
	if err != nil {
		return nil, nil, err
	}
	direct, through := bob.introduce(things[0]), apart.introduce(things[0])
	if err := use(direct, carol); err != nil {
		return nil, nil, err
	}
	if via, _ := through.Via(); via != alice.ID() {
		return nil, nil, errors.New("a vat without handoff goes elsewhere than to the donor")
	}
	met := func() error {
		r := bob.introduce(things[0])
		defer r.Release()
		return use(r, carol)
	}
	out := func(n int) error {
		for n > 0 {
			k := min(n, batch)
			for _, thing := range things[:k] {
				bob.ref.SendOnly("meet", thing)
			}
			for range k {
				r := <-bob.guest.met
				if err := use(r, carol); err != nil {
					return err
				}
				r.Release()
			}
			n -= k
		}
		return nil
	}
	call := func(r *vat.Ref) func() error {
		return func() error {
			_, err := vat.Call[string](context.Background(), r, "send", text)
			return err
		}
	}
	s := &strangers{}
	meet := func(n int) error {
		for _, p := range s.waiting[:n] {
			if err := use(p.introduce(things[0]), carol); err != nil {
				return err
			}
		}
		return nil
	}
	stop := func() {
		s.close()
		for _, v := range []*vat.Vat{apart.vat, bob.vat, alice, carol} {
			v.Close()
		}
	}
	return []bench{
		{name: "handoff/met", run: seq(met)},
		{name: "handoff/strangers", prepare: func(n int) error { return s.prepare(alice, n) }, run: meet},
		{name: "handoff/out100", run: out},
		{name: "handoff/call-direct", run: seq(call(direct))},
		{name: "handoff/call-donor", run: seq(call(through))},
	}, stop, nil
}
