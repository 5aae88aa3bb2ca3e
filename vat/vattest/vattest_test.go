package vattest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/vattest"
)

// Counter counts.
type Counter struct {
	vat.Object
	n int
}

func (c *Counter) Add(n int) int  { c.n += n; return c.n }
func (c *Counter) Self() *Counter { return c }

func pair(t *testing.T) (n *vattest.Network, far *vat.Ref) {
	n = vattest.NewNetwork()
	n.Latency("a", "b", 5*time.Millisecond)
	server, client := n.Vat(t, "a", nil), n.Vat(t, "b", nil)
	sr, err := server.Export(&Counter{}, nil)
	require.NoError(t, err)
	far = client.Enliven(sr)
	require.NoError(t, far.Await(t.Context()))
	return n, far
}

func TestRoundTripsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, far := pair(t)
		synctest.Wait()
		before, begin := n.Stats(), time.Now()
		_, err := vat.Call[int](t.Context(), far.Send("self").Send("self"), "add", 1)
		require.NoError(t, err)
		after := n.Stats()
		require.Equal(t, 1, after.RoundTrips-before.RoundTrips)
		require.Equal(t, 10*time.Millisecond, time.Since(begin))
		require.Greater(t, after.Bytes, before.Bytes)
		require.Equal(t, 1, after.Dials)
	})
}

func TestFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, far := pair(t)
		n.Stall("a", "b", true)
		p := vat.Send[int](far, "add", 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := p.Await(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		n.Stall("a", "b", false)
		got, err := p.Await(t.Context())
		require.NoError(t, err)
		require.Equal(t, 1, got, "nothing was lost")

		p = vat.Send[int](far, "add", 1)
		n.Partition("a", "b", true)
		_, err = p.Await(t.Context())
		require.ErrorIs(t, err, vat.ErrDisconnected, "after the time at which a silent peer is dead")
		n.Partition("a", "b", false)

		n2, far := pair(t)
		n2.Cut("a", "b")
		err = nil
		for err == nil {
			_, err = vat.Call[int](t.Context(), far, "add", 1)
		}
		require.ErrorIs(t, err, vat.ErrDisconnected)
	})
}

func TestNetworkIsHandedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := vattest.NewNetwork()
		require.Equal(t, "a", n.Host("a").Name())
		v := n.Vat(t, "a", &vat.Config{Listen: []string{"0.0.0.0:700"}})
		require.Equal(t, []string{"a:700"}, v.Locations())
	})
}

func Example() {
	n := vattest.NewNetwork()
	server, err := vat.New(&vat.Config{Network: n.Host("a"), Listen: []string{"a:7000"}})
	client, err2 := vat.New(&vat.Config{Network: n.Host("b")})
	if err := errors.Join(err, err2); err != nil {
		panic(err)
	}
	defer server.Close()
	defer client.Close()
	sr, err := server.Export(&Counter{}, nil)
	if err != nil {
		panic(err)
	}
	fmt.Println(vat.Call[int](context.Background(), client.Enliven(sr), "add", 41))
	// Output: 41 <nil>
}
