package crypto

import (
	"bytes"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/internal/noise"
	"github.com/vatnet/vatnet/spec"
)

var plainHello, _ = Hello{}.normal()

// The fixed randomness of pair.
var (
	ephemeralA = privateKey(0x21)
	ephemeralB = privateKey(0x23)
	kemA       = kemKey(0x22)
)

// pair is a dialler and a responder before any message, with fixed randomness, so
// that two pairs with the same keys say the same, but for the KEM ciphertext.
func pair(t testing.TB, a, b *Identity) (*Initiator, *Responder) {
	t.Helper()
	i, err := newInitiator(a, b.VatID(), Hello{}, &noise.Config{Ephemeral: ephemeralA, KEM: kemA})
	require.NoError(t, err)
	r, err := newResponder(b, Hello{}, &noise.Config{Ephemeral: ephemeralB})
	require.NoError(t, err)
	return i, r
}

func TestHandshakeSteps(t *testing.T) {
	spec.Covers(t, "HS-1", "HS-3")
	require.Equal(t, Suite, noise.ProtocolName(noise.XKhfs, noise.ChaChaPoly, noise.SHA256))
	a, b := seeded(1), seeded(2)
	fromA := Hello{MinVersion: 1, MaxVersion: 3, Features: 5, Epoch: 7, Session: 8, Credit: Credit{9, 10}, Hints: []string{"a.example:1", "[::1]:2"}}
	fromB := Hello{Features: 6, Epoch: 1 << 63, Session: 1<<64 - 1, Credit: Credit{1<<32 - 1, 1<<64 - 1}}
	i, err := NewInitiator(a, b.VatID(), fromA)
	require.NoError(t, err)
	r, err := NewResponder(b, fromB)
	require.NoError(t, err)
	seal, open := i.Keys()
	require.Nil(t, seal)
	require.Nil(t, open)

	message1 := i.Message1()
	require.Len(t, message1, 1265)
	message2, err := r.Message1(message1)
	require.NoError(t, err)
	gotB, message3, err := i.Message2(message2)
	require.NoError(t, err)
	peer, gotA, err := r.Message3(message3)
	require.NoError(t, err)

	fromB.MinVersion, fromB.MaxVersion = 1, 1
	require.Equal(t, fromB, gotB)
	require.Equal(t, fromA, gotA)
	require.Equal(t, a.VatID(), peer)
	require.EqualValues(t, 1, i.Version())
	require.EqualValues(t, 1, r.Version())
	require.Equal(t, i.Transcript(), r.Transcript())
	require.Len(t, i.Transcript(), 32)
	talk(t, &i.handshake, &r.handshake)
	talk(t, &r.handshake, &i.handshake)

	// A step cannot be taken twice, and trying harms nothing.
	_, _, err = i.Message2(message2)
	require.ErrorIs(t, err, ErrHandshake)
	_, err = r.Message1(message1)
	require.ErrorIs(t, err, ErrHandshake)
	_, _, err = r.Message3(message3)
	require.ErrorIs(t, err, ErrHandshake)
	talk(t, &i.handshake, &r.handshake)
}

func talk(t testing.TB, from, to *handshake) {
	t.Helper()
	seal, _ := from.Keys()
	_, open := to.Keys()
	record := seal.Seal(nil, RecordData, []byte("foot"))
	kind, body, err := open.Open(record[LengthSize:])
	require.NoError(t, err)
	require.Equal(t, RecordData, kind)
	require.Equal(t, "foot", string(body))
}

// spoil gives every way to flip one bit of a message, and every way to cut it
// short or to lengthen it by a byte. Under the race detector, which makes this ten
// times as slow and has nothing to find here, it flips one bit of each byte.
func spoil(message []byte, each func(what string, spoiled []byte)) {
	for n := range message {
		each("cut", message[:n:n])
	}
	each("longer", append(message[:len(message):len(message)], 0))
	for i := range message {
		for bit := range 8 {
			if raceEnabled && bit != i%8 {
				continue
			}
			spoiled := bytes.Clone(message)
			spoiled[i] ^= 1 << bit
			each("flip", spoiled)
		}
	}
}

// deadResponder checks that a handshake that failed has no keys and never goes on.
func deadResponder(t *testing.T, r *Responder, good1, good3 []byte) {
	t.Helper()
	seal, open := r.Keys()
	if seal != nil || open != nil || r.Transcript() != nil || r.Version() != 0 {
		t.Fatal("keys after a failure")
	}
	if _, err := r.Message1(good1); err == nil {
		t.Fatal("message 1 accepted after a failure")
	}
	if _, _, err := r.Message3(good3); err == nil {
		t.Fatal("message 3 accepted after a failure")
	}
}

func TestEveryBitOfMessage1(t *testing.T) {
	spec.Covers(t, "HS-4", "HS-5", "HS-11")
	a, b := seeded(1), seeded(2)
	i, _ := pair(t, a, b)
	good := i.Message1()
	macs, inner := 0, 0
	spoil(good, func(what string, spoiled []byte) {
		_, r := pair(t, a, b)
		message2, err := r.Message1(spoiled)
		if err == nil || message2 != nil {
			t.Fatalf("%s to %d bytes accepted", what, len(spoiled))
		}
		if err == ErrMAC {
			macs++
		}
		deadResponder(t, r, good, nil)

		// The same by somebody who knows the vat id and so can make the MAC right.
		if what != "flip" || bytes.Equal(spoiled[:1249], good[:1249]) || spoiled[0] != good[0] {
			return
		}
		_, r = pair(t, a, b)
		if message2, err = r.Message1(knocked(b.VatID(), spoiled[:1249])); err != ErrHandshake || message2 != nil {
			t.Fatalf("with a right MAC: %v", err)
		}
		inner++
	})
	bits := 8
	if raceEnabled {
		bits = 1
	}
	require.Equal(t, 1264*bits, macs)
	require.Equal(t, 1248*bits, inner)
	_, r := pair(t, a, b)
	_, err := r.Message1(good)
	require.NoError(t, err)
}

// TestAFailedStepIsFinal: no later step begins where the failed one would have.
func TestAFailedStepIsFinal(t *testing.T) {
	spec.Covers(t, "HS-11")
	a, b := seeded(1), seeded(2)
	i, r := pair(t, a, b)
	good := i.Message1()
	bad := bytes.Clone(good)
	bad[len(bad)-1] ^= 1
	for range 2 {
		_, err := r.Message1(bad)
		require.ErrorIs(t, err, ErrMAC)
	}
	_, err := r.Message1(good)
	require.ErrorIs(t, err, ErrMAC)
	_, _, err = r.Message3(good[1:1249])
	require.ErrorIs(t, err, ErrMAC)
	deadResponder(t, r, good, nil)
	_, r = pair(t, a, b)
	_, _, err = r.Message3(good[1:1249])
	require.ErrorIs(t, err, ErrHandshake)
}

func TestEveryBitOfMessage2(t *testing.T) {
	spec.Covers(t, "HS-11", "HS-12")
	a, b := seeded(1), seeded(2)
	i, r := pair(t, a, b)
	good, err := r.Message1(i.Message1())
	require.NoError(t, err)
	spoil(good, func(what string, spoiled []byte) {
		i, _ := pair(t, a, b)
		hello, message3, err := i.Message2(spoiled)
		if err != ErrWrongVat || message3 != nil || hello.MaxVersion != 0 {
			t.Fatalf("%s to %d bytes: %v", what, len(spoiled), err)
		}
		if seal, open := i.Keys(); seal != nil || open != nil || i.Transcript() != nil {
			t.Fatal("keys after a failure")
		}
		if _, _, err := i.Message2(good); err == nil {
			t.Fatal("message 2 accepted after a failure")
		}
	})
	_, _, err = i.Message2(good)
	require.NoError(t, err)
}

func TestEveryBitOfMessage3(t *testing.T) {
	spec.Covers(t, "HS-11")
	a, b := seeded(1), seeded(2)
	begin := func() (r *Responder, message1, message3 []byte) {
		i, r := pair(t, a, b)
		message2, err := r.Message1(i.Message1())
		require.NoError(t, err)
		_, message3, err = i.Message2(message2)
		require.NoError(t, err)
		return r, i.Message1(), message3
	}
	_, _, shape := begin()
	spoil(make([]byte, len(shape)), func(what string, mask []byte) {
		r, message1, good := begin()
		spoiled := bytes.Clone(good[:min(len(mask), len(good))])
		for i := range spoiled {
			spoiled[i] ^= mask[i]
		}
		if len(mask) > len(good) {
			spoiled = append(spoiled, 0)
		}
		peer, hello, err := r.Message3(spoiled)
		if err != ErrHandshake || !peer.IsZero() || hello.MaxVersion != 0 {
			t.Fatalf("%s to %d bytes: %v", what, len(spoiled), err)
		}
		deadResponder(t, r, message1, good)
	})
}

func TestVersions(t *testing.T) {
	spec.Covers(t, "HS-8")
	for _, c := range []struct {
		aMin, aMax, bMin, bMax, want uint16
	}{
		{1, 1, 1, 1, 1}, {1, 5, 2, 3, 3}, {2, 3, 1, 5, 3}, {1, 3, 3, 9, 3}, {0, 0, 1, 2, 1},
		{1, 1, 2, 2, 0}, {4, 9, 1, 3, 0}, {0, 0, 2, 9, 0},
	} {
		a, b := seeded(1), seeded(2)
		i, err := NewInitiator(a, b.VatID(), Hello{MinVersion: c.aMin, MaxVersion: c.aMax})
		require.NoError(t, err)
		r, err := NewResponder(b, Hello{MinVersion: c.bMin, MaxVersion: c.bMax})
		require.NoError(t, err)
		message2, err := r.Message1(i.Message1())
		require.NoError(t, err)
		_, message3, err := i.Message2(message2)
		if c.want == 0 {
			require.ErrorIs(t, err, ErrVersion)
			require.Nil(t, message3)
			seal, open := i.Keys()
			require.Nil(t, seal)
			require.Nil(t, open)
			continue
		}
		require.NoError(t, err)
		_, _, err = r.Message3(message3)
		require.NoError(t, err)
		require.Equal(t, c.want, i.Version())
		require.Equal(t, c.want, r.Version())
	}
}

func TestBusy(t *testing.T) {
	spec.Covers(t, "HS-6")
	a, b := seeded(1), seeded(2)
	i, r := pair(t, a, b)
	require.NoError(t, r.Knock(i.Message1()))
	busy := r.Busy()
	require.Len(t, busy, 16)
	_, _, err := i.Message2(busy)
	require.ErrorIs(t, err, ErrBusy)

	forged := bytes.Clone(busy)
	forged[3] ^= 1
	i, _ = pair(t, a, b)
	_, _, err = i.Message2(forged)
	require.ErrorIs(t, err, ErrWrongVat)

	// One from another handshake is of no use.
	i, err = NewInitiator(a, b.VatID(), Hello{})
	require.NoError(t, err)
	_, _, err = i.Message2(busy)
	require.ErrorIs(t, err, ErrWrongVat)
}

// TestPeerError: a dialler whose message 3 proves who it is, and then says what is no hello, is named.
func TestPeerError(t *testing.T) {
	a, b := seeded(1), seeded(2)
	ours, theirs := net.Pipe()
	failed := make(chan error, 1)
	go func() {
		_, err := Accept(theirs, &AcceptConfig{Identity: b})
		failed <- err
	}()
	i, _ := pair(t, a, b)
	require.NoError(t, writeMessage(ours, i.Message1()))
	message2, err := readMessage(ours)
	require.NoError(t, err)
	_, err = i.noise.Read(nil, message2)
	require.NoError(t, err)
	message3, err := i.noise.Write(nil, make([]byte, helloFixed)) // of version 0
	require.NoError(t, err)
	require.NoError(t, writeMessage(ours, message3))
	err = <-failed
	require.ErrorIs(t, err, ErrHello)
	require.EqualError(t, err, ErrHello.Error())
	var p *PeerError
	require.ErrorAs(t, err, &p)
	require.Equal(t, a.VatID(), p.Peer)
}

func FuzzMessage1(f *testing.F) {
	a, b := seeded(1), seeded(2)
	i, _ := pair(f, a, b)
	f.Add(i.Message1(), false)
	f.Add(i.Message1()[:1249], true)
	f.Add([]byte{}, false)
	f.Fuzz(func(t *testing.T, in []byte, knows bool) {
		if knows {
			in = knocked(b.VatID(), in)
		}
		_, r := pair(t, a, b)
		_, err := r.Message1(in)
		require.Equal(t, bytes.Equal(in, i.Message1()), err == nil)
	})
}

func FuzzMessage2(f *testing.F) {
	a, b := seeded(1), seeded(2)
	i, r := pair(f, a, b)
	good, err := r.Message1(i.Message1())
	require.NoError(f, err)
	f.Add(bytes.Clone(good[:100]), false)
	f.Add(r.Busy(), false)
	f.Add([]byte{}, false)
	f.Add(plainHello.encode(), true)
	f.Fuzz(func(t *testing.T, in []byte, sealed bool) {
		i, hostile := pair(t, a, b)
		if sealed { // the right vat says in
			_, err := hostile.noise.Read(nil, i.Message1()[1:message1Size-macSize])
			require.NoError(t, err)
			in, requireHello := sealedHello(t, &hostile.handshake, in)
			_, _, err = i.Message2(in)
			requireHello(err)
			return
		}
		_, _, err := i.Message2(in)
		if bytes.Equal(in, r.Busy()) {
			require.ErrorIs(t, err, ErrBusy)
		} else {
			require.ErrorIs(t, err, ErrWrongVat)
		}
	})
}

func FuzzMessage3(f *testing.F) {
	a, b := seeded(1), seeded(2)
	f.Add(make([]byte, 105), false)
	f.Add([]byte{}, false)
	f.Add(plainHello.encode(), true)
	f.Fuzz(func(t *testing.T, in []byte, sealed bool) {
		i, r := pair(t, a, b)
		message2, err := r.Message1(i.Message1())
		require.NoError(t, err)
		if sealed { // a dialler who knows the vat says in
			_, err = i.noise.Read(nil, message2)
			require.NoError(t, err)
			in, requireHello := sealedHello(t, &i.handshake, in)
			_, _, err = r.Message3(in)
			requireHello(err)
			return
		}
		_, _, err = r.Message3(in)
		require.ErrorIs(t, err, ErrHandshake)
	})
}

// sealedHello seals a payload as the next message, and says what must come of it.
func sealedHello(t *testing.T, h *handshake, payload []byte) (message []byte, requireHello func(error)) {
	if len(payload) > 1000 {
		t.Skip("long enough")
	}
	message, err := h.noise.Write(nil, payload)
	require.NoError(t, err)
	return message, func(got error) {
		said, err := decodeHello(payload)
		if err == nil {
			_, err = plainHello.common(said)
		}
		require.Equal(t, err, got)
	}
}
