package noisecheck

import (
	"bytes"
	"crypto/ecdh"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	flynn "github.com/flynn/noise"
	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/internal/noise"
)

var flynnPatterns = map[string]flynn.HandshakePattern{
	"NN": flynn.HandshakeNN, "NK": flynn.HandshakeNK, "NX": flynn.HandshakeNX,
	"XN": flynn.HandshakeXN, "XK": flynn.HandshakeXK, "XX": flynn.HandshakeXX,
	"KN": flynn.HandshakeKN, "KK": flynn.HandshakeKK, "KX": flynn.HandshakeKX,
	"IN": flynn.HandshakeIN, "IK": flynn.HandshakeIK, "IX": flynn.HandshakeIX,
}

// rounds is the number of handshakes for each pattern and each way round.
const rounds = 420

func TestAgainstFlynn(t *testing.T) {
	ran := 0
	for _, p := range noise.Patterns {
		if p.Hybrid() {
			continue
		}
		theirs, ok := flynnPatterns[p.Name]
		require.True(t, ok)
		for round := range rounds {
			for _, weDial := range []bool{true, false} {
				var seed [32]byte
				copy(seed[:], p.Name)
				binary.LittleEndian.PutUint32(seed[4:], uint32(round))
				one(t, p, theirs, weDial, rand.NewChaCha8(seed))
				ran++
			}
		}
	}
	require.GreaterOrEqual(t, ran, 10_000)
	t.Logf("%d handshakes in %d patterns", ran, len(flynnPatterns))
}

// side is what both implementations can do.
type side struct {
	write, read func([]byte) ([]byte, error)
	hash        func() []byte
	encrypt     func([]byte) ([]byte, error)
	decrypt     func([]byte) ([]byte, error)
	rekey       func()
}

// one runs a handshake between the two, with payloads of random lengths, and a
// few messages with rekeying in between. A mismatch is an authentication failure.
func one(t *testing.T, p *noise.Pattern, theirs flynn.HandshakePattern, weDial bool, r *rand.ChaCha8) {
	rng := rand.New(r)
	random := func(n int) []byte {
		b := make([]byte, n)
		_, _ = r.Read(b)
		return b
	}
	ours, err := ecdh.X25519().NewPrivateKey(random(32))
	require.NoError(t, err)
	suite := flynn.NewCipherSuite(flynn.DH25519, flynn.CipherChaChaPoly, flynn.HashSHA256)
	their, err := suite.GenerateKeypair(r)
	require.NoError(t, err)
	prologue := random(rng.IntN(40))

	cfg := noise.Config{Pattern: p, Initiator: weDial, Prologue: prologue, Static: ours}
	flynnCfg := flynn.Config{CipherSuite: suite, Random: r, Pattern: theirs, Initiator: !weDial, Prologue: prologue, StaticKeypair: their}
	if weDial && p.RespPre || !weDial && p.InitPre {
		cfg.Peer, err = ecdh.X25519().NewPublicKey(their.Public)
		require.NoError(t, err)
	}
	if weDial && p.InitPre || !weDial && p.RespPre {
		flynnCfg.PeerStatic = ours.PublicKey().Bytes()
	}
	us, err := noise.New(&cfg)
	require.NoError(t, err)
	them, err := flynn.NewHandshakeState(flynnCfg)
	require.NoError(t, err)

	a, b := engineSide(us), flynnSide(them, weDial)
	writer, reader := a, b
	if !weDial {
		writer, reader = b, a
	}
	for range p.Messages {
		talk(t, p, writer.write, reader.read, random(rng.IntN(60)))
		writer, reader = reader, writer
	}
	if !us.Done() || !bytes.Equal(a.hash(), b.hash()) {
		t.Fatalf("%s: handshake hashes differ", p.Name)
	}
	if cfg.Peer == nil && us.Peer() != nil && !bytes.Equal(us.Peer().Bytes(), their.Public) {
		t.Fatalf("%s: static key", p.Name)
	}
	send, receive, err := us.Split()
	require.NoError(t, err)
	a.encrypt = func(m []byte) ([]byte, error) { return send.Encrypt(nil, nil, m) }
	a.decrypt = func(m []byte) ([]byte, error) { return receive.Decrypt(nil, nil, m) }
	a.rekey = func() { send.Rekey(); receive.Rekey() }
	for range 4 {
		talk(t, p, a.encrypt, b.decrypt, random(rng.IntN(100)))
		talk(t, p, b.encrypt, a.decrypt, random(rng.IntN(100)))
		if rng.IntN(2) == 0 {
			a.rekey()
			b.rekey()
		}
	}
}

func talk(t *testing.T, p *noise.Pattern, from, to func([]byte) ([]byte, error), payload []byte) {
	message, err := from(payload)
	if err != nil {
		t.Fatalf("%s: write: %v", p.Name, err)
	}
	got, err := to(message)
	if err != nil || !bytes.Equal(payload, got) {
		t.Fatalf("%s: read: %v", p.Name, err)
	}
}

func engineSide(h *noise.Handshake) *side {
	return &side{
		write: func(m []byte) ([]byte, error) { return h.Write(nil, m) },
		read:  func(m []byte) ([]byte, error) { return h.Read(nil, m) },
		hash:  h.Transcript,
	}
}

func flynnSide(h *flynn.HandshakeState, responder bool) *side {
	s := &side{hash: h.ChannelBinding}
	done := func(c1, c2 *flynn.CipherState) {
		if c1 == nil {
			return
		}
		if responder {
			c1, c2 = c2, c1
		}
		s.encrypt = func(m []byte) ([]byte, error) { return c1.Encrypt(nil, nil, m) }
		s.decrypt = func(m []byte) ([]byte, error) { return c2.Decrypt(nil, nil, m) }
		s.rekey = func() { c1.Rekey(); c2.Rekey() }
	}
	s.write = func(m []byte) ([]byte, error) {
		out, c1, c2, err := h.WriteMessage(nil, m)
		done(c1, c2)
		return out, err
	}
	s.read = func(m []byte) ([]byte, error) {
		out, c1, c2, err := h.ReadMessage(nil, m)
		done(c1, c2)
		return out, err
	}
	return s
}
