package crypto_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/spec"
)

type outcome struct {
	s   *crypto.Secured
	err error
}

func accepting(conn net.Conn, cfg *crypto.AcceptConfig) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		s, err := crypto.Accept(conn, cfg)
		done <- outcome{s, err}
	}()
	return done
}

func dialling(conn net.Conn, cfg *crypto.DialConfig) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		s, err := crypto.Dial(conn, cfg)
		done <- outcome{s, err}
	}()
	return done
}

// tcp gives the two ends of a connection over the loopback.
func tcp(t testing.TB) (a, b net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	a, err = net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	b, err = l.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

func TestDialAccept(t *testing.T) {
	a, b := fixed(1), fixed(2)
	ca, cb := tcp(t)
	accepted := accepting(cb, &crypto.AcceptConfig{Identity: b, Hello: crypto.Hello{Epoch: 7, Features: 6, Hints: []string{"h:1"}}})
	s, err := crypto.Dial(ca, &crypto.DialConfig{Identity: a, Peer: b.VatID(), Hello: crypto.Hello{Epoch: 9, Features: 3}})
	require.NoError(t, err)
	r := <-accepted
	require.NoError(t, r.err)
	require.Equal(t, b.VatID(), s.Peer)
	require.Equal(t, a.VatID(), r.s.Peer)
	require.Equal(t, uint64(7), s.Hello.Epoch)
	require.Equal(t, []string{"h:1"}, s.Hello.Hints)
	require.Equal(t, uint64(9), r.s.Hello.Epoch)
	require.Equal(t, uint64(2), s.Features)
	require.Equal(t, uint64(2), r.s.Features)
	require.EqualValues(t, 1, s.Version)
	require.Equal(t, s.Transcript, r.s.Transcript)
	require.Positive(t, s.Took)

	// The streams stand exactly behind the handshake, without deadlines.
	go func() { _, _ = ca.Write(s.Seal.Seal(nil, crypto.RecordData, []byte("foot"))) }()
	kind, body := receive(t, cb, r.s.Open)
	require.Equal(t, crypto.RecordData, kind)
	require.Equal(t, "foot", string(body))
}

func receive(t *testing.T, conn net.Conn, open *crypto.Opener) (crypto.RecordType, []byte) {
	t.Helper()
	var head [crypto.LengthSize]byte
	_, err := io.ReadFull(conn, head[:])
	require.NoError(t, err)
	record := make([]byte, int(head[0])<<8|int(head[1]))
	_, err = io.ReadFull(conn, record)
	require.NoError(t, err)
	kind, body, err := open.Open(record)
	require.NoError(t, err)
	return kind, body
}

// TestRecordsRideBehindMessage3: what the dialler writes at once is not swallowed.
func TestRecordsRideBehindMessage3(t *testing.T) {
	a, b := fixed(1), fixed(2)
	ca, cb := tcp(t)
	initiator, err := crypto.NewInitiator(a, b.VatID(), crypto.Hello{})
	require.NoError(t, err)
	accepted := accepting(cb, &crypto.AcceptConfig{Identity: b})
	_, err = ca.Write(framed(initiator.Message1()))
	require.NoError(t, err)
	_, message3, err := initiator.Message2(readFrame(t, ca))
	require.NoError(t, err)
	seal, _ := initiator.Keys()
	_, err = ca.Write(seal.Seal(framed(message3), crypto.RecordData, []byte("early")))
	require.NoError(t, err)
	r := <-accepted
	require.NoError(t, r.err)
	_, body := receive(t, cb, r.s.Open)
	require.Equal(t, "early", string(body))
}

func framed(message []byte) []byte {
	return append([]byte{byte(len(message) >> 8), byte(len(message))}, message...)
}

func readFrame(t *testing.T, conn net.Conn) []byte {
	t.Helper()
	var head [2]byte
	_, err := io.ReadFull(conn, head[:])
	require.NoError(t, err)
	message := make([]byte, int(head[0])<<8|int(head[1]))
	_, err = io.ReadFull(conn, message)
	require.NoError(t, err)
	return message
}

func TestWrongVatAtTheAddress(t *testing.T) {
	spec.Covers(t, "HS-4", "HS-12")
	ca, cb := tcp(t)
	accepted := accepting(cb, &crypto.AcceptConfig{Identity: fixed(3)})
	_, err := crypto.Dial(ca, &crypto.DialConfig{Identity: fixed(1), Peer: fixed(2).VatID()})
	require.ErrorIs(t, err, crypto.ErrWrongVat)
	require.ErrorIs(t, (<-accepted).err, crypto.ErrMAC)
}

// TestWhatTheDiallerReports runs a dialler against answers of every kind.
func TestWhatTheDiallerReports(t *testing.T) {
	spec.Covers(t, "HS-3", "HS-12", "HS-13")
	for name, c := range map[string]struct {
		answer []byte
		want   error
		not    error
	}{
		"clean end":                 {nil, crypto.ErrWrongVat, nil},
		"half a length":             {[]byte{4}, crypto.ErrTruncated, crypto.ErrWrongVat},
		"a length and no message":   {[]byte{4, 0xff}, crypto.ErrTruncated, crypto.ErrWrongVat},
		"part of a message":         {append([]byte{4, 0xff}, make([]byte, 1000)...), crypto.ErrTruncated, crypto.ErrWrongVat},
		"a whole forgery":           {append([]byte{4, 0xff}, make([]byte, 0x4ff)...), crypto.ErrWrongVat, nil},
		"over the bound":            {append([]byte{0x20, 0x01}, make([]byte, 100)...), crypto.ErrWrongVat, nil},
		"at the bound":              {append([]byte{0x20, 0x00}, make([]byte, 8192)...), crypto.ErrWrongVat, nil},
		"too short for any message": {[]byte{0, 5, 1, 2, 3, 4, 5}, crypto.ErrWrongVat, nil},
		"empty message":             {[]byte{0, 0}, crypto.ErrWrongVat, nil},
		"forged busy":               {append([]byte{0, 16}, make([]byte, 16)...), crypto.ErrWrongVat, nil},
		"a web server":              {[]byte("HTTP/1.1 400 Bad Request\r\n\r\n"), crypto.ErrWrongVat, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ca, cb := net.Pipe()
				dialled := dialling(ca, &crypto.DialConfig{Identity: fixed(1), Peer: fixed(2).VatID()})
				readFrame(t, cb)
				_, _ = cb.Write(c.answer) // the dialler may have closed by now
				cb.Close()
				d := <-dialled
				require.Nil(t, d.s)
				require.ErrorIs(t, d.err, c.want)
				if c.not != nil {
					require.NotErrorIs(t, d.err, c.not)
				}
				_, err := ca.Read(make([]byte, 1))
				require.ErrorIs(t, err, io.ErrClosedPipe, "Dial closes what failed")
			})
		})
	}
	t.Run("reset", func(t *testing.T) {
		ca, cb := tcp(t)
		require.NoError(t, cb.(*net.TCPConn).SetLinger(0))
		dialled := dialling(ca, &crypto.DialConfig{Identity: fixed(1), Peer: fixed(2).VatID()})
		readFrame(t, cb)
		cb.Close()
		d := <-dialled
		require.ErrorIs(t, d.err, crypto.ErrConn)
		require.NotErrorIs(t, d.err, crypto.ErrWrongVat)
		require.EqualError(t, d.err, crypto.ErrConn.Error(), "the cause is for errors.Is, not for display")
	})
	t.Run("closed from another goroutine", func(t *testing.T) {
		ca, cb := tcp(t)
		dialled := dialling(ca, &crypto.DialConfig{Identity: fixed(1), Peer: fixed(2).VatID()})
		readFrame(t, cb)
		ca.Close()
		d := <-dialled
		require.ErrorIs(t, d.err, crypto.ErrConn)
		require.ErrorIs(t, d.err, net.ErrClosed)
	})
}

// TestProbesAreClosedUnanswered: a listener says nothing to who does not know it.
func TestProbesAreClosedUnanswered(t *testing.T) {
	spec.Covers(t, "HS-3", "HS-4", "HS-5")
	bob := fixed(2)
	initiator, err := crypto.NewInitiator(fixed(1), bob.VatID(), crypto.Hello{})
	require.NoError(t, err)
	good := framed(initiator.Message1())
	other, err := crypto.NewInitiator(fixed(1), fixed(3).VatID(), crypto.Hello{})
	require.NoError(t, err)
	change := func(at int, to byte) []byte {
		probe := bytes.Clone(good)
		probe[at] = to
		return probe
	}
	for name, c := range map[string]struct {
		probe []byte
		want  error
	}{
		"nothing":           {nil, crypto.ErrTruncated},
		"one byte":          {good[:1], crypto.ErrTruncated},
		"cut in the middle": {good[:700], crypto.ErrTruncated},
		"cut at the end":    {good[:len(good)-1], crypto.ErrTruncated},
		"for another vat":   {framed(other.Message1()), crypto.ErrMAC},
		"version 0":         {change(2, 0), crypto.ErrVersion},
		"version 2":         {change(2, 2), crypto.ErrVersion},
		"one byte too long": {append(framed(append(initiator.Message1(), 0)), 0), crypto.ErrFrame},
		"longest":           {framed(append([]byte{1}, make([]byte, 65534)...)), crypto.ErrFrame},
		"a browser":         {[]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), crypto.ErrVersion},
		"empty messages":    {make([]byte, 4000), crypto.ErrVersion},
		"wrong MAC":         {change(len(good)-1, good[len(good)-1]^1), crypto.ErrMAC},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ca, cb := net.Pipe()
				accepted := accepting(cb, &crypto.AcceptConfig{Identity: bob, Admit: func() error { panic("admitted") }})
				go func() {
					_, _ = ca.Write(c.probe)
					if c.want == crypto.ErrTruncated {
						ca.Close()
					}
				}()
				answer, _ := io.ReadAll(ca)
				require.Empty(t, answer)
				r := <-accepted
				require.ErrorIs(t, r.err, c.want)
				require.Nil(t, r.s)
			})
		})
	}
	synctest.Test(t, func(t *testing.T) { // control
		ca, cb := net.Pipe()
		accepted := accepting(cb, &crypto.AcceptConfig{Identity: bob})
		_, err := ca.Write(good)
		require.NoError(t, err)
		readFrame(t, ca)
		ca.Close()
		require.ErrorIs(t, (<-accepted).err, crypto.ErrTruncated)
	})
}

func TestAdmit(t *testing.T) {
	spec.Covers(t, "HS-6")
	full := errors.New("full")
	synctest.Test(t, func(t *testing.T) {
		ca, cb := net.Pipe()
		accepted := accepting(cb, &crypto.AcceptConfig{Identity: fixed(2), Admit: func() error { return full }})
		_, err := crypto.Dial(ca, &crypto.DialConfig{Identity: fixed(1), Peer: fixed(2).VatID()})
		require.ErrorIs(t, err, crypto.ErrBusy)
		require.NotErrorIs(t, err, crypto.ErrWrongVat)
		r := <-accepted
		require.ErrorIs(t, r.err, crypto.ErrBusy)
		require.ErrorIs(t, r.err, full)
	})
	synctest.Test(t, func(t *testing.T) {
		ca, cb := net.Pipe()
		admitted := 0
		accepted := accepting(cb, &crypto.AcceptConfig{Identity: fixed(2), Admit: func() error { admitted++; return nil }})
		_, err := crypto.Dial(ca, &crypto.DialConfig{Identity: fixed(1), Peer: fixed(2).VatID()})
		require.NoError(t, err)
		require.NoError(t, (<-accepted).err)
		require.Equal(t, 1, admitted)
	})
}

func TestDeadlines(t *testing.T) {
	spec.Covers(t, "HS-14")
	initiator, err := crypto.NewInitiator(fixed(1), fixed(2).VatID(), crypto.Hello{})
	require.NoError(t, err)
	message1 := framed(initiator.Message1())
	// drip writes a byte each second, until nobody reads any more.
	drip := func(conn net.Conn, b []byte) {
		for i := range b {
			if _, err := conn.Write(b[i : i+1]); err != nil {
				return
			}
			<-time.After(time.Second)
		}
	}
	for name, c := range map[string]struct {
		peer func(net.Conn)
		cfg  crypto.AcceptConfig
		want time.Duration
	}{
		"says nothing":       {func(net.Conn) {}, crypto.AcceptConfig{}, 5 * time.Second},
		"drips message 1":    {func(c net.Conn) { drip(c, message1) }, crypto.AcceptConfig{}, 5 * time.Second},
		"reads no message 2": {func(c net.Conn) { _, _ = c.Write(message1) }, crypto.AcceptConfig{}, 10 * time.Second},
		"sends no message 3": {func(c net.Conn) { _, _ = c.Write(message1); readFrame(t, c) }, crypto.AcceptConfig{}, 10 * time.Second},
		"drips message 3": {func(c net.Conn) {
			_, _ = c.Write(message1)
			readFrame(t, c)
			drip(c, append([]byte{0, 105}, make([]byte, 105)...))
		}, crypto.AcceptConfig{}, 10 * time.Second},
		"says nothing, own deadline":    {func(net.Conn) {}, crypto.AcceptConfig{KnockTimeout: time.Second}, time.Second},
		"says nothing, whole is sooner": {func(net.Conn) {}, crypto.AcceptConfig{Timeout: 2 * time.Second}, 2 * time.Second},
	} {
		t.Run("accept: "+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				ca, cb := net.Pipe()
				c.cfg.Identity = fixed(2)
				accepted := accepting(cb, &c.cfg)
				done := make(chan struct{})
				go func() { c.peer(ca); close(done) }()
				r := <-accepted
				took := time.Since(begin)
				<-done
				require.ErrorIs(t, r.err, crypto.ErrTimeout)
				require.Equal(t, c.want, took)
				_, err := cb.Read(make([]byte, 1))
				require.ErrorIs(t, err, io.ErrClosedPipe, "Accept closes what failed")
			})
		})
	}
	for name, c := range map[string]struct {
		peer func(net.Conn)
		cfg  crypto.DialConfig
		want time.Duration
	}{
		"reads nothing": {func(net.Conn) {}, crypto.DialConfig{}, 10 * time.Second},
		"says nothing":  {func(c net.Conn) { readFrame(t, c) }, crypto.DialConfig{}, 10 * time.Second},
		"drips":         {func(c net.Conn) { readFrame(t, c); drip(c, append([]byte{5, 0}, make([]byte, 1280)...)) }, crypto.DialConfig{}, 10 * time.Second},
		"own deadline":  {func(net.Conn) {}, crypto.DialConfig{Timeout: time.Second}, time.Second},
	} {
		t.Run("dial: "+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				ca, cb := net.Pipe()
				c.cfg.Identity, c.cfg.Peer = fixed(1), fixed(2).VatID()
				dialled := dialling(ca, &c.cfg)
				done := make(chan struct{})
				go func() { c.peer(cb); close(done) }()
				d := <-dialled
				took := time.Since(begin)
				<-done
				require.ErrorIs(t, d.err, crypto.ErrTimeout)
				require.NotErrorIs(t, d.err, crypto.ErrWrongVat)
				require.Equal(t, c.want, took)
			})
		})
	}
}

// TestNoDeadlineRemains: a session outlives the handshake's deadlines.
func TestNoDeadlineRemains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca, cb := net.Pipe()
		accepted := accepting(cb, &crypto.AcceptConfig{Identity: fixed(2)})
		s, err := crypto.Dial(ca, &crypto.DialConfig{Identity: fixed(1), Peer: fixed(2).VatID()})
		require.NoError(t, err)
		r := <-accepted
		require.NoError(t, r.err)
		<-time.After(time.Hour)
		go func() { _, _ = cb.Write(r.s.Seal.Seal(nil, crypto.RecordPing, nil)) }()
		kind, _ := receive(t, ca, s.Open)
		require.Equal(t, crypto.RecordPing, kind)
	})
}

func TestErrorsAreAClosedList(t *testing.T) {
	seen := make(map[string]bool)
	for _, err := range []*crypto.Error{
		crypto.ErrVatID, crypto.ErrSelf, crypto.ErrVersion, crypto.ErrMAC, crypto.ErrWrongVat, crypto.ErrBusy, crypto.ErrHandshake,
		crypto.ErrHello, crypto.ErrFrame, crypto.ErrRecord, crypto.ErrRecordForm, crypto.ErrTruncated, crypto.ErrTimeout,
		crypto.ErrConn, crypto.ErrPassphrase, crypto.ErrKeyFile, crypto.ErrKeyFileOpen,
	} {
		require.Regexp(t, `^(auth|proto|limit|peer)\.[a-z-]+$`, err.Code())
		require.Regexp(t, `^[ -~]{1,128}$`, err.Error())
		require.False(t, seen[err.Code()], err.Code())
		seen[err.Code()] = true
	}
}
