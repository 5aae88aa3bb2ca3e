package stream_test

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/stream"
)

// ends makes a channel whose receive end is used in its vat, and whose send end in another one,
// over loopback.
func ends[T any](b *testing.B, cfg *stream.Config) (to, from *vat.Ref) {
	hub, err := vat.New(&vat.Config{Listen: []string{"127.0.0.1:0"}})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, hub.Close()) })
	v, err := vat.New(nil)
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, v.Close()) })
	ch, err := stream.New[T](hub, cfg)
	require.NoError(b, err)
	sr, err := hub.Export(ch.SendEnd(), nil)
	require.NoError(b, err)
	from, err = hub.Ref(ch.RecvEnd())
	require.NoError(b, err)
	return v.Enliven(sr), from
}

// BenchmarkItems sends numbers from one vat to another, one by one.
func BenchmarkItems(b *testing.B) {
	to, from := ends[int](b, &stream.Config{Window: 1024})
	s, r := stream.SenderTo[int](to), stream.ReceiverFrom[int](from, 1024)
	received := make(chan error, 1)
	b.ReportAllocs()
	b.ResetTimer()
	go func() {
		n := 0
		for _, err := range r.All(b.Context()) {
			if n++; err != nil {
				received <- err
				return
			}
		}
		received <- nil
	}()
	for i := range b.N {
		require.NoError(b, s.Send(b.Context(), i))
	}
	require.NoError(b, s.Close())
	require.NoError(b, <-received)
}

// BenchmarkBytes copies bytes from one vat to another.
func BenchmarkBytes(b *testing.B) {
	to, from := ends[[]byte](b, nil)
	w, r := stream.NewWriter(b.Context(), to), stream.NewReader(b.Context(), from)
	const block = 32 << 10
	b.SetBytes(block)
	b.ResetTimer()
	copied := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, r)
		copied <- err
	}()
	buf := make([]byte, block)
	for range b.N {
		_, err := w.Write(buf)
		require.NoError(b, err)
	}
	require.NoError(b, w.Close())
	require.NoError(b, <-copied)
}
