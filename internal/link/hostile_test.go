package link

import (
	"encoding/binary"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/internal/memnet"
	"github.com/vatnet/vatnet/spec"
)

// raw is a peer that authenticates and then does as it likes.
type raw struct {
	t       *testing.T
	conn    net.Conn
	secured *crypto.Secured
}

// rawDial dials a vat as id. Unless first is nil it sends those records instead of
// its accept.
func rawDial(t *testing.T, n *memnet.Net, id *crypto.Identity, to *vat, first func(*raw)) *raw {
	t.Helper()
	conn, err := n.Host("mallory").Dial(t.Context(), to.name+port)
	require.NoError(t, err)
	s, err := crypto.Dial(conn, &crypto.DialConfig{
		Identity: id, Peer: to.links.self, Hello: crypto.Hello{Epoch: 1 << 62, Session: 1},
	})
	require.NoError(t, err)
	r := &raw{t, conn, s}
	if first == nil {
		r.send(crypto.RecordAccept, claims{used: 1}.append(nil))
	} else {
		first(r)
	}
	return r
}

func (r *raw) send(kind crypto.RecordType, body []byte) {
	r.t.Helper()
	_, err := r.conn.Write(r.secured.Seal.Seal(nil, kind, body))
	require.NoError(r.t, err)
}

// next reads one record.
func (r *raw) next() (crypto.RecordType, []byte) {
	r.t.Helper()
	var length [crypto.LengthSize]byte
	_, err := io.ReadFull(r.conn, length[:])
	require.NoError(r.t, err)
	record := make([]byte, binary.BigEndian.Uint16(length[:]))
	_, err = io.ReadFull(r.conn, record)
	require.NoError(r.t, err)
	kind, body, err := r.secured.Open.Open(record)
	require.NoError(r.t, err)
	return kind, body
}

func TestFirstRecordOfADialler(t *testing.T) {
	spec.Covers(t, "SES-5", "SES-6", "SES-7")
	short := claims{used: 1}.append(nil)[:15]
	long := append(claims{used: 1}.append(nil), "later"...)
	cases := map[string]struct {
		first    func(*raw)
		accepted bool
	}{
		"accept":          {func(r *raw) { r.send(crypto.RecordAccept, claims{used: 1}.append(nil)) }, true},
		"a longer accept": {func(r *raw) { r.send(crypto.RecordAccept, long) }, true},
		"a short accept":  {func(r *raw) { r.send(crypto.RecordAccept, short) }, false},
		"data":            {func(r *raw) { r.send(crypto.RecordData, []byte("x")) }, false},
		"ping":            {func(r *raw) { r.send(crypto.RecordPing, nil) }, false},
		"superseded":      {func(r *raw) { r.send(crypto.RecordSuperseded, nil) }, false},
		"end":             {func(r *raw) { r.send(crypto.RecordEnd, nil) }, false},
		"nothing":         {func(r *raw) {}, false},
		"garbage": {func(r *raw) {
			_, err := r.conn.Write(make([]byte, 60))
			require.NoError(r.t, err)
		}, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := memnet.New()
				alice, bob := twoVats(t, n)
				defer alice.close()
				bob.close()
				r := rawDial(t, n, bob.links.config.Identity, alice, c.first)
				defer r.conn.Close()
				pass(11 * time.Second)
				if c.accepted {
					require.NoError(t, alice.only().end())
					kind, body := r.next()
					require.Equal(t, crypto.RecordAccept, kind)
					got, ok := parseClaims(body)
					require.True(t, ok)
					require.EqualValues(t, 1, got.seen)
					return
				}
				require.Empty(t, alice.all())
				_, err := r.conn.Read(make([]byte, 1))
				require.ErrorIs(t, err, memnet.ErrReset)
			})
		})
	}
}

func TestHostileRecords(t *testing.T) {
	spec.Covers(t, "SES-5", "SES-26", "SES-27")
	flip := func(r *raw, kind crypto.RecordType, body []byte) {
		b := r.secured.Seal.Seal(nil, kind, body)
		b[len(b)-1] ^= 1
		_, err := r.conn.Write(b)
		require.NoError(r.t, err)
	}
	cases := map[string]struct {
		do     func(*raw)
		reason error
		cause  error
	}{
		"a second accept":       {func(r *raw) { r.send(crypto.RecordAccept, make([]byte, 16)) }, ErrProtocol, crypto.ErrRecordForm},
		"superseded":            {func(r *raw) { r.send(crypto.RecordSuperseded, nil) }, ErrProtocol, crypto.ErrRecordForm},
		"a flipped bit":         {func(r *raw) { flip(r, crypto.RecordData, []byte("never")) }, ErrProtocol, crypto.ErrRecord},
		"a flipped ping":        {func(r *raw) { flip(r, crypto.RecordPing, nil) }, ErrProtocol, crypto.ErrRecord},
		"a flipped end":         {func(r *raw) { flip(r, crypto.RecordEnd, nil) }, ErrProtocol, crypto.ErrRecord},
		"a record of no size":   {func(r *raw) { _, _ = r.conn.Write([]byte{0, 0}) }, ErrProtocol, crypto.ErrRecordForm},
		"the end of the socket": {func(r *raw) { _ = r.conn.Close() }, ErrTruncated, nil},
		"half a record": {func(r *raw) {
			_, _ = r.conn.Write(r.secured.Seal.Seal(nil, crypto.RecordData, []byte("never"))[:20])
			_ = r.conn.Close()
		}, ErrTruncated, nil},
		"a reset": {func(r *raw) { abort(r.conn) }, ErrLost, memnet.ErrReset},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := memnet.New()
				alice, bob := twoVats(t, n)
				defer alice.close()
				bob.close()
				r := rawDial(t, n, bob.links.config.Identity, alice, nil)
				defer r.conn.Close()
				synctest.Wait()
				r.send(crypto.RecordData, []byte("good"))
				if name == "a reset" {
					synctest.Wait() // it would take the data with it
				}
				c.do(r)
				if c.reason == ErrProtocol && name != "a flipped end" {
					_, _ = r.conn.Write(r.secured.Seal.Seal(nil, crypto.RecordData, []byte("behind")))
				}
				synctest.Wait()
				s := alice.all()[0]
				require.Equal(t, "good", s.text())
				requireClosed(t, s, c.reason, false)
				if c.cause != nil {
					require.ErrorIs(t, s.end(), c.cause)
				}
			})
		})
	}
}

func TestAnswersToADialler(t *testing.T) {
	spec.Covers(t, "SES-5", "SES-6", "SES-7", "SES-16", "SES-19")
	cases := map[string]struct {
		answer    func(*raw)
		reason    error
		delivered bool
	}{
		"superseded":            {func(r *raw) { r.send(crypto.RecordSuperseded, nil) }, ErrSuperseded, false},
		"data before accept":    {func(r *raw) { r.send(crypto.RecordData, []byte("never")) }, ErrProtocol, true},
		"a short accept":        {func(r *raw) { r.send(crypto.RecordAccept, nil) }, ErrProtocol, true},
		"nothing":               {func(r *raw) {}, ErrTimeout, true},
		"the end of the socket": {func(r *raw) { _ = r.conn.Close() }, ErrTruncated, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := memnet.New()
				alice, bob := twoVats(t, n)
				defer alice.close()
				bob.close()
				ln, err := n.Host("mallory").Listen(port)
				require.NoError(t, err)
				defer ln.Close()
				s := alice.link(bob.links.self, "mallory"+port)
				s.link.Write([]byte("secret"))
				conn, err := ln.Accept()
				require.NoError(t, err)
				secured, err := crypto.Accept(conn, &crypto.AcceptConfig{Identity: bob.links.config.Identity})
				require.NoError(t, err)
				r := &raw{t, conn, secured}
				kind, body := r.next()
				require.Equal(t, crypto.RecordAccept, kind)
				require.Len(t, body, claimsSize)
				kind, body = r.next()
				require.Equal(t, crypto.RecordData, kind)
				require.Equal(t, "secret", string(body))
				c.answer(r)
				pass(11 * time.Second)
				requireClosed(t, s, c.reason, c.delivered)
				require.Empty(t, s.text())
				_ = conn.Close()
			})
		})
	}
}

// TestEveryCut loses the connection after every byte of a short conversation, in
// either direction.
func TestEveryCut(t *testing.T) {
	spec.Covers(t, "SES-19", "SES-21", "SES-26")
	for _, from := range []string{"alice", "bob"} {
		other := map[string]string{"alice": "bob", "bob": "alice"}[from]
		for at := 0; ; at += 1 + at/37 {
			whole := false
			synctest.Test(t, func(t *testing.T) {
				n := memnet.New()
				n.ResetAfter(from, other, at)
				alice, bob := twoVats(t, n)
				defer alice.close()
				defer bob.close()
				bob.onOpen = func(s *session) { s.onReceive = func(b []byte) { s.link.Write(b) } }
				a := alice.dial(bob)
				a.link.Write([]byte("to and fro"))
				pass(time.Minute)
				whole = a.end() == nil
				if whole {
					require.Equal(t, "to and fro", a.text())
					return
				}
				got := ""
				for _, b := range bob.all() {
					require.Error(t, b.end())
					got += b.text()
				}
				require.Contains(t, []string{"", "to and fro"}, got)
				require.Contains(t, []string{"", "to and fro"}, a.text())
				if got != "" {
					require.True(t, Delivered(a.end()))
				}
				require.Zero(t, n.Conns())
			})
			if whole || t.Failed() {
				require.Greater(t, at, 1000, "%s", from)
				break
			}
		}
	}
}
