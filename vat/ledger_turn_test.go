package vat_test

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat"
)

// TestGrantsAtOnce mints, uses, rotates and revokes from many goroutines at once; what is left is
// what the store has.
func TestGrantsAtOnce(t *testing.T) {
	kept(t, func(t *testing.T, k *keeper) {
		require.NoError(t, k.v.Publish("log", &Recorder{}))
		var wg sync.WaitGroup
		errs := make(chan error, 8)
		for i := range 8 {
			wg.Go(func() { errs <- k.churn(i) })
		}
		wg.Wait()
		for range 8 {
			require.NoError(t, <-errs)
		}
		left := ids(k.v)
		require.Len(t, left, 8*10)
		k.restart(&Recorder{})
		require.Equal(t, left, ids(k.v))
	})
}

// churn makes ten grants that stay, and others that do not.
func (k *keeper) churn(i int) error {
	for range 10 {
		g, err := k.v.Mint("log", &vat.ExportConfig{Once: i%2 == 0})
		if err != nil {
			return err
		}
		near := k.v.Enliven(g.Sturdyref())
		if err := near.Await(k.t.Context()); err != nil {
			return err
		}
		fresh, err := k.v.Mint("log", &vat.ExportConfig{Lifetime: time.Hour})
		if err != nil {
			return err
		}
		again, err := fresh.Rotate(0)
		if err != nil {
			return err
		}
		if _, err := again.Rotate(time.Minute); err != nil {
			return err
		}
		var wg sync.WaitGroup
		wg.Go(func() { _ = k.v.Grants() })
		wg.Go(func() { _, _ = again.Rotate(time.Minute) }) // one of both is first
		err = errors.Join(again.Revoke(), g.Revoke())
		wg.Wait()
		for _, other := range k.v.Grants() { // of the second rotation, if it was first
			if other.Label() == "" && other.Expires().Before(time.Now().Add(2*time.Minute)) && !other.Expires().IsZero() {
				err = errors.Join(err, other.Revoke())
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// ids returns the ids of all grants, in a fixed order.
func ids(v *vat.Vat) (list []string) {
	for _, g := range v.Grants() {
		list = append(list, g.ID())
	}
	slices.Sort(list)
	return list
}

// Host invites and expels, in its turns.
type Host struct {
	vat.Object
	guests []*vat.Grant
}

func (h *Host) Join() string { return "" }

func (h *Host) Invite() (sturdyref.Ref, error) {
	g, err := h.Vat().Mint("log", nil)
	if err != nil {
		return sturdyref.Ref{}, err
	}
	h.guests = append(h.guests, g)
	return g.Sturdyref(), nil
}

func (h *Host) Expel() error {
	var all error
	for _, g := range h.guests {
		all = errors.Join(all, g.Revoke())
	}
	return all
}

func (h *Host) Renew() (sturdyref.Ref, error) {
	g, err := h.guests[0].Rotate(0)
	if err != nil {
		return sturdyref.Ref{}, err
	}
	h.guests[0] = g
	return g.Sturdyref(), nil
}

func TestGrantsInTurns(t *testing.T) {
	kept(t, func(t *testing.T, k *keeper) {
		o := &Host{}
		require.NoError(t, k.v.Publish("log", o))
		owner, err := k.v.Mint("log", nil)
		require.NoError(t, err)
		host := k.here.Enliven(owner.Sturdyref())
		first, second := call[sturdyref.Ref](t, host, "invite"), call[sturdyref.Ref](t, host, "invite")
		guest := k.here.Enliven(own(t, second))
		require.Equal(t, "", call[string](t, guest, "join"))
		renewed := call[sturdyref.Ref](t, host, "renew")
		require.ErrorIs(t, k.use(own(t, first)), vat.ErrNoSuchObject)
		require.NoError(t, k.use(own(t, renewed)))
		call[any](t, host, "expel")
		require.ErrorIs(t, failure(t, guest.Send("join")), vat.ErrRevoked)
		k.restart(&Host{})
		require.ErrorIs(t, k.use(own(t, renewed)), vat.ErrNoSuchObject)
		require.NoError(t, k.use(owner.Sturdyref()))
	})
}
