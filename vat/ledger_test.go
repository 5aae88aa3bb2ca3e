package vat_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/store"
	"github.com/vatnet/vatnet/vat/vattest"
)

// keeper is a vat whose store outlives it, and who uses it.
type keeper struct {
	t    *testing.T
	net  *vattest.Network
	disk store.Memory
	id   *crypto.Identity
	here *vat.Vat // uses it

	v     *vat.Vat // the incarnation that runs
	store store.Store
}

// kept runs a test body in a bubble, with a vat that can be started again.
func kept(t *testing.T, body func(t *testing.T, k *keeper)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		k := &keeper{t: t, net: vattest.NewNetwork()}
		var err error
		k.id, err = crypto.NewIdentity()
		require.NoError(t, err)
		k.here = k.net.Vat(t, "here", quiet())
		k.start()
		body(t, k)
		require.NoError(t, k.v.Close())
	})
}

func (k *keeper) config() *vat.Config {
	var err error
	k.store, err = k.disk.Open()
	require.NoError(k.t, err)
	cfg := quiet()
	cfg.Identity, cfg.Store, cfg.Network, cfg.Listen = k.id, k.store, k.net.Host("there"), []string{"there:7000"}
	return cfg
}

func (k *keeper) start() {
	k.t.Helper()
	var err error
	k.v, err = vat.New(k.config())
	require.NoError(k.t, err)
}

// restart is a crash and the next incarnation, with o published. What was not committed is lost.
func (k *keeper) restart(o any) {
	k.t.Helper()
	before := k.image()
	require.NoError(k.t, k.v.Close())
	require.NoError(k.t, k.disk.Restore(strings.NewReader(before)))
	pass(time.Second)
	k.start()
	require.NoError(k.t, k.v.Publish("log", o))
}

// image is what the store holds.
func (k *keeper) image() string {
	k.t.Helper()
	var image strings.Builder
	require.NoError(k.t, k.store.Backup(k.t.Context(), &image))
	return image.String()
}

// use sends a verb by a sturdyref, anew.
func (k *keeper) use(sr sturdyref.Ref) error {
	ref := k.here.Enliven(sr)
	defer ref.Release()
	_, err := vat.Call[string](k.t.Context(), ref, "join")
	return err
}

func TestMintedOutlivesTheVat(t *testing.T) {
	spec.Covers(t, "DUR-1")
	kept(t, func(t *testing.T, k *keeper) {
		require.NoError(t, k.v.Publish("log", &Recorder{}))
		g, err := k.v.Mint("log", &vat.ExportConfig{Label: "alice", Expires: time.Now().Add(time.Hour)})
		require.NoError(t, err)
		sr := g.Sturdyref()
		require.NoError(t, k.use(sr))
		for range 3 {
			k.restart(&Recorder{})
			require.NoError(t, k.use(sr))
		}
		list := k.v.Grants()
		require.Len(t, list, 1)
		again := list[0]
		require.True(t, again.Sturdyref().IsZero(), "the secret is kept nowhere")
		require.Equal(t, []any{"alice", "log", g.ID(), false}, []any{again.Label(), again.Name(), again.ID(), again.Once()})
		require.True(t, again.Created().Equal(g.Created().Truncate(time.Microsecond)))
		require.True(t, again.Expires().Equal(g.Expires().Truncate(time.Microsecond)))

		secret := sr.Swissnum().Reveal()
		image := k.image()
		require.NotContains(t, image, string(secret[:]))
		require.NotContains(t, image, sr.URI()[len(sr.URI())-56:])
	})
}

func TestMintedExpires(t *testing.T) {
	spec.Covers(t, "DUR-3")
	kept(t, func(t *testing.T, k *keeper) {
		require.NoError(t, k.v.Publish("log", &Recorder{}))
		g, err := k.v.Mint("log", &vat.ExportConfig{Lifetime: time.Minute})
		require.NoError(t, err)
		k.restart(&Recorder{})
		live := k.here.Enliven(g.Sturdyref())
		require.Equal(t, "", call[string](t, live, "join"))
		pass(time.Minute + time.Second)
		require.ErrorIs(t, failure(t, live.Send("join")), vat.ErrRevoked)
		require.ErrorIs(t, k.use(g.Sturdyref()), vat.ErrNoSuchObject)
		require.Empty(t, k.v.Grants())
		k.restart(&Recorder{})
		require.Empty(t, k.v.Grants())
		require.ErrorIs(t, k.use(g.Sturdyref()), vat.ErrNoSuchObject)

		short, err := k.v.Mint("log", &vat.ExportConfig{Lifetime: time.Minute})
		require.NoError(t, err)
		require.NoError(t, k.v.Close())
		pass(time.Hour)
		k.start()
		require.Empty(t, k.v.Grants())
		require.NoError(t, k.v.Publish("log", &Recorder{}))
		require.ErrorIs(t, k.use(short.Sturdyref()), vat.ErrNoSuchObject)
	})
}

// What Revoke has reported is so after a crash: severed at once, and never back.
func TestMintedRevoked(t *testing.T) {
	spec.Covers(t, "DUR-2", "DUR-3")
	kept(t, func(t *testing.T, k *keeper) {
		require.NoError(t, k.v.Publish("log", &Recorder{}))
		gone, err := k.v.Mint("log", nil)
		require.NoError(t, err)
		stays, err := k.v.Mint("log", nil)
		require.NoError(t, err)
		kept, severed := k.here.Enliven(stays.Sturdyref()), k.here.Enliven(gone.Sturdyref())
		require.Equal(t, "", call[string](t, kept, "join"))
		require.Equal(t, "", call[string](t, severed, "join"))
		found, err := k.v.GrantOf(gone.Sturdyref())
		require.NoError(t, err)
		require.Same(t, gone, found)
		require.NoError(t, k.v.Revoke(gone.Sturdyref()))
		_, err = k.v.GrantOf(gone.Sturdyref())
		require.ErrorIs(t, err, vat.ErrNoSuchObject)
		require.NoError(t, gone.Revoke(), "again")
		require.ErrorIs(t, failure(t, severed.Send("join")), vat.ErrRevoked)
		require.Equal(t, "", call[string](t, kept, "join"))

		k.restart(&Recorder{})
		require.ErrorIs(t, k.use(gone.Sturdyref()), vat.ErrNoSuchObject)
		require.NoError(t, k.use(stays.Sturdyref()))
		pass(6 * time.Second) // uses are stored
		require.Len(t, k.v.Grants(), 1)
		require.NoError(t, k.v.Grants()[0].Revoke(), "of an earlier incarnation")
		k.restart(&Recorder{})
		require.Empty(t, k.v.Grants())
		require.ErrorIs(t, k.use(stays.Sturdyref()), vat.ErrNoSuchObject)
	})
}

// A store that refuses says so; the reference is severed all the same.
func TestRevokeThatIsNotStored(t *testing.T) {
	kept(t, func(t *testing.T, k *keeper) {
		require.NoError(t, k.v.Publish("log", &Recorder{}))
		g, err := k.v.Mint("log", nil)
		require.NoError(t, err)
		live := k.here.Enliven(g.Sturdyref())
		require.Equal(t, "", call[string](t, live, "join"))
		k.disk.Refuse(store.ErrFull)
		require.ErrorIs(t, g.Revoke(), vat.ErrNotStored)
		require.ErrorIs(t, failure(t, live.Send("join")), vat.ErrRevoked)
		_, err = k.v.Mint("log", nil)
		require.ErrorIs(t, err, vat.ErrNotStored)
		require.Empty(t, k.v.Grants())
		k.disk.Refuse(nil)
		require.NoError(t, g.Revoke())
		k.restart(&Recorder{})
		require.ErrorIs(t, k.use(g.Sturdyref()), vat.ErrNoSuchObject)
	})
}

// What nobody waits for is stored when there is room again.
func TestUsesAreStoredLater(t *testing.T) {
	kept(t, func(t *testing.T, k *keeper) {
		require.NoError(t, k.v.Publish("log", &Recorder{}))
		g, err := k.v.Mint("log", nil)
		require.NoError(t, err)
		ends, err := k.v.Mint("log", &vat.ExportConfig{Lifetime: time.Second})
		require.NoError(t, err)
		k.disk.Refuse(store.ErrFull)
		require.NoError(t, k.use(g.Sturdyref()))
		pass(time.Minute)
		k.disk.Refuse(nil)
		pass(time.Minute)
		shot, err := k.store.Snapshot()
		require.NoError(t, err)
		hash := g.Sturdyref().Swissnum().Hash(k.v.ID())
		uses, err := shot.Get("uses", hash[:])
		require.NoError(t, err)
		require.NotEmpty(t, uses)
		hash = ends.Sturdyref().Swissnum().Hash(k.v.ID())
		record, err := shot.Get("grants", hash[:])
		require.NoError(t, err)
		require.Nil(t, record, "it has expired")
		require.NoError(t, shot.Close())
	})
}

func TestOnce(t *testing.T) {
	spec.Covers(t, "DUR-3", "DUR-4")
	kept(t, func(t *testing.T, k *keeper) {
		o := &Recorder{}
		require.NoError(t, k.v.Publish("log", o))
		temporary, err := k.v.Grant(o, &vat.ExportConfig{Once: true})
		require.NoError(t, err)
		minted, err := k.v.Mint("log", &vat.ExportConfig{Once: true})
		require.NoError(t, err)
		for _, g := range []*vat.Grant{temporary, minted} {
			live := k.here.Enliven(g.Sturdyref())
			require.Equal(t, "", call[string](t, live, "join"))
			require.ErrorIs(t, k.use(g.Sturdyref()), vat.ErrNoSuchObject)
			require.Equal(t, "", call[string](t, live, "join"), "who came first keeps it")
			live.Release()
			pass(time.Second)
		}
		require.Empty(t, k.v.Grants(), "nothing will come of them any more")
		k.restart(&Recorder{})
		require.ErrorIs(t, k.use(minted.Sturdyref()), vat.ErrNoSuchObject)

		// What cannot be stored has not been used.
		again, err := k.v.Mint("log", &vat.ExportConfig{Once: true})
		require.NoError(t, err)
		k.disk.Refuse(store.ErrFull)
		require.ErrorIs(t, k.use(again.Sturdyref()), vat.ErrNotStored)
		k.disk.Refuse(nil)
		require.NoError(t, k.use(again.Sturdyref()))
		other, err := k.v.Mint("log", &vat.ExportConfig{Once: true})
		require.NoError(t, err)
		k.disk.Refuse(store.ErrFull)
		require.ErrorIs(t, k.use(other.Sturdyref()), vat.ErrNotStored)
		k.disk.Refuse(nil)
		k.restart(&Recorder{})
		require.NoError(t, k.use(other.Sturdyref()))

		// Severing works for what was used, too.
		last, err := k.v.Mint("log", &vat.ExportConfig{Once: true})
		require.NoError(t, err)
		live := k.here.Enliven(last.Sturdyref())
		require.Equal(t, "", call[string](t, live, "join"))
		require.NoError(t, last.Revoke())
		require.ErrorIs(t, failure(t, live.Send("join")), vat.ErrRevoked)
	})
}

func TestRotate(t *testing.T) {
	spec.Covers(t, "DUR-3")
	kept(t, func(t *testing.T, k *keeper) {
		o := &Recorder{}
		require.NoError(t, k.v.Publish("log", o))
		temporary, err := k.v.Grant(o, &vat.ExportConfig{Label: "bob"})
		require.NoError(t, err)
		minted, err := k.v.Mint("log", &vat.ExportConfig{Label: "bob"})
		require.NoError(t, err)
		for _, old := range []*vat.Grant{temporary, minted} {
			live := k.here.Enliven(old.Sturdyref())
			require.Equal(t, "", call[string](t, live, "join"))
			fresh, err := old.Rotate(time.Minute)
			require.NoError(t, err)
			require.Equal(t, "bob", fresh.Label())
			require.True(t, fresh.Expires().IsZero())
			require.NoError(t, k.use(fresh.Sturdyref()))
			require.NoError(t, k.use(old.Sturdyref()), "for a grace")
			last, err := fresh.Rotate(0)
			require.NoError(t, err)
			require.ErrorIs(t, k.use(fresh.Sturdyref()), vat.ErrNoSuchObject)
			_, err = fresh.Rotate(0)
			require.ErrorIs(t, err, vat.ErrNoSuchObject)
			if old == minted {
				k.restart(&Recorder{})
				require.NoError(t, k.use(old.Sturdyref()))
			}
			pass(time.Minute + time.Second)
			if old == temporary {
				require.ErrorIs(t, failure(t, live.Send("join")), vat.ErrRevoked)
			}
			require.ErrorIs(t, k.use(old.Sturdyref()), vat.ErrNoSuchObject)
			require.NoError(t, k.use(last.Sturdyref()))
		}
		k.restart(&Recorder{})
		require.Len(t, k.v.Grants(), 1)
	})
}

func TestUsesAreCounted(t *testing.T) {
	kept(t, func(t *testing.T, k *keeper) {
		require.NoError(t, k.v.Publish("log", &Recorder{}))
		g, err := k.v.Mint("log", nil)
		require.NoError(t, err)
		count, last := g.Uses()
		require.Zero(t, count)
		require.True(t, last.IsZero())
		for range 3 {
			require.NoError(t, k.use(g.Sturdyref()))
		}
		at := time.Now()
		pass(6 * time.Second)
		k.restart(&Recorder{})
		count, last = k.v.Grants()[0].Uses()
		require.EqualValues(t, 3, count)
		require.WithinDuration(t, at, last, time.Second)
	})
}

// Who comes before the object is published waits for it, near and far; not for ever.
func TestLookupWaitsForPublish(t *testing.T) {
	spec.Covers(t, "DUR-5")
	kept(t, func(t *testing.T, k *keeper) {
		g, err := k.v.Mint("log", nil)
		require.NoError(t, err)
		once, err := k.v.Mint("log", &vat.ExportConfig{Once: true})
		require.NoError(t, err)
		lost, err := k.v.Mint("another", nil)
		require.NoError(t, err)
		spared, err := k.v.Mint("another", &vat.ExportConfig{Once: true})
		require.NoError(t, err)
		far, near := k.here.Enliven(g.Sturdyref()), k.v.Enliven(g.Sturdyref())
		first, second := k.here.Enliven(once.Sturdyref()), k.here.Enliven(once.Sturdyref())
		in, vain := k.here.Enliven(lost.Sturdyref()), k.here.Enliven(spared.Sturdyref())
		early := vat.Send[any](far, "note", "early")
		require.Equal(t, vat.PromiseRef, near.State())
		pass(9 * time.Second)
		require.NoError(t, k.v.Publish("log", &Recorder{}))
		_, err = early.Await(t.Context())
		require.NoError(t, err)
		require.Equal(t, "early", call[string](t, near, "join"))
		require.Equal(t, "early", call[string](t, first, "join"))
		require.ErrorIs(t, failure(t, second.Send("join")), vat.ErrNoSuchObject)
		require.NoError(t, g.Revoke())
		require.ErrorIs(t, failure(t, far.Send("join")), vat.ErrRevoked)
		require.ErrorIs(t, failure(t, near.Send("join")), vat.ErrRevoked)

		require.ErrorIs(t, failure(t, in.Send("join")), vat.ErrNoSuchObject)
		require.ErrorIs(t, failure(t, vain.Send("join")), vat.ErrNoSuchObject)
		began := time.Now()
		require.ErrorIs(t, k.use(lost.Sturdyref()), vat.ErrNoSuchObject)
		require.ErrorIs(t, k.use(spared.Sturdyref()), vat.ErrNoSuchObject)
		require.Less(t, time.Since(began), time.Second, "the time is over")
		require.NoError(t, k.v.Publish("another", &Recorder{}))
		require.NoError(t, k.use(lost.Sturdyref()))
		require.NoError(t, k.use(spared.Sturdyref()), "its use was none")
		require.ErrorIs(t, k.use(spared.Sturdyref()), vat.ErrNoSuchObject)
		k.restart(&Recorder{})
		require.ErrorIs(t, k.use(once.Sturdyref()), vat.ErrNoSuchObject)
	})
}

// What is revoked while somebody waits for it to be published breaks.
func TestRevokedBeforePublish(t *testing.T) {
	kept(t, func(t *testing.T, k *keeper) {
		g, err := k.v.Mint("log", nil)
		require.NoError(t, err)
		waits := k.here.Enliven(g.Sturdyref())
		pass(time.Second)
		require.NoError(t, g.Revoke())
		require.ErrorIs(t, failure(t, waits.Send("join")), vat.ErrRevoked)
		require.NoError(t, k.v.Publish("log", &Recorder{}))
		require.ErrorIs(t, failure(t, waits.Send("join")), vat.ErrRevoked)
	})
}

func TestPublishAnew(t *testing.T) {
	kept(t, func(t *testing.T, k *keeper) {
		first := &Recorder{dropped: make(chan struct{})}
		require.NoError(t, k.v.Publish("log", first))
		g, err := k.v.Mint("log", nil)
		require.NoError(t, err)
		live := k.here.Enliven(g.Sturdyref())
		call[any](t, live, "note", "first")
		require.NoError(t, k.v.Publish("log", &Recorder{}))
		require.Equal(t, "first", call[string](t, live, "join"), "who has the first one keeps it")
		again := k.here.Enliven(g.Sturdyref())
		require.Equal(t, "", call[string](t, again, "join"))
		live.Release()
		<-first.dropped
	})
}

func TestLedgerRefuses(t *testing.T) {
	spec.Covers(t, "DUR-6")
	kept(t, func(t *testing.T, k *keeper) {
		for _, name := range []string{"", strings.Repeat("n", 256)} {
			_, err := k.v.Mint(name, nil)
			require.ErrorIs(t, err, vat.ErrNotKept)
			require.ErrorIs(t, k.v.Publish(name, &Recorder{}), vat.ErrNotKept)
		}
		for _, label := range []string{strings.Repeat("l", 256), "\xff"} {
			_, err := k.v.Mint("log", &vat.ExportConfig{Label: label})
			require.ErrorIs(t, err, vat.ErrNotKept)
		}
		_, err := k.here.Mint("log", nil)
		require.ErrorIs(t, err, vat.ErrNoStore)
		require.ErrorIs(t, k.here.Publish("log", &Recorder{}), vat.ErrNoStore)

		require.NoError(t, k.v.Close())
		_, err = k.v.Mint("log", nil)
		require.True(t, errors.Is(err, vat.ErrClosed), err)
		require.ErrorIs(t, k.v.Publish("log", &Recorder{}), vat.ErrClosed)

		cfg := k.config()
		cfg.Identity, err = crypto.NewIdentity()
		require.NoError(t, err)
		_, err = vat.New(cfg)
		require.ErrorIs(t, err, vat.ErrOtherIdentity)
		k.start() // the store is free, and as it was
	})
}
