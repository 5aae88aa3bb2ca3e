package vat_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/store"
)

// Registrar does to grants what can be done, in its turns, which may come to grief.
type Registrar struct {
	vat.Object
	old, made *vat.Grant
	friend    sturdyref.Ref
}

func (r *Registrar) Do(what string, fail bool) (made sturdyref.Ref, err error) {
	v := r.Vat()
	switch what {
	case "mint":
		r.made, err = v.Mint("page", nil)
	case "grant":
		r.made, err = v.Grant(&Page{Title: "granted"}, nil)
	case "rotate":
		r.made, err = r.old.Rotate(0)
	case "rotate late":
		r.made, err = r.old.Rotate(time.Hour)
	case "revoke":
		err = r.old.Revoke()
	case "mint and revoke":
		if r.made, err = v.Mint("page", nil); err == nil {
			err = r.made.Revoke()
		}
	case "publish":
		err = v.Publish("page", &Page{Title: "another"})
	case "enliven":
		v.Enliven(r.friend).SendOnly("note", "x")
	default:
		err = errors.New("what is that?")
	}
	if fail {
		panic("on purpose")
	}
	if err == nil && r.made != nil {
		made = r.made.Sturdyref()
	}
	return made, err
}

// registry is a vat on a slow disk with a Registrar, and a page that is published, with a grant that leads to it.
type registry struct {
	*slowWorld
	t   *testing.T
	o   *Registrar
	far *vat.Ref // to o
}

func onRegistry(t *testing.T, body func(t *testing.T, x *registry)) {
	t.Helper()
	onSlowDisk(t, func(t *testing.T, w *slowWorld) {
		x := &registry{slowWorld: w, t: t, o: &Registrar{}}
		require.NoError(t, w.v.Publish("page", w.near))
		var err error
		x.o.old, err = w.v.Mint("page", nil)
		require.NoError(t, err)
		sr, err := w.v.Export(x.o, nil)
		require.NoError(t, err)
		x.far = w.other.Enliven(sr)
		require.NoError(t, x.far.Await(t.Context()))
		body(t, x)
	})
}

// use calls by a sturdyref.
func (x *registry) use(sr sturdyref.Ref) (title string, err error) {
	return vat.Call[string](x.t.Context(), x.other.Enliven(sr), "named")
}

// leads requires that sturdyrefs lead to an object, or nowhere; now, and in the next incarnation if they are to last.
func (x *registry) leads(title string, srs ...sturdyref.Ref) {
	x.t.Helper()
	for _, sr := range srs {
		got, err := x.use(sr)
		if title == "" {
			require.ErrorIs(x.t, err, vat.ErrNoSuchObject)
		} else {
			require.NoError(x.t, err)
		}
		require.Equal(x.t, title, got)
	}
}

// crash has the vat start anew with what the store has now. The commits that wait go on behind that.
func (x *registry) crash(commits ...chan error) {
	x.t.Helper()
	var image strings.Builder
	require.NoError(x.t, x.slow.Backup(x.t.Context(), &image))
	x.slow.unstall()
	for _, commit := range commits {
		commit <- nil
	}
	require.NoError(x.t, x.v.Close())
	require.NoError(x.t, x.disk.Restore(strings.NewReader(image.String())))
	x.v, _ = x.disk.start(&vat.Config{Store: x.slow, Logger: x.book.logger()})
	x.t.Cleanup(func() { _ = x.v.Close() }) // nothing is to be learned of it
	x.near = page(x.t, x.v)
	require.NoError(x.t, x.v.Publish("page", x.near))
}

// What a turn that comes to grief has done to grants has not been, but for revocations.
func TestUndoneTurnsLeaveGrants(t *testing.T) {
	spec.Covers(t, "KEEP-3", "KEEP-11")
	for _, what := range []string{"mint", "grant", "rotate", "rotate late", "mint and revoke", "publish", "revoke"} {
		for _, how := range []string{"panic", "full"} {
			t.Run(what+" "+how, func(t *testing.T) {
				onRegistry(t, func(t *testing.T, x *registry) {
					if how == "full" {
						x.disk.Refuse(store.ErrFull)
						if what == "grant" || what == "publish" || what == "mint and revoke" {
							return // nothing is stored
						}
						require.ErrorIs(t, failure(t, x.far.Send("do", what, false)), vat.ErrNotStored)
					} else {
						require.ErrorIs(t, failure(t, x.far.Send("do", what, true)), vat.ErrInternal)
					}
					synctest.Wait()
					x.disk.Refuse(nil)
					after := func() {
						t.Helper()
						if what == "revoke" {
							x.leads("", x.o.old.Sturdyref())
							return
						}
						x.leads("first", x.o.old.Sturdyref())
						if x.o.made != nil {
							x.leads("", x.o.made.Sturdyref())
						}
					}
					after()
					if what == "revoke" {
						require.NoError(t, x.o.old.Revoke())
					}
					x.crash()
					after()
				})
			})
		}
	}
}

// What a turn has done to grants nobody sees before it is committed; then it is done.
func TestGrantsWaitForTheCommit(t *testing.T) {
	spec.Covers(t, "KEEP-1", "KEEP-11", "DUR-2")
	for _, what := range []string{"mint", "rotate", "rotate late", "revoke"} {
		t.Run(what, func(t *testing.T) {
			onRegistry(t, func(t *testing.T, x *registry) {
				old := x.o.old.Sturdyref()
				commits := x.slow.stall()
				made := vat.Send[sturdyref.Ref](x.far, "do", what, false)
				commit := <-commits
				_, err := made.Await(ended())
				require.Error(t, err, "it was told before the commit")
				if x.o.made != nil {
					x.leads("", x.o.made.Sturdyref())
				} else {
					x.leads("", old)
				}
				x.slow.unstall()
				commit <- nil
				await(t, made)
				synctest.Wait()
				for again := range 2 {
					if x.o.made != nil {
						x.leads("first", x.o.made.Sturdyref())
					}
					if what == "rotate" || what == "revoke" {
						x.leads("", old)
					} else {
						x.leads("first", old)
					}
					if again == 0 {
						x.crash()
					}
				}
			})
		})
	}
}

// What is revoked, or used for its only time, while a turn is committed that gave it a longer life, does not come back by that.
func TestRevokedWhileATurnIsCommitted(t *testing.T) {
	spec.Covers(t, "DUR-3")
	for _, how := range []string{"revoked", "used"} {
		t.Run(how, func(t *testing.T) {
			onRegistry(t, func(t *testing.T, x *registry) {
				if how == "used" {
					var err error
					x.o.old, err = x.v.Mint("page", &vat.ExportConfig{Once: true})
					require.NoError(t, err)
				}
				commits := x.slow.stall()
				wrote := vat.Send[int](x.near, "write", "x") // what follows waits in one group
				commit := <-commits
				made := vat.Send[sturdyref.Ref](x.far, "do", "rotate late", false)
				synctest.Wait()
				done := make(chan error, 1)
				go func() {
					if how == "revoked" {
						done <- x.o.old.Revoke()
					} else {
						_, err := x.use(x.o.old.Sturdyref())
						done <- err
					}
				}()
				synctest.Wait()
				require.Empty(t, done)
				x.slow.unstall()
				commit <- nil
				await(t, wrote)
				await(t, made)
				require.NoError(t, <-done)
				x.crash()
				x.leads("", x.o.old.Sturdyref())
				x.leads("first", x.o.made.Sturdyref())
			})
		})
	}
}

// A turn that is undone has asked nobody for an object; one that is not sends on what it has enlivened.
func TestEnlivenInTurns(t *testing.T) {
	spec.Covers(t, "KEEP-3")
	onRegistry(t, func(t *testing.T, x *registry) {
		rec := &Recorder{}
		g, err := x.other.Grant(rec, &vat.ExportConfig{Once: true})
		require.NoError(t, err)
		x.o.friend = g.Sturdyref()
		require.ErrorIs(t, failure(t, x.far.Send("do", "enliven", true)), vat.ErrInternal)
		pass(time.Minute)
		uses, _ := g.Uses()
		require.Zero(t, uses)
		call[any](t, x.far, "do", "enliven", false)
		pass(time.Second)
		uses, _ = g.Uses()
		require.Equal(t, uint64(1), uses)
		here, err := x.other.Ref(rec)
		require.NoError(t, err)
		require.Equal(t, "x", call[string](t, here, "join"))
	})
}

// A crash in the middle of a revocation: it was not told of, so that the grant is there again or not, as the store has it, but
// whole: what was kept of it leads on, or is broken.
func TestCrashWhileRevoking(t *testing.T) {
	spec.Covers(t, "DUR-2", "DUR-3", "KEEP-10")
	for _, stored := range []bool{false, true} {
		onRegistry(t, func(t *testing.T, x *registry) {
			vault, err := vat.Root(x.v, "vault", func() *Page { return &Page{Title: "vault"} })
			require.NoError(t, err)
			require.NoError(t, x.v.Publish("vault", vault))
			g, err := x.v.Mint("vault", nil)
			require.NoError(t, err)
			loot := x.other.Enliven(g.Sturdyref())
			require.NoError(t, loot.Await(t.Context()))
			call[any](t, x.slowWorld.far, "link", "loot", loot)

			commits := x.slow.stall()
			x.slow.behind = stored
			revoked := make(chan error, 1)
			go func() { revoked <- g.Revoke() }()
			commit := <-commits
			synctest.Wait()
			require.Empty(t, revoked, "it was told before it was stored")
			require.ErrorIs(t, failure(t, loot.Send("named")), vat.ErrRevoked)
			x.leads("", g.Sturdyref())
			x.crash(commit)

			vault, err = vat.Root(x.v, "vault", func() *Page { return nil })
			require.NoError(t, err)
			require.NoError(t, x.v.Publish("vault", vault))
			kept := exported(t, x.v, x.other).Send("follow", "loot")
			if stored {
				x.leads("", g.Sturdyref())
				require.ErrorIs(t, failure(t, kept.Send("named")), vat.ErrRevoked)
				return
			}
			x.leads("vault", g.Sturdyref())
			require.Equal(t, "vault", call[string](t, kept, "named"))
			require.NoError(t, x.v.Revoke(g.Sturdyref()))
			require.ErrorIs(t, failure(t, kept.Send("named")), vat.ErrRevoked)
		})
	}
}

// A turn may enliven the vat's own sturdyrefs, also those that lead somewhere only later: one for a single use, and one whose
// object is not published yet.
func TestEnlivenOwnInTurns(t *testing.T) {
	spec.Covers(t, "DUR-4", "DUR-5")
	onRegistry(t, func(t *testing.T, x *registry) {
		rec := &Recorder{}
		require.NoError(t, x.v.Publish("own", rec))
		once, err := x.v.Mint("own", &vat.ExportConfig{Once: true})
		require.NoError(t, err)
		early, err := x.v.Mint("not yet", nil)
		require.NoError(t, err)
		for _, g := range []*vat.Grant{once, early} {
			x.o.friend = g.Sturdyref()
			call[any](t, x.far, "do", "enliven", false)
		}
		pass(time.Second)
		near, err := x.v.Ref(rec)
		require.NoError(t, err)
		require.Equal(t, "x", call[string](t, near, "join"))
		require.NoError(t, x.v.Publish("not yet", rec))
		pass(time.Second)
		require.Equal(t, "x x", call[string](t, near, "join"))
		x.leads("", once.Sturdyref())
	})
}
