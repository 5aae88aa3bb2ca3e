package vat_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/vat"
)

// Keeper watches what it is given, and says much.
type Keeper struct {
	vat.Object
	broken chan time.Time
}

func (k *Keeper) Keep(r *vat.Ref) { r.WhenBroken(func(error) { k.broken <- time.Now() }) }
func (*Keeper) Much() []byte      { return make([]byte, 64<<10) }
func (*Keeper) Bit() []byte       { return make([]byte, 800) }

// A session that ends because too much of what it was told waits for the socket
// ends in the midst of writing; who watches hears of it at once all the same.
func TestBrokenWhileWriting(t *testing.T) {
	cfg := &vat.Config{Limits: vat.Limits{Protocol: vat.ProtocolLimits{HardBytes: 200_000}}}
	far(t, cfg, func(t *testing.T, p *place) {
		k := &Keeper{broken: make(chan time.Time, 1)}
		r := p.give(k)
		call[any](t, r, "keep", &Crowd{})
		p.net.Stall("there", "here", true)
		for range 2000 {
			r.Send("bit")
		}
		begin := time.Now()
		require.Less(t, (<-k.broken).Sub(begin), time.Second)
		p.net.Stall("there", "here", false)
	})
}

// What a peer has taken from the socket is not held for it any more.
func TestASlowReaderWhoCaughtUpIsServed(t *testing.T) {
	cfg := &vat.Config{Limits: vat.Limits{Protocol: vat.ProtocolLimits{SoftBytes: 100_000}}}
	far(t, cfg, func(t *testing.T, p *place) {
		r := p.give(&Keeper{})
		require.NoError(t, r.Await(t.Context()))
		p.net.Stall("there", "here", true)
		var ps []*vat.Promise[[]byte]
		for range 4 {
			ps = append(ps, vat.Send[[]byte](r, "much"))
		}
		synctest.Wait()
		time.Sleep(time.Second)
		p.net.Stall("there", "here", false)
		for _, q := range ps {
			_, err := q.Await(t.Context())
			require.NoError(t, err)
		}
		call[[]byte](t, r, "much")
	})
}

// What is pending when the vat is closed breaks with ErrClosed.
func TestCloseBreaksFarSends(t *testing.T) {
	far(t, nil, func(t *testing.T, p *place) {
		r := p.give(&Keeper{})
		require.NoError(t, r.Await(t.Context()))
		p.net.Stall("here", "there", true)
		q := r.Send("much")
		synctest.Wait()
		require.NoError(t, p.here.Close())
		_, err := q.Await(t.Context())
		require.ErrorIs(t, err, vat.ErrClosed)
		require.ErrorIs(t, err, vat.ErrDisconnected)
		require.ErrorIs(t, err, vat.ErrOutcomeUnknown)
	})
}

// inquisitive is a log handler that asks the vat about itself.
type inquisitive struct {
	slog.Handler
	vat *vat.Vat
	ref *vat.Ref
}

func (h *inquisitive) Enabled(context.Context, slog.Level) bool { return true }

func (h *inquisitive) Handle(context.Context, slog.Record) error {
	if h.ref != nil {
		_ = h.ref.State()
		_ = h.vat.Locations()
	}
	return nil
}

// A log handler may use the vat that it is told of.
func TestALoggerMayUseTheVat(t *testing.T) {
	h := &inquisitive{Handler: slog.DiscardHandler}
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, true, nil)
		v := p.net.Vat(t, "third", &vat.Config{Logger: slog.New(h)})
		sr, err := p.there.Export(&Keeper{}, nil)
		require.NoError(t, err)
		h.vat = v
		r := v.Enliven(sr)
		require.NoError(t, r.Await(t.Context()))
		h.ref = r
		p.net.Cut("third", "there")
		synctest.Wait()
		require.Equal(t, vat.BrokenRef, r.State())
	})
}

// A grant expires also while the vat is busy with one long turn.
func TestGrantExpiresDuringALongTurn(t *testing.T) {
	far(t, nil, func(t *testing.T, p *place) {
		rec := &Recorder{block: make(chan struct{}), began: make(chan struct{}, 1)}
		defer close(rec.block)
		sr, err := p.there.Export(&Keeper{}, &vat.ExportConfig{Lifetime: 2 * time.Second})
		require.NoError(t, err)
		r := p.here.Enliven(sr)
		call[[]byte](t, r, "much")
		busy, err := p.there.Ref(rec)
		require.NoError(t, err)
		busy.SendOnly("block")
		<-rec.began
		time.Sleep(3 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = vat.Call[[]byte](ctx, r, "much")
		require.ErrorIs(t, err, vat.ErrRevoked)
	})
}

// Revoking what has ended with its vat does nothing.
func TestRevokeAfterClose(t *testing.T) {
	v, err := vat.New(&vat.Config{Listen: []string{"127.0.0.1:0"}, Logger: quiet().Logger})
	require.NoError(t, err)
	g, err := v.Grant(&Keeper{}, &vat.ExportConfig{Lifetime: time.Hour})
	require.NoError(t, err)
	require.NoError(t, v.Close())
	require.ErrorIs(t, v.Enliven(g.Sturdyref()).Err(), vat.ErrClosed, "one's own, too")
	g.Revoke()
}
