package pattern_test

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/pattern"
)

// TestPurses: money moves, and neither comes nor goes.
func TestPurses(t *testing.T) {
	bubble(t, func(w *world) {
		bank, v := w.vat("bank"), w.vat("v")
		m := pattern.NewMint("quatloos")
		mint := w.ref(v, bank, m)
		alice, bob := call[*vat.Ref](w, mint, "purse", 100), call[*vat.Ref](w, mint.Send("issuer"), "purse")
		require.Equal(t, "quatloos", call[string](w, bob, "currency"))
		require.Equal(t, "quatloos", call[string](w, mint.Send("issuer"), "currency"))
		alice.SendOnly("deposit", 0, alice)
		bob.SendOnly("deposit", 10, alice.Send("withdraw", 30)) // out of a payment that is on its way
		require.Equal(t, int64(10), call[int64](w, bob, "balance"), "a deposit is seen by what is sent after it")
		call[any](w, bob, "deposit", 70, alice)
		require.Equal(t, int64(0), call[int64](w, alice, "balance"))
		require.Equal(t, int64(80), call[int64](w, bob, "balance"))
		require.Equal(t, int64(100), call[int64](w, mint, "supply"))

		require.ErrorIs(t, failure(w, alice, "deposit", 81, bob), pattern.ErrFunds)
		require.ErrorIs(t, failure(w, alice, "deposit", -1, bob), pattern.ErrAmount)
		require.ErrorIs(t, failure(w, bob, "withdraw", 81), pattern.ErrFunds)
		require.ErrorIs(t, failure(w, bob, "withdraw", -1), pattern.ErrAmount)
		require.ErrorIs(t, failure(w, mint, "purse", -1), pattern.ErrAmount)
		require.ErrorIs(t, failure(w, mint, "purse", int64(math.MaxInt64-99)), pattern.ErrAmount)
		forged := w.ref(v, v, &forger{})
		fool := w.ref(v, bank, pattern.NewMint("quatloos")).Send("purse", 100)
		for name, from := range map[string]any{
			"forged": forged, "of another mint": fool, "no purse": mint, "null": nil, "the issuer": mint.Send("issuer"),
		} {
			require.ErrorIs(t, failure(w, alice, "deposit", 1, from), pattern.ErrNotPurse, name)
		}
		require.Equal(t, int64(0), call[int64](w, alice, "balance"))
		require.Equal(t, int64(80), call[int64](w, bob, "balance"))
	})
}

// forger says that it has money.
type forger struct{ vat.Object }

func (f *forger) Balance() int64 { return 1000 }

// TestConserved: whatever is done with purses, together they hold what was made.
func TestConserved(t *testing.T) {
	bubble(t, func(w *world) {
		v := w.vat("v")
		mint := w.ref(v, v, pattern.NewMint("coins"))
		var purses []*vat.Ref
		for range 5 {
			purses = append(purses, call[*vat.Ref](w, mint, "purse", 100))
		}
		rng := rand.New(rand.NewPCG(1, 2))
		for range 500 {
			from, to := purses[rng.IntN(len(purses))], purses[rng.IntN(len(purses))]
			switch amount := rng.Int64N(150) - 10; rng.IntN(3) {
			case 0:
				to.Send("deposit", amount, from)
			case 1:
				to.Send("deposit", amount, from.Send("withdraw", amount))
			default:
				purses = append(purses, call[*vat.Ref](w, from, "purse"))
			}
		}
		pass(time.Second)
		sum := int64(0)
		for _, p := range purses {
			n := call[int64](w, p, "balance")
			require.GreaterOrEqual(t, n, int64(0))
			sum += n
		}
		require.Equal(t, int64(500), sum)
	})
}

// market is two currencies, each with a bank of its own, and two traders.
type market struct {
	*world
	agent              *vat.Vat
	alice, bob         *vat.Vat
	apples, pears      *vat.Ref // purses: alice's, bob's
	seatA, seatB       *vat.Ref
	aliceMint, bobMint *pattern.Mint
}

func newMarket(w *world) *market {
	m := &market{world: w, agent: w.vat("agent"), alice: w.vat("alice"), bob: w.vat("bob")}
	m.aliceMint, m.bobMint = pattern.NewMint("apples"), pattern.NewMint("pears")
	orchard, garden := w.vat("orchard"), w.vat("garden")
	m.apples = call[*vat.Ref](w, w.ref(m.alice, orchard, m.aliceMint), "purse", 100)
	m.pears = call[*vat.Ref](w, w.ref(m.bob, garden, m.bobMint), "purse", 100)
	a, b := pattern.NewExchange(
		pattern.Payment{Issuer: w.ref(m.agent, orchard, m.aliceMint.Issuer()), Amount: 10},
		pattern.Payment{Issuer: w.ref(m.agent, garden, m.bobMint.Issuer()), Amount: 20})
	m.seatA, m.seatB = w.ref(m.alice, m.agent, a), w.ref(m.bob, m.agent, b)
	return m
}

func (m *market) balance(p vat.Target) int64 { return call[int64](m.world, p, "balance") }

// TestExchange: each gets what the other pays.
func TestExchange(t *testing.T) {
	bubble(t, func(w *world) {
		m := newMarket(w)
		require.Equal(t, pattern.Terms{Pay: 20, Get: 10}, call[pattern.Terms](w, m.seatB, "terms"))
		pears := m.seatA.Send("pay", m.apples)
		require.ErrorIs(t, failure(w, m.seatA, "pay", m.apples), pattern.ErrPaid)
		require.ErrorIs(t, failure(w, m.seatA, "refund"), pattern.ErrOpen)
		apples := call[*vat.Ref](w, m.seatB, "pay", m.pears)
		require.Equal(t, "apples", call[string](w, apples, "currency"))
		require.Equal(t, "pears", call[string](w, pears, "currency"))
		require.Equal(t, int64(10), m.balance(apples))
		require.Equal(t, int64(20), m.balance(pears))
		require.Equal(t, int64(90), m.balance(m.apples))
		require.Equal(t, int64(80), m.balance(m.pears))
		for _, verb := range []string{"withdraw", "refund"} {
			require.ErrorIs(t, failure(w, m.seatA, verb), pattern.ErrDone)
		}
		require.ErrorIs(t, failure(w, m.seatA, "pay", m.apples), pattern.ErrPaid)
	})
}

// TestCheat: who does not pay gets nothing, and the other one gets back what he has paid.
func TestCheat(t *testing.T) {
	bubble(t, func(w *world) {
		m := newMarket(w)
		pears := m.seatA.Send("pay", m.apples)
		for name, c := range map[string]struct {
			from any
			want error
		}{
			"forged":        {w.ref(m.bob, m.bob, &forger{}), pattern.ErrNotPurse},
			"other's money": {w.ref(m.bob, w.vat("moon"), pattern.NewMint("pears")).Send("purse", 20), pattern.ErrNotPurse},
			"not enough":    {m.pears.Send("withdraw", 19), pattern.ErrFunds},
			"nothing":       {nil, pattern.ErrNotPurse},
		} {
			require.ErrorIs(t, failure(w, m.seatB, "pay", c.from), c.want, name)
		}
		never, _ := vat.NewPromise[*vat.Ref](m.bob)
		apples := m.seatB.Send("pay", never)
		pass(time.Second) // it has come to pay
		call[any](w, m.seatA, "withdraw")
		for _, p := range []*vat.Promise[any]{pears, apples} {
			_, err := p.Await(w.ctx)
			require.ErrorIs(t, err, pattern.ErrWithdrawn)
		}
		require.ErrorIs(t, failure(w, m.seatB, "pay", m.pears), pattern.ErrWithdrawn)
		require.Equal(t, int64(10), m.balance(m.seatA.Send("refund")))
		require.Equal(t, int64(0), m.balance(m.seatB.Send("refund")))
		call[any](w, m.apples, "deposit", 10, m.seatA.Send("refund"))
		require.Equal(t, int64(100), m.balance(m.apples))
	})
}

// TestLatePayment: what arrives after the exchange was called off is not lost, and buys nothing.
func TestLatePayment(t *testing.T) {
	bubble(t, func(w *world) {
		m := newMarket(w)
		late, res := vat.NewPromise[*vat.Ref](m.bob)
		m.seatA.Send("pay", m.apples)
		m.seatB.Send("pay", late)
		pass(time.Second)
		call[any](w, m.seatB, "withdraw")
		require.NoError(t, res.Resolve(m.pears))
		pass(time.Second)
		require.Equal(t, int64(10), m.balance(m.seatA.Send("refund")))
		refund := call[*vat.Ref](w, m.seatB, "refund")
		require.Equal(t, "pears", call[string](w, refund, "currency"))
		require.Equal(t, int64(20), m.balance(refund))
		require.Equal(t, int64(80), m.balance(m.pears))
	})
}

// mute is a purse, so it says, that never answers.
type mute struct {
	vat.Object
	asked []context.Context
}

func (m *mute) Present(ctx context.Context, _ string) *vat.Promise[any] {
	m.asked = append(m.asked, ctx)
	p, _ := vat.NewPromise[any](m.Vat())
	return p
}

// Canceled counts those who do not wait any more.
func (m *mute) Canceled() (n int) {
	for _, ctx := range m.asked {
		if ctx.Err() != nil {
			n++
		}
	}
	return n
}

// TestMute: deposits that were canceled are not kept, even if who was asked never answers.
func TestMute(t *testing.T) {
	bubble(t, func(w *world) {
		bank, v := w.vat("bank"), w.vat("v")
		mint := w.ref(v, bank, pattern.NewMint("coins"))
		purse := call[*vat.Ref](w, mint, "purse", 0)
		from := w.ref(v, v, &mute{})
		for range 1000 {
			p := purse.Send("deposit", 1, from)
			pass(time.Millisecond)
			p.Cancel()
			pass(time.Millisecond)
		}
		require.GreaterOrEqual(t, call[int](w, from, "canceled"), 900)
	})
}
