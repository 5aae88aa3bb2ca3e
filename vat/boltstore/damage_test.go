package boltstore_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/vat/boltstore"
	"github.com/vatnet/vatnet/vat/store"
)

// made makes a store with two values, and returns its path.
func made(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store")
	s, err := boltstore.Open(path)
	require.NoError(t, err)
	var b store.Batch
	b.Put("w", []byte("k"), []byte("the value that is kept"))
	b.Put("w", []byte("large"), bytes.Repeat([]byte("x"), 20_000))
	require.NoError(t, s.Commit(&b))
	require.NoError(t, s.Close())
	return path
}

// What the disk has changed by itself is an error, and not another value.
func TestChangedValue(t *testing.T) {
	path := made(t)
	data := image(t, path)
	at := bytes.LastIndex(data, []byte("that is kept"))
	data[at] ^= 1
	require.NoError(t, os.WriteFile(path, data, 0o600))
	s, err := boltstore.Open(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	err = s.Check(t.Context())
	require.ErrorIs(t, err, store.ErrDamaged)
	require.ErrorContains(t, err, `bucket "w", key 6b`)
	shot, err := s.Snapshot()
	require.NoError(t, err)
	defer func() { require.NoError(t, shot.Close()) }()
	_, err = shot.Get("w", []byte("k"))
	require.ErrorIs(t, err, store.ErrDamaged)
	c := shot.Cursor("w")
	require.False(t, c.Next())
	require.ErrorIs(t, c.Err(), store.ErrDamaged)
}

func TestNoStore(t *testing.T) {
	whole := image(t, made(t))
	for name, data := range map[string][]byte{
		"text":            []byte(strings.Repeat("this is no store\n", 1000)),
		"short":           []byte("short"),
		"cut off":         whole[:frontSize+4096],
		"fronts only":     whole[:frontSize],
		"zeros":           make([]byte, len(whole)),
		"pages are zeros": append(bytes.Clone(whole[:frontSize]), make([]byte, len(whole)-frontSize)...),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "store")
			require.NoError(t, os.WriteFile(path, data, 0o600))
			_, err := boltstore.Open(path)
			require.ErrorIs(t, err, store.ErrDamaged)
			require.Equal(t, data, image(t, path), "nothing was made of it")
			require.ErrorIs(t, boltstore.Restore(path+"2", bytes.NewReader(data)), store.ErrDamaged)
			require.NoFileExists(t, path+"2")
		})
	}
}

func TestUnknownFormat(t *testing.T) {
	spec.Covers(t, "STORE-4")
	path := made(t)
	db, err := bbolt.Open(path, 0o600, nil)
	require.NoError(t, err)
	require.NoError(t, db.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte("\x00store")).Put([]byte("format"), binary.BigEndian.AppendUint32(nil, store.Format+1))
	}))
	require.NoError(t, db.Close())
	_, err = boltstore.Open(path)
	require.ErrorIs(t, err, store.ErrFormat)
	require.ErrorContains(t, err, "format 2")
}

// TestGolden opens a store that an earlier program has written: testdata has one for each
// format since the first.
func TestGolden(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store")
	f, err := os.Open("testdata/format1.gz")
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	data, err := io.ReadAll(z)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, data, 0o600))
	s, err := boltstore.Open(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	require.NoError(t, s.Check(t.Context()))
	require.Equal(t, "k=22×74 large=20000×78 ", holds(t, s))
}

func TestModes(t *testing.T) {
	path := made(t)
	for _, name := range []string{path, path + ".lock"} {
		info, err := os.Stat(name)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), name)
	}
	require.ErrorIs(t, boltstore.Restore(path, bytes.NewReader(image(t, path))), os.ErrExist)
	_, err := boltstore.Open(filepath.Join(t.TempDir(), "no", "folder"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

// What a crash left of a Compact or of the making of a store is swept away.
func TestLeftovers(t *testing.T) {
	path := made(t)
	for _, suffix := range []string{".new", ".compact"} {
		require.NoError(t, os.WriteFile(path+suffix, []byte("half"), 0o600))
	}
	s, err := boltstore.Open(path)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	left, err := filepath.Glob(path + "*")
	require.NoError(t, err)
	require.Equal(t, []string{path, path + ".lock"}, left)
}
