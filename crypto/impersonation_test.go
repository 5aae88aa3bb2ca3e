package crypto

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/internal/noise"
	"github.com/vatnet/vatnet/spec"
)

// run takes a handshake through its steps as far as it goes. It gives what each
// side said last.
func run(t *testing.T, i *Initiator, r *Responder) (m1, m2, m3 []byte) {
	t.Helper()
	m1 = i.Message1()
	m2, err := r.Message1(m1)
	require.NoError(t, err)
	_, m3, err = i.Message2(m2)
	require.NoError(t, err)
	_, _, err = r.Message3(m3)
	require.NoError(t, err)
	return m1, m2, m3
}

// fresh gives a pair with random keys.
func fresh(t *testing.T, a, b *Identity) (*Initiator, *Responder) {
	t.Helper()
	i, err := NewInitiator(a, b.VatID(), Hello{})
	require.NoError(t, err)
	r, err := NewResponder(b, Hello{})
	require.NoError(t, err)
	return i, r
}

// TestImpersonatingTheResponder: Alice dials Bob; Mallory answers.
func TestImpersonatingTheResponder(t *testing.T) {
	spec.Covers(t, "HS-2", "HS-4", "HS-11", "HS-12")
	alice, bob, mallory := seeded(1), seeded(2), seeded(3)
	static := mallory.secrets().static

	t.Run("another vat at the address", func(t *testing.T) {
		i, _ := fresh(t, alice, bob)
		_, r := fresh(t, alice, mallory)
		answer, err := r.Message1(i.Message1())
		require.ErrorIs(t, err, ErrMAC)
		require.Nil(t, answer)
	})
	t.Run("forwards message 1 to a vat for which it was not made, with a new MAC", func(t *testing.T) {
		carol := seeded(4)
		i, _ := fresh(t, alice, mallory)
		_, r := fresh(t, alice, carol)
		_, err := r.Message1(knocked(carol.VatID(), i.Message1()[:1249]))
		require.ErrorIs(t, err, ErrHandshake)
	})
	t.Run("knows the vat id, has another static key", func(t *testing.T) {
		// Mallory's engine believes that she is Bob, but for the key.
		i, _ := fresh(t, alice, bob)
		posing := &Identity{secrets: mallory.secrets, id: bob.VatID()}
		r, err := NewResponder(posing, Hello{})
		require.NoError(t, err)
		_, err = r.Message1(i.Message1())
		require.ErrorIs(t, err, ErrHandshake, "she cannot even read message 1")

		// So she makes up what she could not read: es, the KEM key, or both sides' e.
		h := newHostile(bob.VatID())
		h.mixHash(i.Message1()[1:33])
		h.mixKey(agree(static, publicKey(i.Message1()[1:33])))
		h.mixHash(i.Message1()[33:1233])
		h.mixHash(i.Message1()[1233:1249])
		e := privateKey(0x31)
		shared, ciphertext := kemKey(0x32).EncapsulationKey().Encapsulate()
		m2 := h.message2(e.PublicKey().Bytes(), agree(e, publicKey(i.Message1()[1:33])), ciphertext, shared, plainHello.encode())
		_, m3, err := i.Message2(m2)
		require.ErrorIs(t, err, ErrWrongVat)
		require.Nil(t, m3)
	})
	for name, e := range lowOrderPoints() {
		t.Run("Bob himself with a useless ephemeral key: "+name, func(t *testing.T) {
			i, _ := fresh(t, alice, bob)
			h := newHostile(bob.VatID())
			_, kem := h.readMessage1(i.Message1(), bob.secrets().static)
			shared, ciphertext := kem.Encapsulate()
			_, m3, err := i.Message2(h.message2(e, make([]byte, 32), ciphertext, shared, plainHello.encode()))
			require.ErrorIs(t, err, ErrWrongVat)
			require.Nil(t, m3)
		})
	}
	t.Run("Bob himself with another KEM secret", func(t *testing.T) {
		i, _ := fresh(t, alice, bob)
		h := newHostile(bob.VatID())
		theirs, kem := h.readMessage1(i.Message1(), bob.secrets().static)
		_, ciphertext := kem.Encapsulate()
		e := privateKey(0x31)
		m2 := h.message2(e.PublicKey().Bytes(), agree(e, theirs), ciphertext, make([]byte, 32), plainHello.encode())
		_, _, err := i.Message2(m2)
		require.ErrorIs(t, err, ErrWrongVat)
	})
	t.Run("control: the hostile transcript is the protocol", func(t *testing.T) {
		i, _ := fresh(t, alice, bob)
		h := newHostile(bob.VatID())
		theirs, kem := h.readMessage1(i.Message1(), bob.secrets().static)
		shared, ciphertext := kem.Encapsulate()
		e := privateKey(0x31)
		m2 := h.message2(e.PublicKey().Bytes(), agree(e, theirs), ciphertext, shared, plainHello.encode())
		_, _, err := i.Message2(m2)
		require.NoError(t, err)
	})
	t.Run("replays message 2", func(t *testing.T) {
		i, r := fresh(t, alice, bob)
		_, m2, _ := run(t, i, r)
		i, _ = fresh(t, alice, bob)
		_, _, err := i.Message2(m2)
		require.ErrorIs(t, err, ErrWrongVat)
	})
	t.Run("replays message 2 to a repeated ephemeral key", func(t *testing.T) {
		// Even then the KEM key is another one.
		i, r := pair(t, alice, bob)
		_, m2, _ := run(t, i, r)
		i, err := newInitiator(alice, bob.VatID(), Hello{}, &noise.Config{Ephemeral: ephemeralA})
		require.NoError(t, err)
		_, _, err = i.Message2(m2)
		require.ErrorIs(t, err, ErrWrongVat)
	})
	t.Run("reflects message 1", func(t *testing.T) {
		for _, cut := range [][2]int{{0, 1265}, {1, 1249}, {1, 1265}} {
			i, _ := fresh(t, alice, bob)
			_, _, err := i.Message2(i.Message1()[cut[0]:cut[1]])
			require.ErrorIs(t, err, ErrWrongVat)
		}
	})
	t.Run("dials in turn: both are diallers", func(t *testing.T) {
		i, _ := fresh(t, alice, bob)
		j, _ := fresh(t, bob, alice)
		_, _, err := i.Message2(j.Message1())
		require.ErrorIs(t, err, ErrWrongVat)
		_, _, err = j.Message2(i.Message1())
		require.ErrorIs(t, err, ErrWrongVat)
	})
	t.Run("swaps the ephemeral key of message 2", func(t *testing.T) {
		i, r := fresh(t, alice, bob)
		m2, err := r.Message1(i.Message1())
		require.NoError(t, err)
		copy(m2, privateKey(0x31).PublicKey().Bytes())
		_, _, err = i.Message2(m2)
		require.ErrorIs(t, err, ErrWrongVat)
	})
}

// lowOrderPoints are encodings with which every key agrees on zero.
func lowOrderPoints() map[string][]byte {
	points := make(map[string][]byte)
	for i := range lowOrder {
		points[string(rune('0'+i))] = bytes.Clone(lowOrder[i][:])
		high := bytes.Clone(lowOrder[i][:])
		high[31] |= 0x80
		points[string(rune('0'+i))+" with the high bit"] = high
	}
	p := bytes.Repeat([]byte{0xff}, 32)
	p[0], p[31] = 0xed, 0x7f
	points["p"] = bytes.Clone(p)
	p[0]++
	points["p+1"] = p
	return points
}

// TestImpersonatingTheDialler: Bob listens; Mallory dials as Alice, or as nobody.
func TestImpersonatingTheDialler(t *testing.T) {
	spec.Covers(t, "HS-2", "HS-9", "HS-11")
	alice, bob, mallory := seeded(1), seeded(2), seeded(3)
	e, kem := privateKey(0x31), kemKey(0x32)
	bobKey := publicKey(bob.id[:])
	encapsulation := kem.EncapsulationKey().Bytes()

	// dialled is a hostile handshake up to message 3, honest so far.
	dialled := func(t *testing.T) (*hostile, *Responder, []byte) {
		_, r := fresh(t, alice, bob)
		h := newHostile(bob.id)
		m2, err := r.Message1(h.message1(bob.id, 1, e.PublicKey().Bytes(), agree(e, bobKey), encapsulation, nil))
		require.NoError(t, err)
		return h, r, m2
	}
	static := mallory.secrets().static
	t.Run("control: the hostile transcript is the protocol", func(t *testing.T) {
		h, r, m2 := dialled(t)
		theirs := h.readMessage2(m2, e, kem)
		peer, _, err := r.Message3(h.message3(mallory.id[:], agree(static, theirs), plainHello.encode()))
		require.NoError(t, err)
		require.Equal(t, mallory.id, peer)
	})
	t.Run("claims Alice's static key", func(t *testing.T) {
		h, r, m2 := dialled(t)
		theirs := h.readMessage2(m2, e, kem)
		peer, _, err := r.Message3(h.message3(alice.id[:], agree(static, theirs), plainHello.encode()))
		require.ErrorIs(t, err, ErrHandshake)
		require.Zero(t, peer)
	})
	t.Run("claims Alice's static key and agrees with her ephemeral one", func(t *testing.T) {
		h, r, m2 := dialled(t)
		theirs := h.readMessage2(m2, e, kem)
		_, _, err := r.Message3(h.message3(alice.id[:], agree(e, theirs), plainHello.encode()))
		require.ErrorIs(t, err, ErrHandshake)
	})
	t.Run("claims Bob's own static key", func(t *testing.T) {
		h, r, m2 := dialled(t)
		theirs := h.readMessage2(m2, e, kem)
		_, _, err := r.Message3(h.message3(bob.id[:], agree(static, theirs), plainHello.encode()))
		require.ErrorIs(t, err, ErrHandshake)
	})
	t.Run("is Bob", func(t *testing.T) {
		h, r, m2 := dialled(t)
		theirs := h.readMessage2(m2, e, kem)
		_, _, err := r.Message3(h.message3(bob.id[:], agree(bob.secrets().static, theirs), plainHello.encode()))
		require.ErrorIs(t, err, ErrSelf)
	})
	t.Run("writes her key in a second way", func(t *testing.T) {
		h, r, m2 := dialled(t)
		theirs := h.readMessage2(m2, e, kem)
		other := mallory.id
		other[31] |= 0x80
		_, _, err := r.Message3(h.message3(other[:], agree(static, theirs), plainHello.encode()))
		require.ErrorIs(t, err, ErrHandshake)
	})
	for name, point := range lowOrderPoints() {
		t.Run("useless static key: "+name, func(t *testing.T) {
			h, r, m2 := dialled(t)
			h.readMessage2(m2, e, kem)
			_, _, err := r.Message3(h.message3(point, make([]byte, 32), plainHello.encode()))
			require.ErrorIs(t, err, ErrHandshake)
		})
		t.Run("useless ephemeral key: "+name, func(t *testing.T) {
			_, r := fresh(t, alice, bob)
			m2, err := r.Message1(newHostile(bob.id).message1(bob.id, 1, point, make([]byte, 32), encapsulation, nil))
			require.ErrorIs(t, err, ErrHandshake)
			require.Nil(t, m2)
		})
	}
	for name, m1 := range map[string][]byte{
		"does not know whom she dials": newHostile(mallory.id).message1(mallory.id, 1, e.PublicKey().Bytes(), agree(e, bobKey), encapsulation, nil),
		"another version":              newHostile(bob.id).message1(bob.id, 2, e.PublicKey().Bytes(), agree(e, bobKey), encapsulation, nil),
		"version 0":                    newHostile(bob.id).message1(bob.id, 0, e.PublicKey().Bytes(), agree(e, bobKey), encapsulation, nil),
		"wrong es":                     newHostile(bob.id).message1(bob.id, 1, e.PublicKey().Bytes(), agree(static, bobKey), encapsulation, nil),
		"another vat's transcript":     newHostile(mallory.id).message1(bob.id, 1, e.PublicKey().Bytes(), agree(e, bobKey), encapsulation, nil),
		"a KEM key that is none":       newHostile(bob.id).message1(bob.id, 1, e.PublicKey().Bytes(), agree(e, bobKey), bytes.Repeat([]byte{0xff}, 1184), nil),
		"a payload":                    newHostile(bob.id).message1(bob.id, 1, e.PublicKey().Bytes(), agree(e, bobKey), encapsulation, []byte("x")),
		"a short KEM key and payload":  newHostile(bob.id).message1(bob.id, 1, e.PublicKey().Bytes(), agree(e, bobKey), encapsulation[1:], []byte("x")),
	} {
		t.Run("message 1: "+name, func(t *testing.T) {
			_, r := fresh(t, alice, bob)
			m2, err := r.Message1(m1)
			require.Error(t, err)
			require.Nil(t, m2)
		})
	}
	t.Run("replays Alice's messages", func(t *testing.T) {
		i, r := fresh(t, alice, bob)
		m1, m2, m3 := run(t, i, r)
		for name, last := range map[string][]byte{"message 3": m3, "message 2": m2, "message 1": m1} {
			_, r := fresh(t, alice, bob)
			_, err := r.Message1(m1)
			require.NoError(t, err, "message 1 alone proves nothing")
			_, _, err = r.Message3(last)
			require.ErrorIs(t, err, ErrHandshake, name)
		}
	})
	t.Run("reflects message 2", func(t *testing.T) {
		i, r := fresh(t, alice, bob)
		m2, err := r.Message1(i.Message1())
		require.NoError(t, err)
		_, _, err = r.Message3(m2)
		require.ErrorIs(t, err, ErrHandshake)
	})
	t.Run("message 2 or 3 as message 1", func(t *testing.T) {
		i, r := fresh(t, alice, bob)
		_, m2, m3 := run(t, i, r)
		for _, m := range [][]byte{m2, m3, append([]byte{1}, m2...), knocked(bob.id, append([]byte{1}, make([]byte, 1248)...))} {
			_, r := fresh(t, alice, bob)
			_, err := r.Message1(m)
			require.Error(t, err)
		}
	})
	t.Run("message 3 before message 1", func(t *testing.T) {
		i, r := fresh(t, alice, bob)
		_, _, m3 := run(t, i, r)
		_, r = fresh(t, alice, bob)
		_, _, err := r.Message3(m3)
		require.ErrorIs(t, err, ErrHandshake)
	})
	t.Run("swaps message 3 between two of her sessions", func(t *testing.T) {
		i, r := fresh(t, alice, bob)
		j, s := fresh(t, mallory, bob)
		m2, err := r.Message1(i.Message1())
		require.NoError(t, err)
		n2, err := s.Message1(j.Message1())
		require.NoError(t, err)
		_, m3, err := i.Message2(m2)
		require.NoError(t, err)
		_, n3, err := j.Message2(n2)
		require.NoError(t, err)
		_, _, err = r.Message3(n3)
		require.ErrorIs(t, err, ErrHandshake)
		_, _, err = s.Message3(m3)
		require.ErrorIs(t, err, ErrHandshake)
	})
}

func TestSelfDial(t *testing.T) {
	spec.Covers(t, "HS-10")
	a := seeded(1)
	_, err := NewInitiator(a, a.VatID(), Hello{})
	require.ErrorIs(t, err, ErrSelf)
}

// TestNothingRepeats: two handshakes of the same pair share no byte that a
// watcher could use to tell that it is the same pair, but for version and length.
func TestNothingRepeats(t *testing.T) {
	a, b := seeded(1), seeded(2)
	i, r := fresh(t, a, b)
	x1, x2, x3 := run(t, i, r)
	j, s := fresh(t, a, b)
	y1, y2, y3 := run(t, j, s)
	for _, p := range [][2][]byte{{x1[1:], y1[1:]}, {x2, y2}, {x3, y3}} {
		require.Len(t, p[1], len(p[0]))
		for at := 0; at+16 <= len(p[0]); at += 16 {
			require.NotEqual(t, p[0][at:at+16], p[1][at:at+16])
		}
	}
	require.NotEqual(t, i.Transcript(), j.Transcript())
}
