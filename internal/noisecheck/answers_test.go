package noisecheck

import (
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write spec/vectors instead of checking them")

func TestCommittedAnswersAreCurrent(t *testing.T) {
	for name, want := range answers() {
		path := filepath.Join("..", "..", "spec", "vectors", name)
		if *update {
			require.NoError(t, os.WriteFile(path, want, 0o644))
		}
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, string(want), string(got), "%s is not what the reference makes", name)
	}
}

// TestReferenceAgainstPublishedHybridVector anchors the reference itself: the same
// steps in another order are a published known answer for XXhfs.
func TestReferenceAgainstPublishedHybridVector(t *testing.T) {
	dir := os.Getenv("VATNET_VECTORS")
	if dir == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("VATNET_VECTORS is not set, and CI must check the published vectors")
		}
		t.Skip("VATNET_VECTORS does not name the folder of the published Noise vectors")
	}
	data, err := os.ReadFile(filepath.Join(dir, "noise-xxhfs-25519-mlkem768.json"))
	require.NoError(t, err)
	var v map[string]any
	require.NoError(t, json.Unmarshal(data, &v))

	p := private{fill(0x13, 32), fill(0x14, 32), fill(0x15, 64), fill(0x16, 32)}
	is, rs := fill(0x11, 32), fill(0x12, 32)
	ek, ciphertext, shared := p.kem()
	e, re := publicOf(p.diallerEphemeral), publicOf(p.responderEphemeral)
	s := newTranscript("Noise_XXhfs_25519+MLKEM768_ChaChaPoly_SHA256")
	s.mixHash(nil)
	m1 := append(append(append([]byte{}, s.mixHash(e)...), s.encryptAndHash(ek)...), s.encryptAndHash(nil)...)
	require.Len(t, m1, 1216)
	m2 := append([]byte{}, s.mixHash(re)...)
	s.mixKey(agree(p.responderEphemeral, e))
	m2 = append(m2, s.encryptAndHash(ciphertext)...)
	s.mixKey(shared)
	m2 = append(m2, s.encryptAndHash(publicOf(rs))...)
	s.mixKey(agree(rs, e))
	m2 = append(m2, s.encryptAndHash(nil)...)
	require.Len(t, m2, 1200)
	m3 := append([]byte{}, s.encryptAndHash(publicOf(is))...)
	s.mixKey(agree(is, re))
	m3 = append(m3, s.encryptAndHash(nil)...)
	require.Equal(t, v["message_3"], hex.EncodeToString(m3))
	require.Equal(t, v["handshake_hash"], hex.EncodeToString(s.h))
	k1, k2 := s.split()
	require.Equal(t, v["cipherstate_1_key"], hex.EncodeToString(k1))
	require.Equal(t, v["cipherstate_2_key"], hex.EncodeToString(k2))
}
