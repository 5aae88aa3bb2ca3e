package rpctext

import (
	"fmt"
	"strings"

	"capnproto.org/go/capnp/v3"
	"capnproto.org/go/capnp/v3/std/capnp/rpc"

	"github.com/vatnet/vatnet/spec/network"
)

// The messages of a handoff. Of what is the network's only what it should be is described.

func provide(p rpc.Provide) string {
	s := fmt.Sprintf("provide q%d %s", p.QuestionId(), target(must(p.Target())))
	if st, ok := structOf(p.Recipient()); ok {
		s += " for " + bytes(must(network.Await(st).Recipient()))
	}
	return s
}

func accept(a rpc.Accept) string {
	s := fmt.Sprintf("accept q%d", a.QuestionId())
	if st, ok := structOf(a.Provision()); ok {
		c := network.Completion(st)
		s += fmt.Sprintf(" %s from %s", bytes(must(c.Nonce())), bytes(must(c.Donor())))
	}
	if e := must(a.Embargo()); len(e) > 0 {
		s += " embargo " + bytes(e)
	}
	return s
}

func thirdParty(d rpc.ThirdPartyCapDescriptor) string {
	s := fmt.Sprintf("vine e%d", d.VineId())
	if st, ok := structOf(d.Id()); ok {
		c := network.Contact(st)
		s += fmt.Sprintf(" to %s at %s", bytes(must(c.Nonce())), bytes(must(c.Host())))
		locations := must(c.Locations())
		for i := range locations.Len() {
			s += " " + must(locations.At(i))
		}
	}
	return s
}

func structOf(p capnp.Ptr, err error) (capnp.Struct, bool) {
	st := must(p, err).Struct()
	return st, st.IsValid()
}

// bytes describes an id: as text, if it is one but for zeros at its end.
func bytes(b []byte) string { return printable(strings.TrimRight(string(b), "\x00")) }
