package crypto

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
)

// cheap makes passphrases cheap to test, and to guess, for one test.
func cheap(t testing.TB) {
	old := keyCost
	keyCost = argonCost{passes: 1, kib: 8, threads: 1}
	t.Cleanup(func() { keyCost = old })
}

func seeded(b byte) *Identity {
	var seed [32]byte
	for i := range seed {
		seed[i] = b
	}
	return IdentityFromSeed(seed)
}

func TestKeyFile(t *testing.T) {
	spec.Covers(t, "ID-4", "ID-6")
	cheap(t)
	id := seeded(9)
	for name, passphrase := range map[string][]byte{"plain": nil, "sealed": []byte("correct horse")} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "key")
			require.NoError(t, WriteKeyFile(path, id, passphrase))
			back, err := ReadKeyFile(path, passphrase)
			require.NoError(t, err)
			require.Equal(t, id.VatID(), back.VatID())
			require.Equal(t, id.StoreKey(), back.StoreKey())

			info, err := os.Stat(path)
			require.NoError(t, err)
			if runtime.GOOS != "windows" {
				require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
			}
			require.ErrorIs(t, WriteKeyFile(path, seeded(1), passphrase), fs.ErrExist)
			again, err := ReadKeyFile(path, passphrase)
			require.NoError(t, err)
			require.Equal(t, id.VatID(), again.VatID(), "a refused write changes nothing")
			entries, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Len(t, entries, 1, "no temporary file is left")
		})
	}
}

// TestKeyFilesRace: of two writers at once one wins, and the other changes nothing.
func TestChangePassphrase(t *testing.T) {
	spec.Covers(t, "ID-8")
	cheap(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "key")
	require.NoError(t, WriteKeyFile(path, seeded(9), nil))
	first, second := []byte("correct horse"), []byte("battery staple")
	for _, step := range []struct{ old, passphrase []byte }{{nil, first}, {first, second}, {second, nil}, {nil, nil}} {
		require.NoError(t, ChangePassphrase(path, step.old, step.passphrase))
		id, err := ReadKeyFile(path, step.passphrase)
		require.NoError(t, err)
		require.Equal(t, seeded(9).VatID(), id.VatID())
		if step.passphrase != nil {
			_, err = ReadKeyFile(path, step.old)
			require.ErrorIs(t, err, ErrPassphrase)
			require.ErrorIs(t, ChangePassphrase(path, []byte("wrong"), nil), ErrPassphrase)
		}
		require.ErrorIs(t, ChangePassphrase(path, step.passphrase, []byte{}), ErrPassphrase)
		info, err := os.Stat(path)
		require.NoError(t, err)
		if runtime.GOOS != "windows" {
			require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
		}
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1, "no temporary file is left")
	require.ErrorIs(t, ChangePassphrase(filepath.Join(dir, "none"), nil, nil), fs.ErrNotExist)
	require.NoFileExists(t, filepath.Join(dir, "none"))
}

func TestKeyFilesRace(t *testing.T) {
	spec.Covers(t, "ID-6")
	dir := t.TempDir()
	path, late := filepath.Join(dir, "key"), filepath.Join(dir, "late")
	require.NoError(t, WriteKeyFile(path, seeded(9), nil))
	require.NoError(t, os.WriteFile(late, []byte("late"), 0o600))
	require.ErrorIs(t, publish(late, path), fs.ErrExist, "the check before it was passed too early")
	back, err := ReadKeyFile(path, nil)
	require.NoError(t, err)
	require.Equal(t, seeded(9).VatID(), back.VatID())
}

func TestKeyFileWithDefaultCost(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 512 MiB-passes of Argon2id")
	}
	require.Equal(t, argonCost{passes: 3, kib: 256 << 10, threads: 2}, keyCost)
	path := filepath.Join(t.TempDir(), "key")
	require.NoError(t, WriteKeyFile(path, seeded(9), []byte("correct horse")))
	back, err := ReadKeyFile(path, []byte("correct horse"))
	require.NoError(t, err)
	require.Equal(t, seeded(9).VatID(), back.VatID())
}

func TestKeyFilePassphrase(t *testing.T) {
	cheap(t)
	path := filepath.Join(t.TempDir(), "key")
	require.ErrorIs(t, WriteKeyFile(path, seeded(9), []byte{}), ErrPassphrase)
	_, err := os.Stat(path)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NoError(t, WriteKeyFile(path, seeded(9), []byte("right")))
	for _, passphrase := range [][]byte{nil, {}, []byte("wrong"), []byte("right ")} {
		_, err := ReadKeyFile(path, passphrase)
		require.ErrorIs(t, err, ErrPassphrase)
	}
	_, err = ReadKeyFile(path+"-not", nil)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.Error(t, WriteKeyFile(filepath.Join(path, "below a file"), seeded(9), nil))
}

func TestKeyFileOpenToOthers(t *testing.T) {
	spec.Covers(t, "ID-7")
	if runtime.GOOS == "windows" {
		t.Skip("no modes")
	}
	cheap(t)
	dir := t.TempDir()
	plain, sealed := filepath.Join(dir, "plain"), filepath.Join(dir, "sealed")
	require.NoError(t, WriteKeyFile(plain, seeded(9), nil))
	require.NoError(t, WriteKeyFile(sealed, seeded(9), []byte("p")))
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o620, 0o601} {
		require.NoError(t, os.Chmod(plain, mode))
		_, err := ReadKeyFile(plain, nil)
		require.ErrorIs(t, err, ErrKeyFileOpen)
		require.NoError(t, os.Chmod(sealed, mode))
		_, err = ReadKeyFile(sealed, []byte("p"))
		require.NoError(t, err, "a sealed file may be seen")
	}
	require.NoError(t, os.Chmod(plain, 0o400))
	_, err := ReadKeyFile(plain, nil)
	require.NoError(t, err)
}

// readKey reads a key file that has these bytes.
func readKey(t *testing.T, data, passphrase []byte) (*Identity, error) {
	path := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(path, data, 0o600))
	return ReadKeyFile(path, passphrase)
}

func TestDamagedKeyFile(t *testing.T) {
	spec.Covers(t, "ID-4")
	id := seeded(9)
	cost := argonCost{passes: 1, kib: 8, threads: 1}
	plain, sealed := encodePlainKey(id.secrets().seed), encodeSealedKey(id.secrets().seed, []byte("p"), cost)
	require.Len(t, plain, 54)
	require.Len(t, sealed, 111)
	check := func(data []byte) {
		got, err := readKey(t, data, []byte("p"))
		require.Nil(t, got)
		require.True(t, errors.Is(err, ErrKeyFile) || errors.Is(err, ErrPassphrase), "%v", err)
	}
	for _, whole := range [][]byte{plain, sealed} {
		for n := range whole {
			check(whole[:n])
		}
		check(append(whole[:len(whole):len(whole)], 0))
	}
	for i := range plain {
		for bit := range 8 {
			damaged := append([]byte(nil), plain...)
			damaged[i] ^= 1 << bit
			check(damaged)
		}
	}
	costAt := len(keyMagic) + 1
	for i := range sealed {
		if i >= costAt && i < costAt+9 {
			continue // see TestKeyFileCostIsBounded: what stays in bounds is spent
		}
		damaged := append([]byte(nil), sealed...)
		damaged[i] ^= 1 << (i % 8)
		check(damaged)
	}
	dearer := append([]byte(nil), sealed...)
	dearer[costAt+7] += 8
	_, err := readKey(t, dearer, []byte("p"))
	require.ErrorIs(t, err, ErrPassphrase, "the header is authenticated")
}

func TestKeyFileCostIsBounded(t *testing.T) {
	spec.Covers(t, "ID-5")
	const max = 1<<32 - 1
	for _, cost := range []argonCost{
		{0, 8, 1}, {1, 0, 1}, {1, 8, 0}, {1, 7, 1}, {1, 15, 2}, {17, 8, 1}, {1, 1<<20 + 1, 1}, {1, 1 << 20, 17},
		{max, 8, 1}, {1, max, 1}, {max, max, 255}, {0, 0, 0},
	} {
		// Made by hand: Argon2 itself must not see these.
		data := append([]byte(keyMagic), keySealed,
			byte(cost.passes>>24), byte(cost.passes>>16), byte(cost.passes>>8), byte(cost.passes),
			byte(cost.kib>>24), byte(cost.kib>>16), byte(cost.kib>>8), byte(cost.kib), cost.threads)
		data = append(data, make([]byte, sealedSize-len(data))...)
		_, err := readKey(t, data, []byte("p"))
		require.ErrorIs(t, err, ErrKeyFile, "%+v", cost)
	}
	require.True(t, keyCost.bounded())
	require.True(t, keyCostMax.bounded())
}

func FuzzKeyFile(f *testing.F) {
	id := seeded(9)
	f.Add(encodePlainKey(id.secrets().seed))
	f.Add(encodeSealedKey(id.secrets().seed, []byte("p"), argonCost{1, 8, 1}))
	f.Add([]byte(keyMagic))
	f.Fuzz(func(t *testing.T, data []byte) {
		key, err := parseKeyFile(data)
		if err != nil {
			require.ErrorIs(t, err, ErrKeyFile)
			return
		}
		if key.sealed {
			require.True(t, key.cost.bounded())
			_, err := key.open(nil)
			require.ErrorIs(t, err, ErrPassphrase)
			return
		}
		require.Equal(t, data, encodePlainKey(key.seed))
	})
}
