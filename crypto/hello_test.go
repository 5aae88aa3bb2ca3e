package crypto

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
)

func TestHelloBounds(t *testing.T) {
	spec.Covers(t, "HS-7")
	hints := func(n int, hint string) (h []string) {
		for range n {
			h = append(h, hint)
		}
		return h
	}
	long := strings.Repeat("x", MaxHintLen)
	for name, c := range map[string]struct {
		hello Hello
		good  bool
	}{
		"zero":               {Hello{MinVersion: 1, MaxVersion: 1}, true},
		"most hints":         {Hello{MinVersion: 1, MaxVersion: 9, Hints: hints(MaxHints, long)}, true},
		"too many hints":     {Hello{MinVersion: 1, MaxVersion: 1, Hints: hints(MaxHints+1, "h:1")}, false},
		"too long a hint":    {Hello{MinVersion: 1, MaxVersion: 1, Hints: []string{long + "x"}}, false},
		"empty hint":         {Hello{MinVersion: 1, MaxVersion: 1, Hints: []string{""}}, false},
		"space":              {Hello{MinVersion: 1, MaxVersion: 1, Hints: []string{"a b:1"}}, false},
		"escape":             {Hello{MinVersion: 1, MaxVersion: 1, Hints: []string{"a\x1b[2J:1"}}, false},
		"delete":             {Hello{MinVersion: 1, MaxVersion: 1, Hints: []string{"a\x7f:1"}}, false},
		"not ASCII":          {Hello{MinVersion: 1, MaxVersion: 1, Hints: []string{"é:1"}}, false},
		"lowest is 0":        {Hello{MinVersion: 0, MaxVersion: 1}, false},
		"lowest above":       {Hello{MinVersion: 2, MaxVersion: 1}, false},
		"everything at once": {Hello{1, 2, 1<<64 - 1, 1<<64 - 1, 1<<64 - 1, Credit{1<<32 - 1, 1<<64 - 1}, []string{"a:1", "b:2"}}, true},
	} {
		// Of a peer that does not check itself:
		got, err := decodeHello(c.hello.encode())
		_, mine := NewResponder(seeded(1), c.hello)
		_, dial := NewInitiator(seeded(1), seeded(2).VatID(), c.hello)
		if !c.good {
			require.ErrorIs(t, err, ErrHello, name)
			require.ErrorIs(t, mine, ErrHello, name)
			require.ErrorIs(t, dial, ErrHello, name)
			continue
		}
		require.NoError(t, mine, name)
		require.NoError(t, dial, name)
		require.NoError(t, err, name)
		require.Equal(t, c.hello, got, name)
		whole := c.hello.encode()
		for n := range whole {
			_, err := decodeHello(whole[:n])
			require.ErrorIs(t, err, ErrHello, "%s cut to %d", name, n)
		}
		later, err := decodeHello(append(whole, "later"...))
		require.NoError(t, err, name)
		require.Equal(t, got, later, name)
	}
}

// TestBadHello: an authentic message with a malformed payload ends the handshake.
func TestBadHello(t *testing.T) {
	spec.Covers(t, "HS-7")
	a, b := seeded(1), seeded(2)
	bad := Hello{MinVersion: 1, MaxVersion: 1, Hints: []string{"\n"}}
	i, r := pair(t, a, b)
	r.hello = bad
	message2, err := r.Message1(i.Message1())
	require.NoError(t, err)
	_, message3, err := i.Message2(message2)
	require.ErrorIs(t, err, ErrHello)
	require.Nil(t, message3)

	i, r = pair(t, a, b)
	i.hello = bad
	message2, err = r.Message1(i.Message1())
	require.NoError(t, err)
	_, message3, err = i.Message2(message2)
	require.NoError(t, err)
	_, _, err = r.Message3(message3)
	require.ErrorIs(t, err, ErrHello)
	seal, open := r.Keys()
	require.Nil(t, seal)
	require.Nil(t, open)
}

func FuzzHello(f *testing.F) {
	f.Add(Hello{MinVersion: 1, MaxVersion: 1, Hints: []string{"a:1"}}.encode())
	f.Add(make([]byte, helloFixed))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := decodeHello(b)
		if err != nil {
			require.ErrorIs(t, err, ErrHello)
			return
		}
		require.True(t, bytes.HasPrefix(b, h.encode()))
		same, err := h.normal()
		require.NoError(t, err)
		require.Equal(t, h, same)
	})
}
