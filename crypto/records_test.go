package crypto_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"math/bits"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/spec"
)

var alice, bob = fixed(1), fixed(2)

// session gives both ends of a session, by its handshake's steps.
func session(t testing.TB) (dialler, responder *crypto.Secured) {
	t.Helper()
	i, err := crypto.NewInitiator(alice, bob.VatID(), crypto.Hello{})
	require.NoError(t, err)
	r, err := crypto.NewResponder(bob, crypto.Hello{})
	require.NoError(t, err)
	message2, err := r.Message1(i.Message1())
	require.NoError(t, err)
	_, message3, err := i.Message2(message2)
	require.NoError(t, err)
	_, _, err = r.Message3(message3)
	require.NoError(t, err)
	dialler, responder = &crypto.Secured{}, &crypto.Secured{}
	dialler.Seal, dialler.Open = i.Keys()
	responder.Seal, responder.Open = r.Keys()
	return dialler, responder
}

func TestRecordSizes(t *testing.T) {
	spec.Covers(t, "REC-1", "REC-4", "REC-5")
	require.Equal(t, 65516, crypto.MaxBody)
	require.Equal(t, 19, crypto.MinRecord)
	a, b := session(t)
	for n := 0; n <= crypto.MaxBody; n += 1 + n/37 {
		testSize(t, a, b, n)
	}
	testSize(t, a, b, crypto.MaxBody)
	testSize(t, a, b, crypto.MaxBody-1)
}

func testSize(t *testing.T, a, b *crypto.Secured, n int) {
	body := bytes.Repeat([]byte{0xab}, n)
	for _, a.Seal.NoPadding = range []bool{false, true} {
		record := a.Seal.Seal([]byte("before"), crypto.RecordData, body)
		require.Equal(t, "before", string(record[:6]))
		record = record[6:]
		require.Equal(t, len(record)-2, int(record[0])<<8|int(record[1]))
		plain := n + 3
		if !a.Seal.NoPadding {
			e := bits.Len(uint(plain)) - 1
			step := 1 << (e - bits.Len(uint(e)))
			plain = min((plain+step-1)/step*step, 65519)
			require.LessOrEqual(t, float64(plain), 1.12*float64(n+3))
		}
		require.Len(t, record, 2+plain+16)
		kind, got, err := b.Open.Open(record[2:])
		require.NoError(t, err)
		require.Equal(t, crypto.RecordData, kind)
		require.Equal(t, body, append([]byte{}, got...))
	}
}

func TestRecordTypes(t *testing.T) {
	a, b := session(t)
	for _, kind := range []crypto.RecordType{
		crypto.RecordData, crypto.RecordPing, crypto.RecordPong, crypto.RecordAccept, crypto.RecordSuperseded, crypto.RecordEnd,
	} {
		got, body, err := b.Open.Open(b2(a.Seal.Seal(nil, kind, []byte{byte(kind)})))
		require.NoError(t, err)
		require.Equal(t, kind, got)
		require.Equal(t, []byte{byte(kind)}, body)
		require.NotEqual(t, "unknown", kind.String())
	}
	require.Equal(t, "unknown", crypto.RecordType(0).String())
	c, _ := session(t)
	require.Panics(t, func() { c.Seal.Seal(nil, 0, nil) })
	require.Panics(t, func() { c.Seal.Seal(nil, 7, nil) })
	require.Panics(t, func() { c.Seal.Seal(nil, crypto.RecordData, make([]byte, crypto.MaxBody+1)) })
	require.Panics(t, func() { a.Seal.Seal(nil, crypto.RecordData, nil) }, "after the end")
}

// b2 cuts the length prefix off.
func b2(record []byte) []byte { return record[crypto.LengthSize:] }

// refused checks that o refuses record, and everything after it.
func refused(t *testing.T, o *crypto.Opener, record []byte, want error, next []byte) {
	t.Helper()
	kind, body, err := o.Open(bytes.Clone(record))
	require.ErrorIs(t, err, want)
	require.Zero(t, kind)
	require.Nil(t, body)
	_, _, err = o.Open(bytes.Clone(next))
	require.ErrorIs(t, err, want, "the first error is final")
	require.ErrorIs(t, o.Finished(), want)
}

func TestDamagedRecords(t *testing.T) {
	spec.Covers(t, "REC-3")
	a, _ := session(t)
	shape := b2(a.Seal.Seal(nil, crypto.RecordData, []byte("foot")))
	for i := range shape {
		for bit := range 8 {
			if i > 24 && bit > 0 {
				continue
			}
			a, b := cheapSession(t)
			record := b2(a.Seal(nil, crypto.RecordData, []byte("foot")))
			next := b2(a.Seal(nil, crypto.RecordData, []byte("shoe")))
			record[i] ^= 1 << bit
			refused(t, b, record, crypto.ErrRecord, next)
		}
	}
	for n := range shape {
		a, b := cheapSession(t)
		record := b2(a.Seal(nil, crypto.RecordData, []byte("foot")))
		want := crypto.ErrRecord
		if n < crypto.MinRecord {
			want = crypto.ErrRecordForm
		}
		refused(t, b, record[:n], want, record)
	}
}

// cheapSession gives one direction without a handshake.
func cheapSession(testing.TB) (*crypto.Sealer, *crypto.Opener) {
	return crypto.DirectionForTest([32]byte{1, 2, 3})
}

func TestMisplacedRecords(t *testing.T) {
	spec.Covers(t, "REC-3")
	make3 := func(s *crypto.Sealer) (r [3][]byte) {
		for i := range r {
			r[i] = b2(s.Seal(nil, crypto.RecordData, []byte{byte(i)}))
		}
		return r
	}
	open := func(t *testing.T, o *crypto.Opener, record []byte) {
		_, _, err := o.Open(bytes.Clone(record))
		require.NoError(t, err)
	}
	t.Run("replayed", func(t *testing.T) {
		a, b := session(t)
		r := make3(a.Seal)
		open(t, b.Open, r[0])
		refused(t, b.Open, r[0], crypto.ErrRecord, r[1])
	})
	t.Run("left out", func(t *testing.T) {
		a, b := session(t)
		r := make3(a.Seal)
		open(t, b.Open, r[0])
		refused(t, b.Open, r[2], crypto.ErrRecord, r[1])
	})
	t.Run("swapped", func(t *testing.T) {
		a, b := session(t)
		r := make3(a.Seal)
		refused(t, b.Open, r[1], crypto.ErrRecord, r[0])
	})
	t.Run("reflected", func(t *testing.T) {
		a, _ := session(t)
		r := make3(a.Seal)
		refused(t, a.Open, r[0], crypto.ErrRecord, r[0])
	})
	t.Run("of another session", func(t *testing.T) {
		a, _ := session(t)
		_, b := session(t)
		r := make3(a.Seal)
		refused(t, b.Open, r[0], crypto.ErrRecord, r[1])
	})
	t.Run("joined", func(t *testing.T) {
		a, b := session(t)
		r := make3(a.Seal)
		refused(t, b.Open, append(bytes.Clone(r[0]), r[1]...), crypto.ErrRecord, r[0])
	})
	t.Run("over the bound", func(t *testing.T) {
		_, b := session(t)
		refused(t, b.Open, make([]byte, crypto.MaxRecord+1), crypto.ErrRecordForm, nil)
	})
	t.Run("empty", func(t *testing.T) {
		_, b := session(t)
		refused(t, b.Open, nil, crypto.ErrRecordForm, nil)
	})
}

// TestMalformedRecords: authentic records with plaintexts that no honest side makes.
func TestMalformedRecords(t *testing.T) {
	spec.Covers(t, "REC-1", "REC-2", "REC-4")
	for name, c := range map[string]struct {
		plain string
		want  error
	}{
		"type 0":                  {"\x00\x00\x01x", crypto.ErrRecordForm},
		"type 7":                  {"\x07\x00\x01x", crypto.ErrRecordForm},
		"type 255":                {"\xff\x00\x01x", crypto.ErrRecordForm},
		"body beyond the record":  {"\x01\x00\x02x", crypto.ErrRecordForm},
		"body far beyond":         {"\x01\xff\xffx", crypto.ErrRecordForm},
		"padding is not zero":     {"\x01\x00\x01x\x00\x01", crypto.ErrRecordForm},
		"no header":               {"\x01\x00", crypto.ErrRecordForm},
		"nothing":                 {"", crypto.ErrRecordForm},
		"unpadded":                {"\x01\x00\x01x", nil},
		"empty":                   {"\x01\x00\x00", nil},
		"empty, padded":           {"\x01\x00\x00\x00", nil},
		"padded beyond any Padmé": {"\x01\x00\x01x" + string(make([]byte, 1000)), nil},
	} {
		t.Run(name, func(t *testing.T) {
			s, o := cheapSession(t)
			record := crypto.SealRaw(s, []byte(c.plain))
			if c.want != nil {
				refused(t, o, record, c.want, b2(s.Seal(nil, crypto.RecordData, nil)))
				return
			}
			kind, _, err := o.Open(record)
			require.NoError(t, err)
			require.Equal(t, crypto.RecordData, kind)
		})
	}
}

func TestRekeyBoundary(t *testing.T) {
	spec.Covers(t, "REC-6")
	a, b := session(t)
	const last = crypto.RekeyEvery
	for name, d := range map[string]struct {
		s *crypto.Sealer
		o *crypto.Opener
	}{"dialler to responder": {a.Seal, b.Open}, "responder to dialler": {b.Seal, a.Open}} {
		t.Run(name, func(t *testing.T) {
			buf := make([]byte, 0, 64)
			first := crypto.KeyOf(d.s)
			for n := range uint64(2*last + 2) {
				record := d.s.Seal(buf, crypto.RecordData, []byte{byte(n), byte(n >> 8)})
				kind, body, err := d.o.Open(b2(record))
				if err != nil || kind != crypto.RecordData || body[0] != byte(n) || body[1] != byte(n>>8) {
					t.Fatalf("record %d: %v", n, err)
				}
				switch n {
				case last - 1:
					require.Equal(t, first, crypto.KeyOf(d.s))
				case last:
					second := crypto.KeyOf(d.s)
					require.NotEqual(t, first, second)
					first = second
				case 2*last - 1:
					require.Equal(t, first, crypto.KeyOf(d.s))
				case 2 * last:
					require.NotEqual(t, first, crypto.KeyOf(d.s))
				}
			}
			require.EqualValues(t, 2*last+2, d.s.Records(), "the counter runs on")
			require.EqualValues(t, 2*last+2, d.o.Records())
		})
	}
	t.Run("one side does not rekey", func(t *testing.T) {
		s, o := cheapSession(t)
		crypto.SetRecords(s, o, last-1)
		_, _, err := o.Open(b2(s.Seal(nil, crypto.RecordData, nil)))
		require.NoError(t, err)
		refused(t, o, crypto.SealRaw(s, []byte{1, 0, 0}), crypto.ErrRecord, nil)
	})
}

func TestEnd(t *testing.T) {
	spec.Covers(t, "REC-7", "REC-8")
	a, b := session(t)
	require.ErrorIs(t, b.Open.Finished(), crypto.ErrTruncated, "before anything came")
	_, _, err := b.Open.Open(b2(a.Seal.Seal(nil, crypto.RecordData, []byte("x"))))
	require.NoError(t, err)
	require.ErrorIs(t, b.Open.Finished(), crypto.ErrTruncated)
	_, _, err = b.Open.Open(b2(a.Seal.Seal(nil, crypto.RecordEnd, nil)))
	require.NoError(t, err)
	require.Equal(t, io.EOF, b.Open.Finished())
	require.Panics(t, func() { a.Seal.Seal(nil, crypto.RecordData, nil) })

	s, o := cheapSession(t)
	_, _, err = o.Open(b2(s.Seal(nil, crypto.RecordEnd, nil)))
	require.NoError(t, err)
	refused(t, o, crypto.SealRaw(s, []byte{1, 0, 0}), crypto.ErrRecord, nil)
}

func TestRecordsDoNotAllocate(t *testing.T) {
	a, b := session(t)
	for _, n := range []int{0, 100, crypto.MaxBody} {
		body := make([]byte, n)
		buf := make([]byte, 0, crypto.LengthSize+crypto.MaxRecord)
		allocs := testing.AllocsPerRun(1000, func() {
			record := a.Seal.Seal(buf, crypto.RecordData, body)
			if _, _, err := b.Open.Open(record[crypto.LengthSize:]); err != nil {
				panic(err)
			}
		})
		require.Zero(t, allocs, "body of %d bytes", n)
	}
}

func TestSessionsNeverPrintKeys(t *testing.T) {
	a, b := session(t)
	key := crypto.KeyOf(a.Seal)
	i, err := crypto.NewInitiator(fixed(1), fixed(2).VatID(), crypto.Hello{})
	require.NoError(t, err)
	r, err := crypto.NewResponder(fixed(2), crypto.Hello{})
	require.NoError(t, err)
	type holder struct{ s *crypto.Sealer }
	var out bytes.Buffer
	for _, v := range []any{a, *a, b, a.Seal, b.Open, i, r, holder{a.Seal}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "v", v)
		slog.New(slog.NewTextHandler(&out, nil)).Info("m", "v", v)
	}
	for _, form := range []string{
		fmt.Sprint(key)[1:30], fmt.Sprintf("%#v", key)[8:40], fmt.Sprintf("%x", key), string(key[:8]),
	} {
		require.False(t, bytes.Contains(out.Bytes(), []byte(form)), "%q", form)
	}
}

func FuzzOpen(f *testing.F) {
	s, _ := cheapSession(f)
	f.Add(b2(s.Seal(nil, crypto.RecordData, []byte("foot"))), false)
	f.Add([]byte{1, 0, 1, 'x'}, true)
	f.Add([]byte{}, false)
	f.Fuzz(func(t *testing.T, in []byte, authentic bool) {
		s, o := cheapSession(t)
		if authentic && len(in) < crypto.MaxRecord-16 {
			in = crypto.SealRaw(s, in)
		}
		kind, body, err := o.Open(in)
		if err != nil {
			require.ErrorIs(t, o.Finished(), err)
			return
		}
		require.NotEqual(t, "unknown", kind.String())
		require.LessOrEqual(t, len(body), crypto.MaxBody)
	})
}

func BenchmarkSealOpen100(b *testing.B) {
	s, o := cheapSession(b)
	body := make([]byte, 100)
	buf := make([]byte, 0, 256)
	b.SetBytes(100)
	b.ReportAllocs()
	for b.Loop() {
		record := s.Seal(buf, crypto.RecordData, body)
		if _, _, err := o.Open(record[crypto.LengthSize:]); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkHandshake is the work of both sides, without a network.
func BenchmarkHandshake(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		session(b)
	}
}

// BenchmarkDialAccept is the same over an in-memory connection.
func BenchmarkDialAccept(b *testing.B) {
	for b.Loop() {
		ca, cb := net.Pipe()
		accepted := accepting(cb, &crypto.AcceptConfig{Identity: bob})
		if _, err := crypto.Dial(ca, &crypto.DialConfig{Identity: alice, Peer: bob.VatID()}); err != nil {
			b.Fatal(err)
		}
		if r := <-accepted; r.err != nil {
			b.Fatal(r.err)
		}
		ca.Close()
		cb.Close()
	}
}

// BenchmarkKnock is what a stranger's message 1 costs.
func BenchmarkKnock(b *testing.B) {
	r, err := crypto.NewResponder(fixed(2), crypto.Hello{})
	require.NoError(b, err)
	message := make([]byte, 1265)
	message[0] = 1
	b.ReportAllocs()
	for b.Loop() {
		if r.Knock(message) == nil {
			b.Fatal("accepted")
		}
	}
}
