package captp_test

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/captp"
)

// What is not in a table yet, or not any more, counts too; and one session goes at
// a time, the largest.
func TestAllSessionsTogether(t *testing.T) {
	m := captp.New(&captp.Config{Limits: captp.Limits{TotalBytes: 1_100_000}})
	part := func(n int) []byte {
		b := make([]byte, n) // the beginning of a message of 4 MiB in one segment
		binary.LittleEndian.PutUint32(b[4:], 4<<20/8)
		return b
	}
	feed := func(s *captp.Session, data []byte) {
		_, err := s.Receive(data, 0)
		require.Nil(t, err)
	}
	large, b, c := m.Connect(captp.SessionConfig{}), m.Connect(captp.SessionConfig{}), m.Connect(captp.SessionConfig{})
	feed(large, part(600_000))
	feed(b, part(300_000))
	m.TakeDirty(nil)
	require.Nil(t, large.Err())
	feed(c, part(300_000))
	feed(c, []byte{0}) // the large one has not gone yet: that must not cost another
	feed(b, []byte{0})
	require.Equal(t, []*captp.Session{large}, m.TakeDirty(nil))
	require.Equal(t, captp.LimitBytes, large.Err().Outcome)
	require.Nil(t, b.Err())
	require.Nil(t, c.Err())

	b.Unsent(900_000) // what the socket does not take
	m.TakeDirty(nil)
	require.Equal(t, captp.LimitBytes, b.Err().Outcome)
	require.Nil(t, c.Err())
	c.Unsent(700_000) // what the others had is forgotten
	m.TakeDirty(nil)
	require.Nil(t, c.Err())
}
