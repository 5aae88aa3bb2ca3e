package noise

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func seq(b byte) []byte {
	k := make([]byte, 32)
	for i := range k {
		k[i] = b + byte(i)
	}
	return k
}

// sides gives both sides of any pattern.
func sides(t testing.TB, p *Pattern) (i, r *Handshake) {
	is, rs := private(t, seq(1)), private(t, seq(2))
	ic := Config{Pattern: p, Initiator: true, Static: is}
	rc := Config{Pattern: p, Static: rs}
	if p.RespPre {
		ic.Peer = rs.PublicKey()
	}
	if p.InitPre {
		rc.Peer = is.PublicKey()
	}
	i, err := New(&ic)
	require.NoError(t, err)
	r, err = New(&rc)
	require.NoError(t, err)
	return i, r
}

func TestEveryPattern(t *testing.T) {
	for _, p := range Patterns {
		t.Run(p.Name, func(t *testing.T) {
			i, r := sides(t, p)
			for n, w, rd := 0, i, r; n < len(p.Messages); n, w, rd = n+1, rd, w {
				require.False(t, w.Done())
				_, _, err := w.Split()
				require.ErrorIs(t, err, ErrTurn, "before it is done")
				_, err = w.Read(nil, nil)
				require.ErrorIs(t, err, ErrTurn, "not its turn")
				out, err := w.Write([]byte("before"), []byte("payload"))
				require.NoError(t, err)
				_, err = w.Write(nil, nil)
				require.ErrorIs(t, err, ErrTurn, "twice")
				in, err := rd.Read([]byte("before"), out[len("before"):])
				require.NoError(t, err)
				require.Equal(t, "beforepayload", string(in))
			}
			_, err := i.Write(nil, nil)
			require.ErrorIs(t, err, ErrTurn)
			require.Equal(t, i.Transcript(), r.Transcript())
			is, ir, err := i.Split()
			require.NoError(t, err)
			rs, rr, err := r.Split()
			require.NoError(t, err)
			require.Equal(t, is.Key(), rr.Key())
			require.Equal(t, ir.Key(), rs.Key())
			require.NotEqual(t, is.Key(), ir.Key())
			_, _, err = i.Split()
			require.ErrorIs(t, err, ErrTurn, "keys are given once")
		})
	}
}

func TestTheFirstErrorIsFinal(t *testing.T) {
	i, r := sides(t, XKhfs)
	good, err := i.Write(nil, nil)
	require.NoError(t, err)
	bad := append([]byte(nil), good...)
	bad[40] ^= 1
	_, err = r.Read(nil, bad)
	require.ErrorIs(t, err, ErrAuth)
	_, err = r.Read(nil, good)
	require.ErrorIs(t, err, ErrAuth)
	require.False(t, r.Done())
	_, r = sides(t, XKhfs)
	_, err = r.Read(nil, nil)
	require.ErrorIs(t, err, ErrShort)
	_, err = r.Read(nil, good)
	require.ErrorIs(t, err, ErrShort, "although nothing was mixed yet")
	_, r = sides(t, XKhfs)
	_, err = r.Read(nil, good)
	require.NoError(t, err)
}

func TestCutMessages(t *testing.T) {
	for _, p := range Patterns {
		i, _ := sides(t, p)
		good, err := i.Write(nil, nil)
		require.NoError(t, err)
		for n := range good {
			_, r := sides(t, p)
			if _, err := r.Read(nil, good[:n]); err == nil {
				t.Fatalf("%s: message 1 cut to %d bytes accepted", p.Name, n)
			}
		}
	}
	_, r := sides(t, PatternByName("NN"))
	_, err := r.Read(nil, make([]byte, MaxMessage+1))
	require.ErrorIs(t, err, ErrShort)
	i, _ := sides(t, PatternByName("NN"))
	_, err = i.Write(nil, make([]byte, MaxMessage))
	require.ErrorIs(t, err, ErrShort)
}

func TestMissingKeys(t *testing.T) {
	_, err := New(&Config{Pattern: XKhfs, Initiator: true, Static: private(t, seq(1))})
	require.ErrorIs(t, err, ErrKey, "whom?")
	_, err = New(&Config{Pattern: XKhfs})
	require.ErrorIs(t, err, ErrKey, "as whom?")
	i, err := New(&Config{Pattern: PatternByName("IX"), Initiator: true})
	require.NoError(t, err)
	_, err = i.Write(nil, nil)
	require.ErrorIs(t, err, ErrKey)
	require.Nil(t, PatternByName("NQ"))
}

func TestNoncesEnd(t *testing.T) {
	c := NewCipherState(ChaChaPoly, [32]byte{1})
	c.SetN(math.MaxUint64 - 1)
	out, err := c.Encrypt(nil, nil, []byte("last"))
	require.NoError(t, err)
	_, err = c.Encrypt(nil, nil, nil)
	require.ErrorIs(t, err, ErrNonce)
	_, err = c.Decrypt(nil, nil, out)
	require.ErrorIs(t, err, ErrNonce)
	c.SetN(math.MaxUint64 - 1)
	_, err = c.Decrypt(nil, nil, out)
	require.NoError(t, err)
}

func FuzzRead(f *testing.F) {
	for n, p := range Patterns {
		i, _ := sides(f, p)
		m, err := i.Write(nil, nil)
		require.NoError(f, err)
		f.Add(uint8(n), m)
	}
	f.Fuzz(func(t *testing.T, n uint8, in []byte) {
		_, r := sides(t, Patterns[int(n)%len(Patterns)])
		payload, err := r.Read(nil, in)
		if err != nil {
			require.Nil(t, payload)
			return
		}
		_, err = r.Write(nil, nil)
		if err != nil {
			require.ErrorIs(t, err, ErrKey, "only a useless key can stop the answer")
		}
	})
}
