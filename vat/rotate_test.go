package vat_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/boltstore"
	"github.com/vatnet/vatnet/vat/store"
	"github.com/vatnet/vatnet/vat/vattest"
)

// minted opens the vat in a new directory, mints a sturdyref for its recorder, and closes it.
func minted(t *testing.T, net *vattest.Network) (dir string, sr sturdyref.Ref) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "vat")
	v := opened(t, net, dir)
	g, err := v.Mint("log", nil)
	require.NoError(t, err)
	require.NoError(t, v.Close())
	return dir, g.Sturdyref()
}

// rotated gives the vat in a directory a new identity.
func rotated(t *testing.T, dir string, grace time.Duration) crypto.VatID {
	t.Helper()
	id, err := vat.RotateIdentity(dir, &vat.RotateConfig{Grace: grace})
	require.NoError(t, err)
	return id
}

// fails reports that a sturdyref leads nowhere, and why.
func fails(t *testing.T, net *vattest.Network, sr sturdyref.Ref, want error) {
	t.Helper()
	here := net.Vat(t, "here", quiet())
	_, err := vat.Call[string](t.Context(), here.Enliven(sr), "join")
	require.ErrorIs(t, err, want)
	require.NoError(t, here.Close())
}

// followed returns what Successor makes of a sturdyref.
func followed(t *testing.T, net *vattest.Network, sr sturdyref.Ref) sturdyref.Ref {
	t.Helper()
	here := net.Vat(t, "here", quiet())
	fresh, err := here.Successor(t.Context(), sr)
	require.NoError(t, err)
	require.NoError(t, here.Close())
	return fresh
}

func TestRotateIdentity(t *testing.T) {
	spec.Covers(t, "HS-16", "LOC-16", "DUR-11", "SES-29")
	synctest.Test(t, func(t *testing.T) {
		net := vattest.NewNetwork()
		dir, first := minted(t, net)
		id := rotated(t, dir, time.Hour)
		require.NotEqual(t, first.Vat(), id)
		v := opened(t, net, dir)
		require.Equal(t, id, v.ID())
		require.Len(t, v.Formers(), 1)
		require.Equal(t, first.Vat(), v.Formers()[0].ID)
		works(t, net, first)
		second := followed(t, net, first)
		require.Equal(t, id, second.Vat())
		require.Equal(t, first.Swissnum(), second.Swissnum())
		require.Equal(t, v.Locations(), second.Locations())
		works(t, net, second)
		require.Equal(t, second, followed(t, net, second))
		g, err := v.Mint("log", nil)
		require.NoError(t, err)
		third := g.Sturdyref()
		require.Equal(t, id, third.Vat())
		require.Equal(t, third, followed(t, net, third))

		// After the grace, and in the next incarnation.
		here := net.Vat(t, "here", quiet())
		live := here.Enliven(first)
		require.Equal(t, "", call[string](t, live, "join"))
		pass(time.Hour)
		synctest.Wait()
		require.ErrorIs(t, live.Err(), vat.ErrDisconnected)
		require.NoError(t, here.Close())
		require.True(t, v.Formers()[0].Until.IsZero())
		fails(t, net, first, vat.ErrWrongVat)
		works(t, net, second)
		require.NoError(t, v.Close())
		v = opened(t, net, dir)
		fails(t, net, first, vat.ErrWrongVat)
		works(t, net, second)
		works(t, net, third)
		require.NoError(t, v.Revoke(second))
		fails(t, net, second, vat.ErrNoSuchObject)
		works(t, net, third)
		require.NoError(t, v.Close())
	})
}

// The grace may end while the vat does not run.
func TestGraceEndsMeanwhile(t *testing.T) {
	spec.Covers(t, "DUR-11")
	synctest.Test(t, func(t *testing.T) {
		net := vattest.NewNetwork()
		dir, first := minted(t, net)
		rotated(t, dir, time.Hour)
		pass(2 * time.Hour)
		v := opened(t, net, dir)
		require.True(t, v.Formers()[0].Until.IsZero())
		fails(t, net, first, vat.ErrWrongVat)
		require.NoError(t, v.Close())
	})
}

// copied returns a store in memory that has what the store of a vat that does not run has of the vat itself.
func copied(t *testing.T, dir string) *store.Memory {
	t.Helper()
	from, err := boltstore.Open(filepath.Join(dir, "store"))
	require.NoError(t, err)
	shot, err := from.Snapshot()
	require.NoError(t, err)
	var b store.Batch
	for _, bucket := range []string{"vat", "former", "grants"} {
		for records := shot.Cursor(bucket); records.Next(); {
			b.Put(bucket, bytes.Clone(records.Key()), bytes.Clone(records.Value()))
		}
	}
	require.NoError(t, shot.Close())
	require.NoError(t, from.Close())
	m := &store.Memory{}
	to, err := m.Open()
	require.NoError(t, err)
	require.NoError(t, to.Commit(&b))
	require.NoError(t, to.Close())
	return m
}

// On a disk that is full a vat starts also if a grace is over, and does not answer to the old identity. The key goes when there is
// room: with the next start, or when the owner says so.
func TestGraceEndsOnAFullDisk(t *testing.T) {
	spec.Covers(t, "DUR-10", "DUR-11")
	synctest.Test(t, func(t *testing.T) {
		net := vattest.NewNetwork()
		dir, first := minted(t, net)
		rotated(t, dir, time.Hour)
		id, err := crypto.ReadKeyFile(filepath.Join(dir, "key"), nil)
		require.NoError(t, err)
		pass(2 * time.Hour)
		for _, restart := range []bool{true, false} {
			disk := copied(t, dir)
			var s store.Store
			start := func(refuse error) *vat.Vat {
				s, err = disk.Open()
				require.NoError(t, err)
				disk.Refuse(refuse)
				cfg := quiet()
				cfg.Identity, cfg.Store, cfg.Network, cfg.Listen = id, s, net.Host("there"), first.Locations()
				v, err := vat.New(cfg)
				require.NoError(t, err)
				require.True(t, v.Formers()[0].Until.IsZero())
				fails(t, net, first, vat.ErrWrongVat)
				return v
			}
			v := start(store.ErrFull)
			require.Len(t, formerIn(t, s, first.Vat()), 1+8+8+72+72)
			require.ErrorIs(t, v.RetireFormer(first.Vat()), vat.ErrNotStored)
			if restart {
				require.NoError(t, v.Close())
				v = start(nil)
			} else {
				disk.Refuse(nil)
				require.NoError(t, v.RetireFormer(first.Vat()))
			}
			require.Len(t, formerIn(t, s, first.Vat()), 1+8+8+72)
			require.NoError(t, v.Close())
		}
	})
}

// formerRecord returns what the store of a vat that does not run has of a former identity.
func formerRecord(t *testing.T, dir string, id crypto.VatID) []byte {
	t.Helper()
	s, err := boltstore.Open(filepath.Join(dir, "store"))
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	return formerIn(t, s, id)
}

// formerIn is formerRecord for a store that is open.
func formerIn(t *testing.T, s store.Store, id crypto.VatID) []byte {
	t.Helper()
	shot, err := s.Snapshot()
	require.NoError(t, err)
	record, err := shot.Get("former", id[:])
	require.NoError(t, err)
	record = bytes.Clone(record)
	require.NoError(t, shot.Close())
	return record
}

func TestRetireFormer(t *testing.T) {
	spec.Covers(t, "DUR-11", "DUR-10")
	synctest.Test(t, func(t *testing.T) {
		net := vattest.NewNetwork()
		dir, first := minted(t, net)
		key, err := os.ReadFile(filepath.Join(dir, "key"))
		require.NoError(t, err)
		rotated(t, dir, time.Hour)
		require.Equal(t, 1+8+8+72+72, len(formerRecord(t, dir, first.Vat())))
		file, err := os.ReadFile(filepath.Join(dir, "store"))
		require.NoError(t, err)
		seed := key[len("vatnet-key-1\n")+1:][:32]
		require.Equal(t, first.Vat(), crypto.IdentityFromSeed([32]byte(seed)).VatID())
		require.False(t, bytes.Contains(file, seed), "the seed is sealed")
		v := opened(t, net, dir)
		here := net.Vat(t, "here", quiet())
		live := here.Enliven(first)
		require.Equal(t, "", call[string](t, live, "join"))
		require.NoError(t, v.RetireFormer(first.Vat()))
		synctest.Wait()
		require.ErrorIs(t, live.Err(), vat.ErrDisconnected)
		require.NoError(t, here.Close())
		require.NoError(t, v.RetireFormer(first.Vat()))
		require.ErrorIs(t, v.RetireFormer(v.ID()), vat.ErrNoFormer)
		fails(t, net, first, vat.ErrWrongVat)
		require.NoError(t, v.Close())
		require.Equal(t, 1+8+8+72, len(formerRecord(t, dir, first.Vat())), "the seed is not there any more")
		v = opened(t, net, dir)
		fails(t, net, first, vat.ErrWrongVat)
		require.NoError(t, v.Close())
		require.ErrorIs(t, net.Vat(t, "else", quiet()).RetireFormer(first.Vat()), vat.ErrNoStore)
	})
}

// A vat that changes again and again answers to four former identities, and knows sixteen.
func TestRotateOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := vattest.NewNetwork()
		dir, first := minted(t, net)
		for range 4 {
			rotated(t, dir, time.Hour)
		}
		_, err := vat.RotateIdentity(dir, &vat.RotateConfig{Grace: time.Hour})
		require.ErrorIs(t, err, vat.ErrTooManyFormers)
		v := opened(t, net, dir)
		require.Len(t, v.Formers(), 4)
		works(t, net, first)
		last := followed(t, net, first)
		require.Equal(t, v.ID(), last.Vat())
		require.NoError(t, v.Close())
		for range 12 {
			rotated(t, dir, 0)
		}
		_, err = vat.RotateIdentity(dir, nil)
		require.ErrorIs(t, err, vat.ErrTooManyFormers)
		v = opened(t, net, dir)
		require.Len(t, v.Formers(), 16)
		own := v.Enliven(first)
		require.Equal(t, "", call[string](t, own, "join"))
		here, err := sturdyref.New(v.ID(), v.Locations(), first.Swissnum())
		require.NoError(t, err)
		works(t, net, here)
		fails(t, net, last, vat.ErrWrongVat)
		require.NoError(t, v.Close())
	})
}

func TestRotateRefuses(t *testing.T) {
	net := vattest.NewNetwork()
	_, err := vat.RotateIdentity(filepath.Join(t.TempDir(), "none"), nil)
	require.ErrorIs(t, err, os.ErrNotExist)
	dir, _ := minted(t, net)
	_, err = vat.RotateIdentity(dir, &vat.RotateConfig{Grace: -1})
	require.ErrorContains(t, err, "Grace")
	v := opened(t, net, dir)
	_, err = vat.RotateIdentity(dir, nil)
	require.ErrorIs(t, err, store.ErrLocked)
	require.NoError(t, v.Close())
	other, _ := minted(t, net)
	key, err := os.ReadFile(filepath.Join(other, "key"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "key"), key, 0o600))
	_, err = vat.RotateIdentity(dir, nil)
	require.ErrorIs(t, err, vat.ErrOtherIdentity)
}

// A crash between any two steps leaves the old identity or the new one.
func TestRotationCutShort(t *testing.T) {
	spec.Covers(t, "DUR-12")
	net := vattest.NewNetwork()
	dir, first := minted(t, net)
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		return data
	}
	write := func(name string, data []byte) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	oldKey, oldStore := read("key"), read("store")
	id := rotated(t, dir, time.Hour)
	newKey, newStore := read("key"), read("store")
	next := "key." + id.String()
	for _, crash := range []struct {
		name       string
		key, store []byte
		want       crypto.VatID
	}{
		{"before the store has it", oldKey, oldStore, first.Vat()},
		{"before the key is renamed", oldKey, newStore, id},
		{"after that, with the other name still there", newKey, newStore, id},
	} {
		t.Run(crash.name, func(t *testing.T) {
			write("key", crash.key)
			write("store", crash.store)
			write(next, newKey)
			write("key.mine", []byte("not ours"))
			v := opened(t, net, dir)
			require.Equal(t, crash.want, v.ID())
			require.NoFileExists(t, filepath.Join(dir, next))
			require.FileExists(t, filepath.Join(dir, "key.mine"))
			works(t, net, first)
			require.NoError(t, v.Close())
			v = opened(t, net, dir)
			require.Equal(t, crash.want, v.ID())
			require.NoError(t, v.Close())
		})
	}
}
