package noise

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/mlkem"
	"crypto/mlkem/mlkemtest"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"hash"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/blake2b"
	"golang.org/x/crypto/blake2s"
)

// The suites of the published vectors that the program itself has no use for.
var (
	hashes = map[string]*Hash{
		"SHA256": SHA256, "SHA512": {"SHA512", sha512.New},
		"BLAKE2s": {"BLAKE2s", keyless(blake2s.New256)}, "BLAKE2b": {"BLAKE2b", keyless(blake2b.New512)},
	}
	ciphers = map[string]*Cipher{"ChaChaPoly": ChaChaPoly, "AESGCM": {Name: "AESGCM", New: aesgcm, BigEndian: true}}
)

func keyless(newHash func([]byte) (hash.Hash, error)) func() hash.Hash {
	return func() hash.Hash {
		h, err := newHash(nil)
		if err != nil {
			panic(err)
		}
		return h
	}
}

func aesgcm(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// vectorFile reads a file of the folder named by VATNET_VECTORS. Without that the
// test is skipped, but not in CI.
func vectorFile(t *testing.T, name string, into any) {
	t.Helper()
	dir := os.Getenv("VATNET_VECTORS")
	if dir == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("VATNET_VECTORS is not set, and CI must check the published vectors")
		}
		t.Skip("VATNET_VECTORS does not name the folder of the published Noise vectors")
	}
	data, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, into))
}

// hexBytes is hexadecimal in JSON.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

type vector struct {
	Name          string   `json:"protocol_name"`
	InitPrologue  hexBytes `json:"init_prologue"`
	InitStatic    hexBytes `json:"init_static"`
	InitEphemeral hexBytes `json:"init_ephemeral"`
	InitRemote    hexBytes `json:"init_remote_static"`
	RespPrologue  hexBytes `json:"resp_prologue"`
	RespStatic    hexBytes `json:"resp_static"`
	RespEphemeral hexBytes `json:"resp_ephemeral"`
	RespRemote    hexBytes `json:"resp_remote_static"`
	Hash          hexBytes `json:"handshake_hash"`
	Messages      []struct{ Payload, Ciphertext hexBytes }
}

func private(t testing.TB, b []byte) *ecdh.PrivateKey {
	if b == nil {
		return nil
	}
	k, err := ecdh.X25519().NewPrivateKey(b)
	require.NoError(t, err)
	return k
}

func public(t testing.TB, b []byte) *ecdh.PublicKey {
	if b == nil {
		return nil
	}
	k, err := ecdh.X25519().NewPublicKey(b)
	require.NoError(t, err)
	return k
}

func TestPublishedVectors(t *testing.T) {
	for _, file := range []string{"noise-cacophony-25519.json", "noise-snow-25519.json"} {
		t.Run(file, func(t *testing.T) {
			var vectors struct{ Vectors []vector }
			vectorFile(t, file, &vectors)
			require.Len(t, vectors.Vectors, 80)
			for _, v := range vectors.Vectors {
				t.Run(v.Name, func(t *testing.T) { v.check(t) })
			}
		})
	}
}

func (v *vector) check(t *testing.T) {
	name := strings.Split(v.Name, "_") // Noise, pattern, 25519, cipher, hash
	cfg := Config{Pattern: PatternByName(name[1]), Cipher: ciphers[name[3]], Hash: hashes[name[4]]}
	require.NotNil(t, cfg.Pattern)
	require.NotNil(t, cfg.Cipher)
	require.NotNil(t, cfg.Hash)
	require.Equal(t, v.Name, ProtocolName(cfg.Pattern, cfg.Cipher, cfg.Hash))
	ic, rc := cfg, cfg
	ic.Initiator = true
	ic.Prologue, ic.Static, ic.Ephemeral, ic.Peer = v.InitPrologue, private(t, v.InitStatic), private(t, v.InitEphemeral), public(t, v.InitRemote)
	rc.Prologue, rc.Static, rc.Ephemeral, rc.Peer = v.RespPrologue, private(t, v.RespStatic), private(t, v.RespEphemeral), public(t, v.RespRemote)
	i, err := New(&ic)
	require.NoError(t, err)
	r, err := New(&rc)
	require.NoError(t, err)

	writer, reader, n := i, r, 0
	for ; !i.Done(); n++ {
		m := v.Messages[n]
		out, err := writer.Write(nil, m.Payload)
		require.NoError(t, err)
		require.Equal(t, []byte(m.Ciphertext), out, "message %d", n)
		in, err := reader.Read(nil, out)
		require.NoError(t, err)
		require.Equal(t, append([]byte{}, m.Payload...), append([]byte{}, in...), "message %d", n)
		writer, reader = reader, writer
	}
	require.True(t, r.Done())
	require.Equal(t, i.Transcript(), r.Transcript())
	if v.Hash != nil { // snow's vectors have none
		require.Equal(t, []byte(v.Hash), i.Transcript())
	}
	iSend, iReceive, err := i.Split()
	require.NoError(t, err)
	rSend, rReceive, err := r.Split()
	require.NoError(t, err)
	require.Greater(t, len(v.Messages), n, "the vector has transport messages")
	for ; n < len(v.Messages); n++ {
		m, send, receive := v.Messages[n], iSend, rReceive
		if n%2 == 1 {
			send, receive = rSend, iReceive
		}
		out, err := send.Encrypt(nil, nil, m.Payload)
		require.NoError(t, err)
		require.Equal(t, []byte(m.Ciphertext), out, "message %d", n)
		in, err := receive.Decrypt(nil, nil, out)
		require.NoError(t, err)
		require.Equal(t, []byte(m.Payload), in)
	}
}

func TestPublishedHybridVector(t *testing.T) {
	var v struct {
		Name     string   `json:"protocol_name"`
		Lengths  []int    `json:"message_lengths"`
		Message3 hexBytes `json:"message_3"`
		Hash     hexBytes `json:"handshake_hash"`
		Key1     hexBytes `json:"cipherstate_1_key"`
		Key2     hexBytes `json:"cipherstate_2_key"`
	}
	vectorFile(t, "noise-xxhfs-25519-mlkem768.json", &v)
	fill := func(b byte, n int) []byte { return bytes.Repeat([]byte{b}, n) }
	kem, err := mlkem.NewDecapsulationKey768(fill(0x15, 64))
	require.NoError(t, err)
	pattern := PatternByName("XXhfs")
	require.Equal(t, v.Name, ProtocolName(pattern, ChaChaPoly, SHA256))
	i, err := New(&Config{Pattern: pattern, Initiator: true, Static: private(t, fill(0x11, 32)), Ephemeral: private(t, fill(0x13, 32)), KEM: kem})
	require.NoError(t, err)
	r, err := New(&Config{
		Pattern: pattern, Static: private(t, fill(0x12, 32)), Ephemeral: private(t, fill(0x14, 32)),
		Encapsulate: func(ek *mlkem.EncapsulationKey768) (shared, ciphertext []byte) {
			shared, ciphertext, err := mlkemtest.Encapsulate768(ek, fill(0x16, 32))
			require.NoError(t, err)
			return shared, ciphertext
		},
	})
	require.NoError(t, err)
	var last []byte
	for n, writer, reader := 0, i, r; n < 3; n, writer, reader = n+1, reader, writer {
		last, err = writer.Write(nil, nil)
		require.NoError(t, err)
		require.Len(t, last, v.Lengths[n])
		_, err = reader.Read(nil, last)
		require.NoError(t, err)
	}
	require.Equal(t, []byte(v.Message3), last)
	require.Equal(t, []byte(v.Hash), i.Transcript())
	require.Equal(t, []byte(v.Hash), r.Transcript())
	send, receive, err := i.Split()
	require.NoError(t, err)
	require.Equal(t, [32]byte(v.Key1), send.Key())
	require.Equal(t, [32]byte(v.Key2), receive.Key())
}
