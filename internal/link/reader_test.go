package link

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/crypto"
)

// chopped is a connection that gives its bytes in pieces of the sizes asked for.
type chopped struct {
	net.Conn
	data  []byte
	sizes []byte
}

func (c *chopped) SetReadDeadline(time.Time) error { return nil }
func (c *chopped) Read(b []byte) (int, error) {
	if len(c.data) == 0 {
		return 0, io.EOF
	}
	n := len(c.data)
	if len(c.sizes) > 0 {
		n = 1 + int(c.sizes[0])*int(c.sizes[0])
		c.sizes = c.sizes[1:]
	}
	n = copy(b, c.data[:min(n, len(c.data))])
	c.data = c.data[n:]
	return n, nil
}

// keys gives the two ends of one direction.
func keys(t testing.TB) (*crypto.Sealer, *crypto.Opener) {
	a, b := identities()
	i, err := crypto.NewInitiator(a, b.VatID(), crypto.Hello{})
	require.NoError(t, err)
	r, err := crypto.NewResponder(b, crypto.Hello{})
	require.NoError(t, err)
	m2, err := r.Message1(i.Message1())
	require.NoError(t, err)
	_, m3, err := i.Message2(m2)
	require.NoError(t, err)
	_, _, err = r.Message3(m3)
	require.NoError(t, err)
	seal, _ := i.Keys()
	_, open := r.Keys()
	return seal, open
}

// FuzzReader seals records of any sizes and kinds, cuts the stream into any
// pieces, ends it anywhere, and checks that what is whole arrives, in order, and
// nothing else: nothing behind a record that has no place there, either.
func FuzzReader(f *testing.F) {
	f.Add([]byte{1, 3, 4}, []byte{}, uint16(0), false)
	f.Add([]byte{243, 251, 252, 253, 254, 255}, []byte{1, 60, 64, 70, 255, 255, 200}, uint16(0), true)
	f.Add([]byte{40, 240, 40, 240, 40}, []byte{0, 0, 1, 30}, uint16(9), false)
	f.Add([]byte{255, 255, 255}, []byte{255, 254, 253, 252, 251}, uint16(70), true)
	f.Fuzz(func(t *testing.T, records, sizes []byte, cut uint16, end bool) {
		if len(records) > 40 || len(sizes) > 400 {
			t.Skip("long enough")
		}
		seal, open := keys(t)
		var stream, want []byte
		var whole []int // where each record ends in stream, and how much is wanted then
		pings, bad := 0, -1
		for i, r := range records {
			switch r % 8 {
			case 0:
				stream = seal.Seal(stream, crypto.RecordPing, nil)
				pings++
			case 1:
				stream = seal.Seal(stream, crypto.RecordPong, nil)
			case 2:
				stream = seal.Seal(stream, []crypto.RecordType{crypto.RecordAccept, crypto.RecordSuperseded}[r/8%2], nil)
				if bad < 0 {
					bad = len(stream)
				}
			default:
				body := bytes.Repeat([]byte{byte(i)}, min(int(r)*int(r)+int(r), crypto.MaxBody))
				stream = seal.Seal(stream, crypto.RecordData, body)
				if bad < 0 {
					want = append(want, body...)
				}
			}
			whole = append(whole, len(stream), len(want))
		}
		if end {
			stream = seal.Seal(stream, crypto.RecordEnd, nil)
		}
		if cut > 0 && int(cut) <= len(stream) {
			stream, end = stream[:len(stream)-int(cut)], false
			want = want[:wantedAt(whole, len(stream))]
		}
		limits := Limits{}.filled()
		reader := newReader(&chopped{data: stream, sizes: sizes}, open)
		var got []byte
		ponged := 0
		for {
			data, err := reader.next(&limits, func() {}, func() { ponged++ }, nil)
			if err != nil {
				wanted := map[bool]error{true: errEnded, false: crypto.ErrTruncated}[end]
				if bad >= 0 && bad <= len(stream) {
					wanted = crypto.ErrRecordForm
				}
				require.Equal(t, wanted, err)
				break
			}
			require.NotEmpty(t, data)
			got = append(got, data...)
		}
		require.True(t, bytes.Equal(want, got), "%d bytes wanted, %d arrived", len(want), len(got))
		require.LessOrEqual(t, ponged, pings)
		reader.close()
	})
}

func wantedAt(whole []int, n int) (want int) {
	for i := 0; i < len(whole) && whole[i] <= n; i += 2 {
		want = whole[i+1]
	}
	return want
}

// FuzzReaderGarbage feeds bytes that nobody sealed.
func FuzzReaderGarbage(f *testing.F) {
	f.Add([]byte{}, []byte{}, false)
	f.Add([]byte{0, 0}, []byte{1}, false)
	f.Add(binary.BigEndian.AppendUint16(nil, 65535), []byte{}, false)
	f.Add(append([]byte{0, 40}, make([]byte, 60)...), []byte{3, 3}, false)
	f.Fuzz(func(t *testing.T, garbage, sizes []byte, first bool) {
		_, open := keys(t)
		limits := Limits{}.filled()
		reader := newReader(&chopped{data: garbage, sizes: sizes}, open)
		defer reader.close()
		if first { // of a session: the responder's verdict
			_, body, err := reader.control()
			require.Error(t, err)
			require.Empty(t, body)
			return
		}
		data, err := reader.next(&limits, func() {}, func() {}, nil)
		require.Error(t, err)
		require.Empty(t, data)
	})
}
