package vat_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/vat"
)

// TestRevocationSeversWhatWasHandedOn: a grant that is revoked severs what was handed on under it, whichever way that goes by
// then, at once and in every vat; and nothing is left of it.
func TestRevocationSeversWhatWasHandedOn(t *testing.T) {
	spec.Covers(t, "GRANT-1", "LOC-6")
	lost, apart := quiet(), quiet()
	lost.Advertise = []string{"carol:1"}
	apart.NoHandoff = true
	for name, carol := range map[string]*vat.Config{
		"directly":                          quiet(),
		"by the vine":                       lost,
		"through who has never handed over": apart,
	} {
		for moment := range 16 { // dave has it directly in the end
			t.Run(fmt.Sprint(name, " ", moment), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { revokeAt(t, carol, time.Duration(moment)*8*time.Millisecond) })
			})
		}
	}
}

// revokeAt has alice pass what carol has granted to bob, bob to dave, and alice back to carol; the grant is revoked so long
// after that has begun.
func revokeAt(t *testing.T, carol *vat.Config, moment time.Duration) {
	x := newTrio(t, quiet(), quiet(), carol)
	dave := x.net.Vat(t, "dave", quiet())
	x.others = []*vat.Vat{dave}
	for _, other := range []string{"alice", "bob", "carol"} {
		x.net.Latency("dave", other, 10*time.Millisecond)
	}
	k, toDave := taker(t, dave, x.bob)
	home, toHome := taker(t, x.carol, x.alice)
	g, err := x.carol.Grant(x.thing, nil)
	require.NoError(t, err)
	alices := x.alice.Enliven(g.Sturdyref())
	call[any](t, alices, "note", "alice's")
	call[any](t, toHome, "take", alices)
	carols := <-home.got
	require.Equal(t, vat.NearRef, carols.State())
	call[any](t, x.toTaker, "take", alices)
	bobs := <-x.taker.got
	bobs.SendOnly("note", "bob's")
	toDave.SendOnly("take", bobs)
	pass(moment)

	g.Revoke()
	require.Equal(t, vat.BrokenRef, carols.State())
	before := call[[]string](t, x.toThing, "noted")
	daves := <-k.got
	began := time.Now()
	refs := map[string]*vat.Ref{"alice": alices, "bob": bobs, "dave": daves, "carol": carols}
	for who, r := range refs {
		require.ErrorIs(t, failure(t, r.Send("note", "too late")), vat.ErrRevoked, who)
	}
	require.Less(t, time.Since(began), time.Second)
	pass(time.Minute)
	for who, r := range refs {
		require.ErrorIs(t, failure(t, r.Send("note", "too late")), vat.ErrRevoked, who)
	}
	require.Equal(t, before, call[[]string](t, x.toThing, "noted"))
	x.requireNothingLeft(t, alices, bobs, daves, carols, toDave, toHome)
}
