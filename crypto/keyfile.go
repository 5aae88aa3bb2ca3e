package crypto

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"

	"github.com/vatnet/vatnet/internal/durably"
)

const (
	keyMagic    = "vatnet-key-1\n"
	keyPlain    = 0x00
	keySealed   = 0x01
	keySumLabel = "vatnet v1 key file"
	keySumSize  = 8
	saltSize    = 16

	plainSize  = len(keyMagic) + 1 + 32 + keySumSize
	headerSize = len(keyMagic) + 1 + 4 + 4 + 1 + saltSize + chacha20poly1305.NonceSizeX
	sealedSize = headerSize + 32 + chacha20poly1305.Overhead
)

// argonCost is what a guess at a passphrase costs.
type argonCost struct {
	passes  uint32
	kib     uint32 // memory
	threads uint8
}

// keyCost is what WriteKeyFile asks for. keyCostMax bounds what ReadKeyFile grants
// to a file that somebody else may have written.
var (
	keyCost    = argonCost{passes: 3, kib: 256 << 10, threads: 2}
	keyCostMax = argonCost{passes: 16, kib: 1 << 20, threads: 16}
)

func (c argonCost) bounded() bool {
	return c.passes >= 1 && c.passes <= keyCostMax.passes &&
		c.threads >= 1 && c.threads <= keyCostMax.threads &&
		c.kib >= 8*uint32(c.threads) && c.kib <= keyCostMax.kib
}

// WriteKeyFile keeps an identity in a new file of mode 0600. With a passphrase the
// file is sealed by XChaCha20-Poly1305 under a key from Argon2id (3 passes over
// 256 MiB, which takes about a second); with nil it is in clear, for vats that
// start unattended. An empty passphrase that is not nil is refused with
// ErrPassphrase.
//
// The file appears whole or not at all, and never replaces one: if path exists
// the error wraps fs.ErrExist.
func WriteKeyFile(path string, id *Identity, passphrase []byte) error {
	data, err := encodeKey(id, passphrase)
	if err != nil {
		return err
	}
	return createFile(path, data)
}

// ChangePassphrase replaces a key file by one of the same identity with another passphrase, or nil for
// none. What is read with old, and written with passphrase, is as in ReadKeyFile and WriteKeyFile. The file
// is replaced in one step: after a crash it is the old one or the new one. Copies of the
// old one, backups say, still open with the old passphrase.
func ChangePassphrase(path string, old, passphrase []byte) error {
	id, err := ReadKeyFile(path, old)
	if err != nil {
		return err
	}
	data, err := encodeKey(id, passphrase)
	if err != nil {
		return err
	}
	return writeWhole(path, data, os.Rename)
}

// encodeKey gives the key file of an identity.
func encodeKey(id *Identity, passphrase []byte) ([]byte, error) {
	switch {
	case passphrase == nil:
		return encodePlainKey(id.secrets().seed), nil
	case len(passphrase) == 0:
		return nil, ErrPassphrase
	}
	return encodeSealedKey(id.secrets().seed, passphrase, keyCost), nil
}

// ReadKeyFile reads what WriteKeyFile wrote. For a file in clear the passphrase is
// not used. The errors: ErrPassphrase when it is wrong or, for a sealed file, nil
// or empty; ErrKeyFile when the file is malformed, or asks for more than 16 passes
// or 1 GiB, which is found before that is spent; ErrKeyFileOpen when it is in clear and
// its mode lets others than its owner at it (not checked on Windows); or an error of
// the file system.
func ReadKeyFile(path string, passphrase []byte) (*Identity, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, int64(sealedSize)+1))
	if err != nil {
		return nil, err
	}
	key, err := parseKeyFile(data)
	if err != nil {
		return nil, err
	}
	if !key.sealed {
		info, err := f.Stat()
		if err != nil {
			return nil, err
		}
		if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
			return nil, ErrKeyFileOpen
		}
	}
	return key.open(passphrase)
}

func encodePlainKey(seed [32]byte) []byte {
	data := append([]byte(keyMagic), keyPlain)
	data = append(data, seed[:]...)
	return append(data, keySum(data)...)
}

func keySum(data []byte) []byte {
	h := sha256.New()
	h.Write([]byte(keySumLabel))
	h.Write(data)
	return h.Sum(nil)[:keySumSize]
}

func encodeSealedKey(seed [32]byte, passphrase []byte, cost argonCost) []byte {
	var random [saltSize + chacha20poly1305.NonceSizeX]byte
	rand.Read(random[:]) // never fails: it ends the program instead
	return sealKey(seed, passphrase, cost, random)
}

func sealKey(seed [32]byte, passphrase []byte, cost argonCost, random [saltSize + chacha20poly1305.NonceSizeX]byte) []byte {
	header := append([]byte(keyMagic), keySealed)
	header = binary.BigEndian.AppendUint32(header, cost.passes)
	header = binary.BigEndian.AppendUint32(header, cost.kib)
	header = append(header, cost.threads)
	header = append(header, random[:]...)
	aead, err := chacha20poly1305.NewX(cost.key(passphrase, random[:saltSize]))
	if err != nil {
		panic("crypto: XChaCha20-Poly1305 refuses a key of 32 bytes: " + err.Error())
	}
	return aead.Seal(header, random[saltSize:], seed[:], header)
}

func (c argonCost) key(passphrase, salt []byte) []byte {
	return argon2.IDKey(passphrase, salt, c.passes, c.kib, c.threads, chacha20poly1305.KeySize)
}

// keyFile is a key file taken apart, before anything was spent on it.
type keyFile struct {
	sealed bool
	seed   [32]byte // in clear, if not sealed
	cost   argonCost
	data   []byte // the whole file
}

// parseKeyFile checks the form and, for a file in clear, the checksum.
func parseKeyFile(data []byte) (*keyFile, error) {
	if !bytes.HasPrefix(data, []byte(keyMagic)) || len(data) <= len(keyMagic) {
		return nil, ErrKeyFile
	}
	kind, rest := data[len(keyMagic)], data[len(keyMagic)+1:]
	switch {
	case kind == keyPlain && len(data) == plainSize:
		if !bytes.Equal(keySum(data[:plainSize-keySumSize]), data[plainSize-keySumSize:]) {
			return nil, ErrKeyFile
		}
		return &keyFile{seed: [32]byte(rest[:32])}, nil
	case kind == keySealed && len(data) == sealedSize:
		cost := argonCost{binary.BigEndian.Uint32(rest), binary.BigEndian.Uint32(rest[4:]), rest[8]}
		if !cost.bounded() {
			return nil, ErrKeyFile
		}
		return &keyFile{sealed: true, cost: cost, data: data}, nil
	default:
		return nil, ErrKeyFile
	}
}

func (k *keyFile) open(passphrase []byte) (*Identity, error) {
	if !k.sealed {
		return IdentityFromSeed(k.seed), nil
	}
	if len(passphrase) == 0 {
		return nil, ErrPassphrase
	}
	header, ciphertext := k.data[:headerSize], k.data[headerSize:]
	nonce := header[headerSize-chacha20poly1305.NonceSizeX:]
	salt := header[headerSize-chacha20poly1305.NonceSizeX-saltSize:][:saltSize]
	aead, err := chacha20poly1305.NewX(k.cost.key(passphrase, salt))
	if err != nil {
		return nil, ErrKeyFile
	}
	seed, err := aead.Open(nil, nonce, ciphertext, header)
	if err != nil {
		return nil, ErrPassphrase
	}
	return IdentityFromSeed([32]byte(seed)), nil
}

// createFile makes a file that holds data, whole and on the disk, or none.
func createFile(path string, data []byte) error {
	if _, err := os.Lstat(path); err == nil {
		return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	return writeWhole(path, data, publish)
}

// writeWhole writes a temporary file, and has name give it the name path.
func writeWhole(path string, data []byte, name func(temp, path string) error) error {
	dir := filepath.Dir(path)
	temp, err := os.CreateTemp(dir, ".vat-key-*") // of mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	_, err = temp.Write(data)
	err = errors.Join(err, temp.Sync(), temp.Close())
	if err != nil {
		return err
	}
	if err := name(temp.Name(), path); err != nil {
		return err
	}
	return durably.Sync(dir)
}

// publish gives a file its name without ever taking the name from another: a hard
// link fails when the name exists. Where there are no hard links, rename, after
// a check that leaves a gap.
func publish(temp, path string) error {
	err := os.Link(temp, path)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	if _, err := os.Lstat(path); err == nil {
		return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	return os.Rename(temp, path)
}
